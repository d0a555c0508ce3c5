"""Speed of gmm_em against Intel oneDAL, the fastest EM for processors that we know.

It is a part of ``gmm-compare bench em`` where ``daal4py`` is installed (``pip install
scikit-learn-intelex``). The time of an iteration is the slope between 10 and 60 of them, so that
what a call costs beside is told apart. All begin from random rows with identity covariances, and
run on all of their threads. Ours runs with NumPy's E-step and with the compiled one of `gmm_bayes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from experiments.benchmarks.cases import Case, make_data, seconds
from experiments.core.types import FloatArray
from gmm_bayes import CompiledRows
from gmm_em import DegenerateError, Mixture, fit_em
from gmm_em.e_step.registry import RowReader

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

# Fits with at most so many iterations. Returns how many there were, and the log-likelihood under
# the mixture that the last M-step began from.
Fit = Callable[[int], tuple[int, float]]


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
        f"{'N':>9} {'D':>3} {'K':>3}{'oneDAL':>11}{'NumPy':>11}{'compiled':>11}"
        f"{'ratios':>14}{'target':>8}{'':>6}{'call':>7}  log-likelihoods differ by"
    )
    for case in CASES:
        if not quick or case.elements <= _QUICK_ELEMENTS:
            print(_row(case, daal4py), flush=True)


def _row(case: Case, daal4py: Any) -> str:
    """Time them: microseconds an iteration, and of a call beside its iterations.

    The ratios are of both E-steps of ours, and the better of the two is held to the target.
    """
    X, _ = make_data(case)
    rows = np.random.default_rng(1).permutation(case.n_samples)[: case.n_components]
    means = X[rows]
    ours = [partial(_ours, case, X, means, reader) for reader in (None, CompiledRows())]
    theirs = partial(_theirs, daal4py, case, X, means)
    try:
        _, reached = theirs(_MANY)
        ours[0](_MANY)
    except (RuntimeError, DegenerateError) as error:
        # oneDAL refuses covariances that it calls ill-conditioned, ours those that are singular.
        who = "gmm_em" if isinstance(error, DegenerateError) else "oneDAL"
        return f"{case.label}  {who} refuses: {str(error).splitlines()[0]}"
    repeats = max(2, min(200, _REPEATED_ELEMENTS // case.elements))
    difference = max(abs(fit(_MANY)[1] - reached) / abs(reached) for fit in ours)
    slopes, calls = _slopes([theirs, *ours], repeats)
    ratios = slopes[1:] / slopes[0]
    verdict = "ok" if ratios.min() <= case.target else "above"
    times = "".join(f"{slope * 1e6:11.1f}" for slope in slopes)
    return (
        f"{case.label}{times}{ratios[0]:7.2f}{ratios[1]:7.2f}"
        f"{case.target:8g}{verdict:>6}{calls[1] * 1e6:7.0f}  {difference:.1e}"
    )


def _slopes(fits: Sequence[Fit], repeats: int) -> tuple[FloatArray, FloatArray]:
    """Return the seconds of an iteration and of the rest of a call, the fits taking turns."""
    # Ours stops early where the likelihood does not grow any more, to rounding.
    done = np.array([[fit(iterations)[0] for iterations in (_FEW, _MANY)] for fit in fits])
    best = np.full(done.shape, np.inf)
    for _ in range(repeats):
        for i, fit in enumerate(fits):
            for j, iterations in enumerate((_FEW, _MANY)):
                best[i, j] = min(best[i, j], seconds(partial(fit, iterations)))
    slopes = (best[:, 1] - best[:, 0]) / (done[:, 1] - done[:, 0])
    return slopes, best[:, 0] - done[:, 0] * slopes


def _ours(
    case: Case, X: FloatArray, means: FloatArray, reader: RowReader | None, iterations: int
) -> tuple[int, float]:
    k, d = case.n_components, case.n_features
    start = Mixture(np.full(k, 1.0 / k), means, np.repeat(np.eye(d)[None], k, axis=0))
    result = fit_em(X, k, tol=0.0, max_iter=iterations, accelerate=False, init=start, reader=reader)
    # After the last M-step ours has one more E-step.
    return result.n_iter, float(result.trace[-2])


def _theirs(
    daal4py: Any, case: Case, X: FloatArray, means: FloatArray, iterations: int
) -> tuple[int, float]:
    k, d = case.n_components, case.n_features
    algorithm = daal4py.em_gmm(
        nComponents=k,
        maxIterations=iterations,
        accuracyThreshold=0.0,
        regularizationFactor=0.0,
    )
    result = algorithm.compute(X, np.full((1, k), 1.0 / k), means, [np.eye(d) for _ in range(k)])
    return int(result.nIterations[0, 0]), float(result.goalFunction[0, 0])
