"""What a verbose fit prints."""

from __future__ import annotations

import time

import numpy as np

from gmm_em.fitting.result import EMResult


class Progress:
    """Prints what scikit-learn's mixtures print."""

    def __init__(self, level: int, interval: int) -> None:
        self._level, self._interval = level, interval
        self._run: int | None = None
        self._last = -np.inf
        self._started = time.perf_counter()

    def __call__(self, run: int, n_iter: int, log_likelihood: float) -> None:
        """Print a line where one is due."""
        if run != self._run:
            print(f"Initialization {run}")
            self._run, self._last = run, log_likelihood
        if n_iter and n_iter % self._interval == 0:
            line = f"  Iteration {n_iter}"
            if self._level > 1:
                elapsed = time.perf_counter() - self._started
                line += (
                    f"\t time lapse {elapsed:.5f}s\t ll change {log_likelihood - self._last:.5f}"
                )
            print(line)
            self._last = log_likelihood

    def end(self, result: EMResult) -> None:
        """Print how the search ended."""
        state = "converged" if result.converged else "did not converge"
        print(f"Run {result.best} of {len(result.runs)} is the best; it {state}.")
