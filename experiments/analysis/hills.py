"""How much of a posterior lies around one maximum of the likelihood, against another."""

from __future__ import annotations

import numpy as np

from experiments.core.types import FloatArray
from gmm_em import InformationError, Mixture, standard_errors

MOST_PARAMETERS = 400
"""Of more parameters the information matrix would take longer than the rest of the comparison."""


def log_mass(X: FloatArray, mixture: Mixture, covariance_type: str, n_free: int) -> float | None:
    """Return the log of the mass around a maximum by Laplace's approximation, up to a constant.

    It is ``log L + log(det(V)) / 2`` with the inverse V of the observed information, as under a
    flat prior. A narrow hill has little mass however high it is. A prior that a few rows outweigh
    changes the ratio of two masses by a small factor.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        NaN where a value is missing.
    mixture : Mixture
        A maximum of the likelihood.
    covariance_type : str
    n_free : int
        Number of free parameters.

    Returns
    -------
    float or None
        None where the information is not positive definite, there are more than
        `MOST_PARAMETERS` parameters, or a value is missing, for then the information is not known.
    """
    if n_free > MOST_PARAMETERS or np.isnan(X).any():
        return None
    try:
        found = standard_errors(X, mixture, covariance_type=covariance_type)
    except InformationError:
        return None
    log_det = float(np.linalg.slogdet(found.covariance)[1])
    return mixture.log_likelihood(X) + 0.5 * log_det
