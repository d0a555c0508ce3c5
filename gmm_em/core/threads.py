"""The worker threads, and BLAS held to one thread while they run.

Blocks of rows are dealt to a few threads of this process, each of which calls BLAS. Were BLAS to
start threads of its own below them, they would fight for the same cores, so it is held to one
thread meanwhile. BLAS also adds in another order when it has more threads, so that the last digits
of a long sum would depend on their number: every function whose result must not depend on it holds
BLAS to one thread. The libraries that NumPy and SciPy are linked with are asked through their C
interface, which costs a microsecond.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import scipy.linalg.blas

_SETTERS = (
    ("scipy_openblas_set_num_threads64_", "scipy_openblas_get_num_threads64_"),
    ("scipy_openblas_set_num_threads", "scipy_openblas_get_num_threads"),
    ("openblas_set_num_threads64_", "openblas_get_num_threads64_"),
    ("openblas_set_num_threads", "openblas_get_num_threads"),
    ("MKL_Set_Num_Threads", "MKL_Get_Max_Threads"),
)


class _Blas(NamedTuple):
    """The functions of a BLAS library that set and get its number of threads."""

    set_threads: Callable[[int], object]
    get_threads: Callable[[], int]


def _find_blas(extension: str) -> _Blas | None:
    """Return the BLAS that an extension module is linked with, if its threads can be set."""
    try:
        # Symbols of the libraries that an extension is linked with are visible through it.
        library = ctypes.CDLL(extension)
    except OSError:
        return None
    for setter, getter in _SETTERS:
        if hasattr(library, setter) and hasattr(library, getter):
            return _Blas(getattr(library, setter), getattr(library, getter))
    return None


def _find_all() -> tuple[_Blas, ...]:
    """Return NumPy's BLAS and SciPy's, which may be another copy; Numba calls SciPy's."""
    numpy_module = np.linalg._umath_linalg  # noqa: SLF001 - no public path
    scipy_module = scipy.linalg.blas._fblas  # type: ignore[attr-defined]  # noqa: SLF001 - no public path
    modules = (numpy_module, scipy_module)
    found = [_find_blas(str(module.__file__)) for module in modules]
    return tuple(blas for blas in found if blas is not None)


_libraries = _find_all()
_lock = threading.Lock()
_held = 0
_saved: tuple[int, ...] = (1,) * len(_libraries)
_pool: ThreadPoolExecutor | None = None


def _reset() -> None:
    """Forget the pool: threads do not survive a fork."""
    global _lock, _held, _pool
    _lock, _pool = threading.Lock(), None
    if _held:
        _restore()
    _held = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset)


@contextmanager
def single_threaded_blas() -> Iterator[int]:
    """Hold BLAS to one thread; yields how many threads it would have used.

    As a decorator it holds BLAS while the function runs. Nested and concurrent uses are counted:
    the last to leave restores the setting. The number yielded, which the environment
    (``OMP_NUM_THREADS``...) and the caller's own thread limits govern, is also how many threads
    our own loops may use.
    """
    global _held, _saved
    if not _libraries:
        yield os.cpu_count() or 1
        return
    with _lock:
        if _held == 0:
            _saved = tuple(max(1, int(blas.get_threads())) for blas in _libraries)
            for blas, threads in zip(_libraries, _saved, strict=True):
                if threads > 1:
                    blas.set_threads(1)
        _held += 1
        available = _saved[0]
    try:
        yield available
    finally:
        with _lock:
            _held -= 1
            if _held == 0:
                _restore()


def _restore() -> None:
    for blas, threads in zip(_libraries, _saved, strict=True):
        if threads > 1:
            blas.set_threads(threads)


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
