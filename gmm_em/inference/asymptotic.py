"""How uncertain a maximum-likelihood fit is, by the information and by the sandwich."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from gmm_em.core.threads import single_threaded_blas
from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step.moments import Moments
from gmm_em.inference.observed_information import Information, information
from gmm_em.inference.parameter_arrays import ParameterArrays, check_level
from gmm_em.mixture import Mixture


class InformationError(ValueError):
    """The observed information is not positive definite, so it gives no standard errors."""


def score(mixture: Mixture, moments: Moments) -> ParameterArrays:
    """Gradient of the log-likelihood, by Fisher's identity.

    The gradient of the marginal log-likelihood is the expected gradient of the complete-data
    log-likelihood, which is a function of the expected sufficient statistics (Fisher 1925;
    McLachlan & Krishnan 2008, equation 3.44).

    Parameters
    ----------
    mixture : Mixture
    moments : Moments
        ``expect(mixture, X)`` of the data, under the same mixture.

    Returns
    -------
    ParameterArrays
        Partial derivatives with respect to every entry as if it were free: weights without the
        constraint that they sum to 1, covariances with ``dl = sum(G * dS)`` for symmetric
        changes ``dS``.
    """
    about = moments.about(mixture.means)
    whiteners = np.linalg.inv(mixture.scale_trils)
    precisions = whiteners.transpose(0, 2, 1) @ whiteners
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = about.counts / mixture.weights
    means = (precisions @ about.first[:, :, None])[:, :, 0]
    excess = about.second - about.counts[:, None, None] * mixture.covariances
    return ParameterArrays(weights, means, 0.5 * precisions @ excess @ precisions)


@dataclass(frozen=True, eq=False)
class StandardErrors:
    """Asymptotic standard errors of a fit.

    Attributes
    ----------
    weights : ndarray, shape (K,)
    means : ndarray, shape (K, D)
    covariances : ndarray, shape (K, D, D)
        Zero where the covariance structure fixes an entry.
    mixture : Mixture
    method : {"information", "sandwich"}
    covariance : ndarray, shape (p, p)
        Covariance matrix of the free parameters: the first K - 1 weights, the means row by row,
        and the free covariance entries (lower triangles row by row, component by component). For
        structures whose entries are not linear in free numbers, the coordinates of
        `CovarianceStructure.natural` stand in the entries' place.
    expected_gain : float
        Log-likelihood that a Newton step would still gain. Standard errors hold at a maximum,
        where it is zero.
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    mixture: Mixture
    method: str
    covariance: FloatArray
    expected_gain: float

    def interval(self, level: float = 0.95) -> tuple[ParameterArrays, ParameterArrays]:
        """Wald interval: arrays of lower and upper ends.

        Parameters
        ----------
        level : float, default 0.95
            Probability inside, between 0 and 1.
        """
        z = float(ndtri((1.0 + check_level(level)) / 2.0))
        lower, upper = (
            ParameterArrays(
                self.mixture.weights + step * self.weights,
                self.mixture.means + step * self.means,
                self.mixture.covariances + step * self.covariances,
            )
            for step in (-z, z)
        )
        return lower, upper


@single_threaded_blas()
def standard_errors(
    X: Any,
    mixture: Mixture,
    *,
    covariance_type: str | CovarianceStructure = "full",
    sample_weight: Any = None,
    method: str = "information",
) -> StandardErrors:
    """Asymptotic standard errors from the observed information, in closed form.

    ``"information"`` inverts the observed information ``I``; ``"sandwich"`` is
    ``I^-1 (sum_n s_n s_n^T) I^-1`` with the rows' scores ``s_n``, which holds when the model is
    wrong, too (Boldea & Magnus 2009, theorems 1 and 2; White 1982).

    Parameters
    ----------
    X : array_like, shape (N, D)
        The data the mixture was fitted to.
    mixture : Mixture
        The maximum of the likelihood.
    covariance_type : str or CovarianceStructure
        As in the fit.
    sample_weight : array_like, shape (N,), optional
        Row counts.
    method : {"information", "sandwich"}

    Returns
    -------
    StandardErrors

    Raises
    ------
    InformationError
        Where the information is not positive definite: the mixture is no interior maximum, or
        the data do not identify it.
    """
    if method not in ("information", "sandwich"):
        raise ValueError(f"method must be 'information' or 'sandwich', got {method!r}")
    structure = get_structure(covariance_type)
    info = information(X, mixture, structure, sample_weight)
    inverse = _inverse(info)
    gain = 0.5 * float(info.score @ inverse @ info.score)
    covariance = inverse if method == "information" else inverse @ info.outer @ inverse
    everything = info.to_entries @ covariance @ info.to_entries.T
    variances = np.maximum(np.diagonal(everything), 0.0)
    k, d = mixture.n_components, mixture.n_features
    errors = np.sqrt(variances)
    triangles = errors[k + k * d :].reshape(k, -1)
    covariances = np.zeros((k, d, d))
    rows, columns = np.tril_indices(d)
    covariances[:, rows, columns] = covariances[:, columns, rows] = triangles
    return StandardErrors(
        errors[:k],
        errors[k : k + k * d].reshape(k, d),
        covariances,
        mixture,
        method,
        info.to_free @ covariance @ info.to_free.T,
        gain,
    )


def _inverse(info: Information) -> FloatArray:
    scale = np.sqrt(np.maximum(np.diagonal(info.observed), np.finfo(np.float64).tiny))
    values, vectors = np.linalg.eigh(info.observed / np.outer(scale, scale))
    # In correlation units eigenvalues are of order 1, and rounding about 1e-16 of the largest.
    if not values[0] > 1e-10 * values[-1]:
        raise InformationError(
            "the observed information is not positive definite (smallest eigenvalue "
            f"{values[0]:.3g} in units of its diagonal): the mixture is not an interior maximum "
            "of the likelihood, or the data do not identify all its parameters; a bootstrap "
            "does not need it"
        )
    return np.asarray((vectors / values) @ vectors.T / np.outer(scale, scale))
