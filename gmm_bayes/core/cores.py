"""How many processors this process may use."""

from __future__ import annotations

import os


def processors() -> int:
    """Return how many processors this process may use."""
    available = os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()
    return available or 1
