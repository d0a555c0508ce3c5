"""EM on a file larger than the memory it may use, each fit in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from experiments.benchmarks.em import peak_mib, status_kib
from gmm_em import Mixture, fit_em

N_FEATURES, N_COMPONENTS = 4, 3
# Rows written at a time, and rows of a chunk: 16 MB.
_ROWS = 500_000


@dataclass(frozen=True)
class DiskFit:
    """One fit.

    Attributes
    ----------
    seconds : float
        Of the fit.
    peak_mib, beyond_mib : float
        The most that the process held during the fit, mapped pages included: interpreter and
        libraries counted, and beyond what it held before.
    n_iter : int
    log_likelihood : float
    """

    seconds: float
    peak_mib: float
    beyond_mib: float
    n_iter: int
    log_likelihood: float


def write_rows(path: Path, n_rows: int) -> Path:
    """Draw rows from a mixture into a .npy file, some at a time."""
    rng = np.random.default_rng(0)
    truth = Mixture(
        [0.5, 0.3, 0.2],
        3.0 * rng.normal(size=(N_COMPONENTS, N_FEATURES)),
        np.repeat(np.eye(N_FEATURES)[None], N_COMPONENTS, axis=0),
    )
    rows = open_memmap(path, mode="w+", dtype=np.float64, shape=(n_rows, N_FEATURES))
    for start in range(0, n_rows, _ROWS):
        size = min(_ROWS, n_rows - start)
        rows[start : start + size] = truth.sample(size, rng)[0]
    rows.flush()
    return path


def chunks_on_disk(path: Path) -> Any:
    """Return a dask array of a .npy file, every chunk of which opens the file where it is read.

    `dask.array.from_array` copies a memory map whole into memory.
    """
    import dask.array

    shape = np.load(path, mmap_mode="r").shape
    chunks = dask.array.core.normalize_chunks((_ROWS, -1), shape, dtype=np.float64)
    return dask.array.map_blocks(
        _rows_of, str(path), chunks=chunks, dtype=np.float64, meta=np.empty((0, 0))
    )


def _rows_of(path: str, block_info: Any = None) -> Any:
    first, last = block_info[None]["array-location"][0]
    return np.load(path, mmap_mode="r")[first:last]


PLACES: dict[str, Callable[[Path], Any]] = {
    "a dask array on disk": chunks_on_disk,
    "a memory map": lambda path: np.load(path, mmap_mode="r"),
    "in memory": np.load,
}


def fit_on_disk(path: Path, place: str) -> DiskFit:
    """Fit the rows of a file in a new process.

    Parameters
    ----------
    path : Path
        Of a .npy file.
    place : str
        One of `PLACES`: where the rows are while they are fitted.
    """
    command = [sys.executable, "-m", __name__, str(path), place]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return DiskFit(**json.loads(done.stdout))


def _fit(path: Path, place: str) -> DiskFit:
    rows = PLACES[place](path)
    found = []
    start = time.perf_counter()
    beyond = peak_mib(lambda: found.append(fit_em(rows, N_COMPONENTS, random_state=0)))
    seconds = time.perf_counter() - start
    (result,) = found
    peak = status_kib("VmHWM") / 1024
    return DiskFit(seconds, peak, beyond, result.n_iter, result.log_likelihood)


if __name__ == "__main__":
    print(json.dumps(asdict(_fit(Path(sys.argv[1]), sys.argv[2]))))
