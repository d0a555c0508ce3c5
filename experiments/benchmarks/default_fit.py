"""A default fit beside scikit-learn's: a part of ``gmm-compare bench em``.

scikit-learn's default makes one start and stops where a step gains less than 1e-3 a row, which may
be many nats below the maximum that it climbs. So it is timed twice: as it is, with how much lower
it ends, and with a smaller tolerance and as many starts as reach the same log-likelihood.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import NamedTuple

from experiments.benchmarks.cases import Case, make_data, seconds
from experiments.core.types import FloatArray
from gmm_em import GaussianMixtureEM

CASES = (Case(1_000, 2, 3), Case(10_000, 2, 5), Case(10_000, 10, 10), Case(50_000, 20, 16))
SEEDS = (0, 1, 2)
_REPEATS = 3
# Ours stops where the gain still to come is below 1e-8. scikit-learn's stops by the last gain,
# which must be about as small for the same precision.
_TOLERANCE = 1e-9
# A log-likelihood is reached where it is missed by less than this.
_REACHED = 1e-3
# scikit-learn is given up where it has taken about so many times what ours took.
_PATIENCE = 20.0


class Timed(NamedTuple):
    """What a fit took, and where it ended."""

    seconds: float
    log_likelihood: float
    n_iter: int


def race_default_fits(quick: bool = False) -> None:
    """Print a row for each case and data set.

    Parameters
    ----------
    quick : bool, default False
        Race on the smallest case only.
    """
    print(
        f"{'N':>9} {'D':>3} {'K':>3}{'gmm_em':>9}{'sklearn':>9}{'ratio':>7}{'lower by':>10}"
        f"{'as high':>9}{'ratio':>7}{'starts':>8}"
    )
    for case in CASES[: 1 if quick else None]:
        for seed in SEEDS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                print(_row(case, make_data(case, seed)[0]), flush=True)


def _row(case: Case, X: FloatArray) -> str:
    k = case.n_components
    # They take turns, so that a busy machine disturbs both alike.
    pairs = [(_ours(X, k), _theirs(X, k)) for _ in range(_REPEATS)]
    ours, theirs = (min(each) for each in zip(*pairs, strict=True))
    allowed = _PATIENCE * ours.seconds
    most = max(100, int(allowed * theirs.n_iter / theirs.seconds))
    spent, high, n_starts, reached = 0.0, theirs, 0, False
    while not reached and spent < allowed:
        n_starts = max(1, 2 * n_starts)
        high = _theirs(X, k, n_init=n_starts, tol=_TOLERANCE, max_iter=most)
        spent += high.seconds
        reached = high.log_likelihood >= ours.log_likelihood - _REACHED
    lower = ours.log_likelihood - theirs.log_likelihood
    sign = "" if reached else ">"
    return (
        f"{case.label}{ours.seconds:9.3f}{theirs.seconds:9.3f}"
        f"{theirs.seconds / ours.seconds:6.2f}x{lower:10.3f}{sign + f'{high.seconds:.3f}':>9}"
        f"{sign + f'{high.seconds / ours.seconds:.1f}x':>7}{n_starts:>8}"
    )


def _ours(X: FloatArray, n_components: int) -> Timed:
    model = GaussianMixtureEM(n_components, random_state=0)
    taken = seconds(partial(model.fit, X))
    return Timed(taken, float(model.log_likelihood_), int(model.n_iter_))


def _theirs(
    X: FloatArray, n_components: int, *, n_init: int = 1, tol: float = 1e-3, max_iter: int = 100
) -> Timed:
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415 - `bench em` says where it misses

    model = GaussianMixture(n_components, n_init=n_init, tol=tol, max_iter=max_iter, random_state=0)
    taken = seconds(partial(model.fit, X))
    return Timed(taken, float(model.score(X)) * X.shape[0], int(model.n_iter_))
