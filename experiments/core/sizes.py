"""What a size needs in memory, and refusing what does not fit, before it is tried."""

from __future__ import annotations

import os

from experiments.core.errors import UsageError

# Bytes of a number in double precision.
DOUBLE = 8
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


def of_text_table(size_on_disk: int) -> int:
    """Return about how many bytes a text file of some bytes needs as a table."""
    return TEXT_GROWTH * size_on_disk


def physical_memory() -> int:
    """Return the bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def refuse_beyond_memory(n_bytes: int, origin: str, allowed: str) -> None:
    """Refuse what needs more memory than the machine has.

    Parameters
    ----------
    n_bytes : int
        What it needs.
    origin, allowed : str
        What the error calls it, and what the error says is allowed instead.

    Raises
    ------
    UsageError
        If there is less memory.
    """
    memory = physical_memory()
    if n_bytes > memory:
        raise UsageError(
            f"{origin}: would need about {n_bytes / 1e9:.0f} GB of memory and there are "
            f"{memory / 1e9:.0f}, allowed is {allowed}"
        )
