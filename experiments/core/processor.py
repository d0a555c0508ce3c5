"""The processor of this machine, on which measured speeds depend."""

from __future__ import annotations

import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def processor_line(cpuinfo: Path = CPUINFO) -> str:
    """Say in a line which processor this is, and whether it has AVX-512.

    Parameters
    ----------
    cpuinfo : Path
        What Linux says of its processors; where there is no such file, Python is asked.
    """
    facts: dict[str, str] = {}
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            facts.setdefault(name.strip(), value.strip())
    name = facts.get("model name") or platform.processor() or platform.machine() or "unknown"
    if "flags" not in facts:
        return f"Processor: {name}; not known whether it has AVX-512."
    has = "with" if "avx512f" in facts["flags"].split() else "without"
    return f"Processor: {name}, {has} AVX-512."
