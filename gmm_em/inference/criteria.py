"""Information criteria and the free parameters they count.

The sign is scikit-learn's: smaller is better. mclust prints ``BIC`` and ``ICL`` with the opposite
sign (larger is better): its numbers are minus these.
"""

from __future__ import annotations

import numpy as np

from gmm_em.core.threads import single_threaded_blas
from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.registry import get_structure


def n_parameters(
    n_components: int, n_features: int, covariance_type: str | CovarianceStructure = "full"
) -> int:
    """Free parameters of a mixture: weights (K - 1), means (K D) and covariances."""
    structure = get_structure(covariance_type)
    covariances = structure.n_parameters(n_components, n_features)
    return n_components - 1 + n_components * n_features + covariances


def aic(log_likelihood: float, n_free: int) -> float:
    """Akaike's criterion, ``-2 log L + 2 p``."""
    return -2.0 * log_likelihood + 2.0 * n_free


def bic(log_likelihood: float, n_free: int, n_samples: float) -> float:
    """Schwarz's criterion, ``-2 log L + p log n``; minus mclust's number."""
    return -2.0 * log_likelihood + n_free * float(np.log(n_samples))


@single_threaded_blas()
def icl(
    log_likelihood: float,
    n_free: int,
    responsibilities: FloatArray,
    sample_weight: FloatArray | None = None,
) -> float:
    """Integrated completed likelihood: BIC plus twice the log-probability the labels lose.

    ``BIC - 2 sum_n log max_k r_nk``, with each row assigned to its most probable component
    (Biernacki, Celeux & Govaert 2000, equation 8; as in mclust, whose number is minus this).

    Parameters
    ----------
    log_likelihood : float
    n_free : int
    responsibilities : ndarray, shape (N, K)
    sample_weight : ndarray, shape (N,), optional
    """
    certainty = np.log(responsibilities.max(axis=1))
    weight = np.ones(certainty.shape[0]) if sample_weight is None else sample_weight
    return icl_of(log_likelihood, n_free, float(weight.sum()), float(weight @ certainty))


def icl_of(log_likelihood: float, n_free: int, n_samples: float, certainty: float) -> float:
    """Integrated completed likelihood, from ``sum_n log max_k r_nk``, which is `certainty`."""
    return bic(log_likelihood, n_free, n_samples) - 2.0 * certainty
