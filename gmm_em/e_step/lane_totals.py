"""From sums of the features phi over all rows to the moments that the M-step needs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.e_step.features import Density, FeatureMap
from gmm_em.e_step.totals import Totals
from gmm_em.e_step.workspace import LaneSums


def totals_of(
    total: LaneSums,
    prepared: Density,
    features: FeatureMap,
    second_moment: Callable[[], FloatArray],
) -> Totals:
    """Turn sums of features into moments about an origin per component.

    The origin is zero, but the mean for a component that is whitened.

    Parameters
    ----------
    total : LaneSums
        Over all rows, of which there is one block at least.
    prepared : Density
        What the sums were taken with.
    features : FeatureMap
    second_moment : callable
        Returns the weighted sum of ``x x^T`` over all rows, shape (D, D), which is asked for where
        the components share a covariance.
    """
    sums, whitening, whitened = total.sums, prepared.whitening, total.whitened
    assert sums is not None
    k = sums.shape[0] + (0 if whitening is None else len(whitening.chosen))
    origin = np.zeros((k, features.n_features))
    if whitening is not None and whitened is not None:
        sums = whitening.with_others(whitened, sums)
        origin[whitening.chosen] = whitening.means
    counts, first = sums[:, 0], sums[:, 1 : features.n_features + 1]
    log_likelihood = total.log_likelihood
    if prepared.shared_precision is not None:
        # The sum over rows of x^T P x is trace(P sum_n w_n x_n x_n^T).
        second = second_moment()
        log_likelihood -= 0.5 * float(np.vdot(prepared.shared_precision, second))
    elif whitening is not None and whitened is not None:
        second = features.second_whitened(sums, whitening.chosen, whitened.second)
    else:
        second = features.second(sums)
    return Totals(log_likelihood, counts, first, second, origin)
