"""What an estimate owes to rows that lie far from every component."""

from __future__ import annotations

import numpy as np
from scipy.special import chdtri

from experiments.core.types import FloatArray
from experiments.engines.contract import Fit
from experiments.values.checks import OutlierValues
from experiments.values.parameters import Parameters, combine
from gmm_em import DegenerateError, Mixture, fit_em
from gmm_em.parameter_names import ParameterLayout

OUTLYING = 0.01
"""A row is outlying where a sample of as many rows from the estimate has one as far out with this
probability at most."""
MOST_SHARE = 0.1
"""Where a larger share of the rows is outlying the shape is wrong, and not some rows."""
MOST_NAMED = 20


def decided_by_outliers(
    fit: Fit, sd: Parameters, X: FloatArray, layout: ParameterLayout
) -> OutlierValues | None:
    """Leave outlying rows out, climb from the estimate, and measure how far it moves.

    Parameters
    ----------
    fit : Fit
        A maximum of the likelihood.
    sd : Parameters
        Standard errors, or posterior standard deviations, in which changes are measured.
    X : ndarray of shape (n_samples, n_features)
        Without missing values.
    layout : ParameterLayout
        Which parameters are free.

    Returns
    -------
    OutlierValues or None
        None where no row is outlying, or so many are that they are no exceptions.
    """
    nearest = _nearest(fit.mixture, X)
    limit = chdtri(X.shape[1], OUTLYING / len(X))
    far = np.flatnonzero(nearest > limit)
    if not 0 < far.size <= MOST_SHARE * len(X):
        return None
    try:
        without = fit_em(
            np.delete(X, far, axis=0),
            layout.n_components,
            covariance_type=layout.covariance_type,
            init=fit.mixture,
        ).mixture
    except DegenerateError:
        # A component rested on these rows alone: that is said of the support of components.
        return None
    change = combine(
        lambda after, before, sd: np.divide(
            np.abs(after - before), sd, out=np.zeros_like(sd), where=sd > 0
        ),
        Parameters.of(without),
        Parameters.of(fit.mixture),
        sd,
    )
    sizes = layout.values(change)
    by_distance = far[np.argsort(-nearest[far], kind="stable")]
    return OutlierValues(
        rows=(by_distance[:MOST_NAMED] + 1).tolist(),
        n_rows=int(far.size),
        max_change=float(sizes.max()),
        parameter=str(layout.names[int(sizes.argmax())]),
    )


def _nearest(mixture: Mixture, X: FloatArray) -> FloatArray:
    """Return each row's squared Mahalanobis distance from the component nearest to it, (N,)."""
    distances = np.empty((mixture.n_components, len(X)))
    for k, (mean, covariance) in enumerate(zip(mixture.means, mixture.covariances, strict=True)):
        centred = X - mean
        distances[k] = np.einsum("nd,nd->n", centred @ np.linalg.inv(covariance), centred)
    return np.asarray(distances.min(axis=0))
