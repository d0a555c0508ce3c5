"""Memory maps that are larger than memory: pages that were read are given back at once.

The pages of a map count as memory of the process until the system needs them elsewhere. After a
pass over a large file the process would seem to hold the whole file, and a system that limits the
memory of a process would stop it.
"""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from gmm_em.core.types import FloatArray

# With a page that is read, the system maps the pages around it too, in aligned groups of this size.
_AROUND = max(1 << 16, mmap.PAGESIZE)
# So many rows that are far apart then hold 16 MiB of pages.
_ROWS_AT_A_TIME = 256


def release(rows: Any) -> None:
    """Give back the pages that rows of a read-only map lie on; reading them again is allowed.

    Parameters
    ----------
    rows : array_like
        Rows, or a view of them; anything but contiguous rows of a read-only map is left alone.
    """
    owner = rows
    while owner is not None and not isinstance(owner, np.memmap):
        owner = getattr(owner, "base", None)
    if owner is None or owner.mode != "r" or not hasattr(mmap, "MADV_DONTNEED"):
        return
    # A memmap has no public name for the map that it lies on.
    pages = owner._mmap  # type: ignore[attr-defined] # noqa: SLF001
    if pages is None or not rows.size or not rows.flags.c_contiguous:
        return
    begin = rows.ctypes.data - np.frombuffer(pages, np.uint8).ctypes.data
    first = begin // _AROUND * _AROUND
    last = min(-(-(begin + rows.nbytes) // _AROUND) * _AROUND, len(pages))
    pages.madvise(mmap.MADV_DONTNEED, first, last - first)


def pick(rows: Any, index: Any) -> FloatArray:
    """Return chosen rows, shape (n, D), holding few pages of a map at a time.

    Parameters
    ----------
    rows : array_like, shape (N, D)
    index : slice or ndarray of int
    """
    if not isinstance(rows, np.memmap):
        return np.asarray(rows[index], dtype=np.float64)
    chosen = np.arange(*index.indices(rows.shape[0])) if isinstance(index, slice) else index
    out = np.empty((len(chosen), rows.shape[1]))
    for start in range(0, len(chosen), _ROWS_AT_A_TIME):
        part = slice(start, start + _ROWS_AT_A_TIME)
        out[part] = rows[chosen[part]]
        release(rows)
    return out
