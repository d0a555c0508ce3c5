"""Environment variables that hold a worker to one thread."""

from __future__ import annotations

# Cells share the machine, so that none may start threads, or chains side by side, of its own.
THREADS = dict.fromkeys(
    (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS", "PYTHON_CPU_COUNT",
    ),
    "1",
)  # fmt: skip
