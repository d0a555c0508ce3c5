"""How uncertain a maximum-likelihood fit is: information, sandwich and bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri

from gmm_em.core.checks import check_matrix, check_sample_weight
from gmm_em.core.types import FloatArray, Seed
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step.missing import read_with_missing
from gmm_em.e_step.moments import Moments
from gmm_em.fitting.fit import fit_em
from gmm_em.fitting.problem import DegenerateError
from gmm_em.inference.information import Information, information
from gmm_em.matching import match
from gmm_em.mixture import Mixture


@dataclass(frozen=True, eq=False)
class ParameterArrays:
    """One number per parameter, in a mixture's own layout.

    Attributes
    ----------
    weights : ndarray, shape (K,)
    means : ndarray, shape (K, D)
    covariances : ndarray, shape (K, D, D)
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray


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
        and the free covariance entries (lower triangles row by row, component by component).
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
        z = float(ndtri((1.0 + _checked_level(level)) / 2.0))
        lower, upper = (
            ParameterArrays(
                self.mixture.weights + step * self.weights,
                self.mixture.means + step * self.means,
                self.mixture.covariances + step * self.covariances,
            )
            for step in (-z, z)
        )
        return lower, upper


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
    covariance_type : {"full", "tied", "diag", "spherical"} or CovarianceStructure
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


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Fits to resampled data, components in the order of the fit they started from.

    Attributes
    ----------
    weights : ndarray, shape (B, K)
    means : ndarray, shape (B, K, D)
    covariances : ndarray, shape (B, K, D, D)
        One entry per replicate that was kept.
    n_failed : int
        Replicates left out because their fit degenerated.
    kind : {"nonparametric", "parametric"}
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    n_failed: int
    kind: str

    @property
    def standard_errors(self) -> ParameterArrays:
        """Standard deviations over replicates."""
        return ParameterArrays(
            self.weights.std(axis=0, ddof=1),
            self.means.std(axis=0, ddof=1),
            self.covariances.std(axis=0, ddof=1),
        )

    def interval(self, level: float = 0.95) -> tuple[ParameterArrays, ParameterArrays]:
        """Percentile interval: arrays of lower and upper ends.

        Parameters
        ----------
        level : float, default 0.95
            Probability inside, between 0 and 1.
        """
        outside = 1.0 - _checked_level(level)
        arrays = [
            np.quantile(replicates, [outside / 2, 1 - outside / 2], axis=0)
            for replicates in (self.weights, self.means, self.covariances)
        ]
        lower, upper = (ParameterArrays(*(array[i] for array in arrays)) for i in (0, 1))
        return lower, upper


def bootstrap(
    X: Any,
    mixture: Mixture,
    *,
    n_bootstrap: int = 200,
    kind: Literal["nonparametric", "parametric"] = "nonparametric",
    covariance_type: str | CovarianceStructure = "full",
    reg_covar: float = 0.0,
    tol: float = 1e-8,
    max_iter: int = 500,
    sample_weight: Any = None,
    missing: Literal["error", "mar"] = "error",
    random_state: Seed = None,
) -> Bootstrap:
    """Refit to resampled data, each time from `mixture`.

    Starting from the fit keeps a replicate in the basin of the optimum whose uncertainty is asked
    for; components are then matched to the fit's (:func:`gmm_em.matching.match`).

    Parameters
    ----------
    X : array_like, shape (N, D)
        The data the mixture was fitted to.
    mixture : Mixture
        The fit.
    n_bootstrap : int, default 200
        Number of replicates, at least 2.
    kind : {"nonparametric", "parametric"}
        Draw rows with replacement, or new rows from the mixture.
    covariance_type, reg_covar
        As in the fit.
    tol : float, default 1e-8
        As in :func:`fit_em`; looser than there, because the replicates' own scatter is far wider.
    max_iter : int, default 500
    sample_weight : array_like, shape (N,), optional
        Row counts: a row is drawn in proportion to its own.
    missing : {"error", "mar"}, default "error"
        As in :func:`fit_em`; "mar" draws rows, gaps and all, so it goes with kind
        "nonparametric".
    random_state : None, int, numpy.random.SeedSequence or numpy.random.Generator

    Raises
    ------
    DegenerateError
        If fewer than two replicates could be fitted.
    """
    if missing == "mar":
        if kind == "parametric":
            raise ValueError("missing='mar' goes with kind='nonparametric', got 'parametric'")
        X = read_with_missing(X)
    else:
        X = check_matrix(X, n_features=mixture.n_features)
    if isinstance(n_bootstrap, bool) or not isinstance(n_bootstrap, int | np.integer):
        raise TypeError(f"n_bootstrap must be an integer, got {n_bootstrap!r}")
    if n_bootstrap < 2:
        raise ValueError(f"n_bootstrap must be at least 2, got {n_bootstrap}")
    if kind not in ("nonparametric", "parametric"):
        raise ValueError(f"kind must be 'nonparametric' or 'parametric', got {kind!r}")
    weight = np.ones(X.shape[0])
    if sample_weight is not None:
        weight = check_sample_weight(sample_weight, X.shape[0])
    size = round(float(weight.sum()))
    replicates: list[Mixture] = []
    for rng in np.random.default_rng(random_state).spawn(n_bootstrap):
        data, counts = X, None
        if kind == "parametric":
            data, _ = mixture.sample(size, rng)
        else:
            counts = rng.multinomial(size, weight / weight.sum()).astype(np.float64)
        try:
            fit = fit_em(
                data,
                mixture.n_components,
                covariance_type=covariance_type,
                reg_covar=reg_covar,
                tol=tol,
                max_iter=max_iter,
                init=mixture,
                sample_weight=counts,
                missing=missing,
            )
        except DegenerateError:
            continue
        replicates.append(fit.mixture.permute(match(mixture, fit.mixture)))
    if len(replicates) < 2:
        raise DegenerateError("fewer than two bootstrap replicates could be fitted")
    return Bootstrap(
        np.array([replicate.weights for replicate in replicates]),
        np.array([replicate.means for replicate in replicates]),
        np.array([replicate.covariances for replicate in replicates]),
        n_bootstrap - len(replicates),
        kind,
    )


def _checked_level(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}")
    return level
