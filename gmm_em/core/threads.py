"""The worker threads, and BLAS held to one thread while they run.

Blocks of rows are dealt to a few threads of this process, each of which calls BLAS. Were BLAS to
start threads of its own below them, they would fight for the same cores, so it is held to one
thread meanwhile: the library NumPy itself is linked with is asked through its C interface, which
costs a microsecond.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

_SETTERS = (
    ("scipy_openblas_set_num_threads64_", "scipy_openblas_get_num_threads64_"),
    ("scipy_openblas_set_num_threads", "scipy_openblas_get_num_threads"),
    ("openblas_set_num_threads64_", "openblas_get_num_threads64_"),
    ("openblas_set_num_threads", "openblas_get_num_threads"),
    ("MKL_Set_Num_Threads", "MKL_Get_Max_Threads"),
)


def _find_blas() -> tuple[Callable[[int], object], Callable[[], int]] | None:
    """Return the functions that set and get the BLAS thread count, where there are any."""
    try:
        # Symbols of the libraries that an extension is linked with are visible through it.
        library = ctypes.CDLL(np.linalg._umath_linalg.__file__)  # noqa: SLF001 - no public path
    except (AttributeError, OSError):
        return None
    for setter, getter in _SETTERS:
        if hasattr(library, setter) and hasattr(library, getter):
            return getattr(library, setter), getattr(library, getter)
    return None


_blas = _find_blas()
_lock = threading.Lock()
_held = 0
_saved = 1
_pool: ThreadPoolExecutor | None = None


def _reset() -> None:
    """Forget the pool: threads do not survive a fork."""
    global _lock, _held, _pool
    _lock, _pool = threading.Lock(), None
    if _held and _blas is not None:
        _blas[0](_saved)
    _held = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset)


@contextmanager
def single_threaded_blas() -> Iterator[int]:
    """Hold BLAS to one thread; yields how many threads it would have used.

    Nested and concurrent uses are counted: the last to leave restores the setting. That number,
    which the environment (``OMP_NUM_THREADS``...) and the caller's own thread limits govern, is
    also how many threads our own loops may use.
    """
    global _held, _saved
    if _blas is None:
        yield os.cpu_count() or 1
        return
    set_threads, get_threads = _blas
    with _lock:
        if _held == 0:
            _saved = max(1, int(get_threads()))
            if _saved > 1:
                set_threads(1)
        _held += 1
        available = _saved
    try:
        yield available
    finally:
        with _lock:
            _held -= 1
            if _held == 0 and _saved > 1:
                set_threads(_saved)


def _shared_pool() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="gmm_em")
        return _pool


def run_all(work: Callable[[int], None], items: Iterable[int], n_threads: int) -> None:
    """Call ``work(item)`` for every item on up to `n_threads` threads, this one among them.

    The first exception, if any, is raised here after every thread has stopped.
    """
    todo = list(items)[::-1]

    def drain() -> None:
        while True:
            try:
                item = todo.pop()
            except IndexError:
                return
            try:
                work(item)
            except BaseException:
                todo.clear()
                raise

    helpers = min(n_threads, len(todo)) - 1
    futures = [_shared_pool().submit(drain) for _ in range(helpers)]
    try:
        drain()
    finally:
        # The helpers write into the caller's arrays: never leave while one is running.
        errors = [future.exception() for future in futures]
    for error in errors:
        if error is not None:
            raise error
