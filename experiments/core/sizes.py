"""What a size needs in memory, and refusing what does not fit, before it is tried."""

from __future__ import annotations

import os
from pathlib import Path

from experiments.core.errors import UsageError

# Bytes of a number in double precision.
DOUBLE = 8
# Larger sizes are not written out.
MOST_BYTES = 10**18
# Where Linux says how much memory is available, and how much a control group may have.
MEMINFO = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")
# A text file that is read into a table needs about this many times its size on disk.
TEXT_GROWTH = 4
# Covariance entries of all iterations of one EM run that are kept for the report: 160 MB.
MAX_STEP_ENTRIES = 20_000_000


def of_doubles(*shape: int) -> int:
    """Return the bytes of an array of doubles."""
    n_bytes = DOUBLE
    for length in shape:
        n_bytes *= length
    return n_bytes


def of_mixtures(n: int, n_components: int, n_features: int) -> int:
    """Return the bytes of several mixtures: weights, means and covariances."""
    return of_doubles(n, n_components, 1 + n_features + n_features**2)


def of_text_table(size_on_disk: int) -> int:
    """Return about how many bytes a text file of some bytes needs as a table."""
    return TEXT_GROWTH * size_on_disk


def physical_memory() -> int:
    """Return the bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def free_memory() -> int:
    """Return the bytes of memory that this process may still take without any other giving up some.

    What the system says is available, less where the process's control group allows less. Where
    neither is known, all memory of the machine.
    """
    return min([_available(), *_left_in_group()])


def _available() -> int:
    for line in _text(MEMINFO).splitlines():
        if line.startswith("MemAvailable:"):
            return 1024 * int(line.split()[1])
    return physical_memory()


def _left_in_group() -> list[int]:
    """Return what is left under the limit of the control group; nothing where there is no limit."""
    most, used = _text(GROUP / "memory.max").strip(), _text(GROUP / "memory.current").strip()
    if not most.isdigit() or not used.isdigit():
        return []
    # The cache of files counts as used, and the system gives it up when it is needed.
    cached = sum(
        int(line.split()[1])
        for line in _text(GROUP / "memory.stat").splitlines()
        if line.split()[0] == "file"
    )
    return [max(0, int(most) - int(used) + cached)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        # Another system, or a group without limits: the caller knows what an empty text means.
        return ""


def refuse_beyond_memory(n_bytes: int, origin: str, allowed: str) -> None:
    """Refuse what needs more memory than is free.

    Parameters
    ----------
    n_bytes : int
        What it needs.
    origin, allowed : str
        What the error calls it, and what the error says is allowed instead.

    Raises
    ------
    UsageError
        If less memory is free.
    """
    memory = free_memory()
    if n_bytes > memory:
        raise UsageError(
            f"{origin}: would need about {in_gigabytes(n_bytes)} of memory and "
            f"{in_gigabytes(memory)} are free, allowed is {allowed}"
        )


def in_gigabytes(n_bytes: int) -> str:
    """Write a number of bytes for people."""
    size = n_bytes / 1e9 if n_bytes < MOST_BYTES else MOST_BYTES / 1e9
    more = "more than " if n_bytes >= MOST_BYTES else ""
    return f"{more}{size:.0f} GB" if size >= 10 else f"{size:.2g} GB"
