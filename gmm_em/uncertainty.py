"""How uncertain a maximum-likelihood fit is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from gmm_em.covariance import CovarianceStructure
from gmm_em.em import fit_em
from gmm_em.mixture import FloatArray, Mixture, Seed, check_matrix, check_sample_weight
from gmm_em.problem import DegenerateError


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
        if not 0 < level < 1:
            raise ValueError(f"level must lie between 0 and 1, got {level!r}")
        ends = [(1 - level) / 2, (1 + level) / 2]
        arrays = [
            np.quantile(replicates, ends, axis=0)
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
    tol: float = 1e-6,
    max_iter: int = 500,
    sample_weight: Any = None,
    random_state: Seed = None,
) -> Bootstrap:
    """Refit to resampled data, each time from `mixture`.

    Starting from the fit keeps a replicate in the basin of the optimum whose uncertainty is asked
    for; components are then matched to the fit's by the assignment of least total distance.

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
    tol : float, default 1e-6
        As in :func:`fit_em`; looser than there, because the replicates' own scatter is far wider.
    max_iter : int, default 500
    sample_weight : array_like, shape (N,), optional
        Rows are then drawn in proportion to it.
    random_state : None, int, numpy.random.SeedSequence or numpy.random.Generator

    Raises
    ------
    DegenerateError
        If fewer than two replicates could be fitted.
    """
    X = check_matrix(X, n_features=mixture.n_features)
    if isinstance(n_bootstrap, bool) or not isinstance(n_bootstrap, int | np.integer):
        raise TypeError(f"n_bootstrap must be an integer, got {n_bootstrap!r}")
    if n_bootstrap < 2:
        raise ValueError(f"n_bootstrap must be at least 2, got {n_bootstrap}")
    if kind not in ("nonparametric", "parametric"):
        raise ValueError(f"kind must be 'nonparametric' or 'parametric', got {kind!r}")
    n_samples = X.shape[0]
    weight = np.ones(n_samples)
    if sample_weight is not None:
        weight = check_sample_weight(sample_weight, n_samples)
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
            )
        except DegenerateError:
            continue
        replicates.append(fit.mixture.permute(match(fit.mixture, mixture)))
    if len(replicates) < 2:
        raise DegenerateError("fewer than two bootstrap replicates could be fitted")
    return Bootstrap(
        np.array([replicate.weights for replicate in replicates]),
        np.array([replicate.means for replicate in replicates]),
        np.array([replicate.covariances for replicate in replicates]),
        n_bootstrap - len(replicates),
        kind,
    )


def match(mixture: Mixture, reference: Mixture) -> FloatArray:
    """Order of `mixture`'s components that is closest to `reference`'s.

    The assignment minimises the sum over pairs of the squared Bures-Wasserstein-like distance:
    squared difference of means, in the reference's overall metric, plus squared differences of
    covariance factors and of root weights.
    """
    whiten = np.linalg.inv(np.linalg.cholesky(reference.covariance))
    means = (mixture.means[:, None] - reference.means[None]) @ whiten.T
    factors = whiten @ (mixture.scale_trils[:, None] - reference.scale_trils[None])
    roots = np.sqrt(mixture.weights)[:, None] - np.sqrt(reference.weights)[None]
    cost = (means**2).sum(axis=-1) + (factors**2).sum(axis=(-2, -1)) + roots**2
    rows, columns = linear_sum_assignment(cost.T)
    return np.asarray(columns[np.argsort(rows)])
