"""Speed of gmm_em against Intel oneDAL, the fastest EM for processors that we know.

It is a part of ``gmm-compare bench em`` where ``daal4py`` is installed (``pip install
scikit-learn-intelex``). The time of an iteration is the slope between 10 and 60 of them, so that
what a call costs beside is told apart. Both begin from random rows with identity covariances, and
run on all of their threads.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from experiments.benchmarks.cases import Case, make_data, seconds
from experiments.core.types import FloatArray
from gmm_em import GaussianMixtureEM

# The target is the largest ratio of the seconds of an iteration, ours to theirs.
CASES = (
    Case(1_000, 2, 3, target=2.5),
    Case(10_000, 2, 5, target=2.5),
    Case(100_000, 2, 5, target=1.3),
    Case(1_000_000, 4, 8, target=1.1),
    Case(100_000, 10, 10, target=1.0),
    Case(20_000, 64, 20, target=1.5),
)
# Cases up to this size are in the quick run.
_QUICK_ELEMENTS = 100_000
_FEW, _MANY = 10, 60
# A case is repeated until it has had about as many elements in all.
_REPEATED_ELEMENTS = 4_000_000

# Fits with so many iterations, and returns the log-likelihood under the mixture that the last
# M-step began from.
Fit = Callable[[int], float]


def race_onedal(quick: bool = False) -> None:
    """Print the table, or one line where oneDAL is not installed.

    Parameters
    ----------
    quick : bool, default False
        Leave out the large cases.
    """
    try:
        import daal4py  # noqa: PLC0415 - where it is missing, a sentence says so
    except ImportError:
        print("not raced: pip install scikit-learn-intelex")
        return
    print(
        f"{'N':>9} {'D':>3} {'K':>3}{'oneDAL':>11}{'gmm_em':>11}{'ratio':>8}{'target':>8}{'':>6}"
        "   call  log-likelihood differs by"
    )
    for case in CASES:
        if not quick or case.elements <= _QUICK_ELEMENTS:
            print(_row(case, daal4py), flush=True)


def _row(case: Case, daal4py: Any) -> str:
    """Time both: microseconds an iteration, and ours of a call beside its iterations."""
    X, _ = make_data(case)
    rows = np.random.default_rng(2).permutation(case.n_samples)[: case.n_components]
    means = X[rows]
    ours = partial(_ours, case, X, means)
    theirs = partial(_theirs, daal4py, case, X, means)
    try:
        reached = theirs(_FEW)
    except RuntimeError as error:
        # oneDAL refuses covariances that it calls ill-conditioned.
        return f"{case.label}  oneDAL refuses: {str(error).splitlines()[0]}"
    repeats = max(2, min(200, _REPEATED_ELEMENTS // case.elements))
    (their_slope, _), (our_slope, call) = _slopes((theirs, ours), repeats)
    ratio = our_slope / their_slope
    verdict = "ok" if ratio <= case.target else "above"
    difference = abs(ours(_FEW) - reached) / abs(reached)
    return (
        f"{case.label}{their_slope * 1e6:11.1f}{our_slope * 1e6:11.1f}{ratio:8.2f}"
        f"{case.target:8g}{verdict:>6}{call * 1e6:7.0f}  {difference:.1e}"
    )


def _slopes(fits: tuple[Fit, Fit], repeats: int) -> list[tuple[float, float]]:
    """Return the seconds of an iteration and of the rest of a call, the fits taking turns."""
    best = np.full((len(fits), 2), np.inf)
    for _ in range(repeats):
        for i, fit in enumerate(fits):
            for j, iterations in enumerate((_FEW, _MANY)):
                best[i, j] = min(best[i, j], seconds(partial(fit, iterations)))
    slopes = (best[:, 1] - best[:, 0]) / (_MANY - _FEW)
    calls = best[:, 0] - _FEW * slopes
    return list(zip(slopes.tolist(), calls.tolist(), strict=True))


def _ours(case: Case, X: FloatArray, means: FloatArray, iterations: int) -> float:
    k, d = case.n_components, case.n_features
    model = GaussianMixtureEM(
        k,
        tol=0.0,
        reg_covar=0.0,
        # The last E-step of ours has no M-step after it.
        max_iter=iterations,
        accelerate=False,
        weights_init=np.full(k, 1.0 / k),
        means_init=means,
        precisions_init=np.repeat(np.eye(d)[None], k, axis=0),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
    return float(model.trace_[-2])


def _theirs(daal4py: Any, case: Case, X: FloatArray, means: FloatArray, iterations: int) -> float:
    k, d = case.n_components, case.n_features
    algorithm = daal4py.em_gmm(
        nComponents=k,
        maxIterations=iterations,
        accuracyThreshold=0.0,
        regularizationFactor=0.0,
    )
    result = algorithm.compute(X, np.full((1, k), 1.0 / k), means, [np.eye(d) for _ in range(k)])
    return float(result.goalFunction[0, 0])
