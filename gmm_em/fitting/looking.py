"""A first look at a sample of the rows, which is enough where all is easy.

Where a few starts of different kinds agree on a sample, and no row lies far from what they found,
the search ends there. Everywhere else it is made as if there had been no look.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import chdtri

from gmm_em.core.types import LOG_2PI, FloatArray
from gmm_em.fitting.options import Options, Plan
from gmm_em.fitting.problem import ConstantFeatureError, Problem
from gmm_em.fitting.search import Search
from gmm_em.fitting.seeds import Streams
from gmm_em.rows.samples import Parameters

# Rows of the sample, or rows for every feature of every component where that is more.
LOOK_ROWS, LOOK_ROWS_EACH = 1_000, 10
# The sample is worth its price where it is at most such a share of the rows, and such a share of
# the rows that the search would see otherwise.
_SHARE, _SHARE_OF_SEARCH = 0.5, 0.7
# Rows of which one of so many data sets would have one are far, if it follows the mixture. The
# second number makes up for the error of a mixture that comes from a sample.
_FAR, _ROOM = 1e-3, 1.5


def look(
    problem: Problem,
    sample: Callable[[int], Problem],
    most_rows: int,
    plan: Plan,
    options: Options,
    streams: Streams,
) -> Search | None:
    """Look at a sample of the rows, where that may be enough.

    Parameters
    ----------
    problem : Problem
        With all rows.
    sample : callable
        Poses the same problem for so many of its rows.
    most_rows : int
        Rows of the sample that the search would see otherwise.
    plan : Plan
    options : Options
    streams : Streams

    Returns
    -------
    Search or None
        A search that has ended; None where a look is not enough.
    """
    n_rows = max(LOOK_ROWS, LOOK_ROWS_EACH * problem.n_components * problem.samples.n_features)
    if problem.n_components == 1 or not (plan.open and problem.plain):
        return None
    if n_rows > min(_SHARE * problem.n_rows, _SHARE_OF_SEARCH * most_rows):
        return None
    try:
        seen = sample(n_rows)
    except ConstantFeatureError:
        # Other rows have other values of this feature.
        return None
    search = Search(seen, plan, options, streams, sampled=True)
    if not search.look() or _far_rows(search, problem):
        return None
    return search


def _far_rows(search: Search, problem: Problem) -> bool:
    """Whether some of all rows are far from the maximum of a sample.

    Groups of few rows far away are hardly seen in a sample.
    """
    best = search.atlas.best
    if best is None or not problem.by_row:
        return best is None
    mixture = search.problem.samples.outer(*search.trails[best.run].climb.parameters)
    inner = Parameters(*problem.samples.inner(mixture))
    d = problem.samples.n_features
    farthest = _ROOM * float(chdtri(d, _FAR / problem.n_rows))
    least = float(_heights(inner).min()) - 0.5 * farthest
    return problem.least_log_density(inner) < least


def _heights(parameters: Parameters) -> FloatArray:
    """Log of each component's weighted density at its mean, shape (K,)."""
    d = parameters.means.shape[1]
    determinants = np.linalg.slogdet(parameters.covariances)[1]
    return np.asarray(np.log(parameters.weights) - 0.5 * (determinants + d * LOG_2PI))
