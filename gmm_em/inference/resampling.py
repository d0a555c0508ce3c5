"""How uncertain a maximum-likelihood fit is, by the bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gmm_em.core.checks import check_count, check_matrix, check_sample_weight
from gmm_em.core.types import FloatArray, Seed
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.e_step.missing import read_with_missing
from gmm_em.fitting.fit import fit_em
from gmm_em.fitting.problem import DegenerateError
from gmm_em.inference.parameter_arrays import ParameterArrays, check_level
from gmm_em.matching import match
from gmm_em.mixture import Mixture


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
        outside = 1.0 - check_level(level)
        arrays = [
            np.quantile(replicates, [outside / 2, 1 - outside / 2], axis=0)
            for replicates in (self.weights, self.means, self.covariances)
        ]
        lower, upper = (ParameterArrays(*(array[i] for array in arrays)) for i in (0, 1))
        return lower, upper


def bootstrap(  # noqa: PLR0913 - the options of fit_em, by their names there
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
    X = _checked_rows(X, mixture, kind, missing)
    n_bootstrap = check_count("n_bootstrap", n_bootstrap, 2)
    if kind not in _RESAMPLERS:
        raise ValueError(f"kind must be 'nonparametric' or 'parametric', got {kind!r}")
    weight = np.ones(X.shape[0])
    if sample_weight is not None:
        weight = check_sample_weight(sample_weight, X.shape[0])
    options: dict[str, Any] = {
        "covariance_type": covariance_type,
        "reg_covar": reg_covar,
        "tol": tol,
        "max_iter": max_iter,
        "init": mixture,
        "missing": missing,
    }
    replicates: list[Mixture] = []
    for rng in np.random.default_rng(random_state).spawn(n_bootstrap):
        rows, counts = _RESAMPLERS[kind](X, weight, mixture, rng)
        try:
            fit = fit_em(rows, mixture.n_components, sample_weight=counts, **options)
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


def _checked_rows(X: Any, mixture: Mixture, kind: str, missing: str) -> FloatArray:
    """Return the rows, with NaN in them where missing values are allowed."""
    if missing != "mar":
        return check_matrix(X, n_features=mixture.n_features)
    if kind == "parametric":
        raise ValueError("missing='mar' goes with kind='nonparametric', got 'parametric'")
    return read_with_missing(X)


def _drawn_again(
    X: FloatArray, weight: FloatArray, mixture: Mixture, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray | None]:
    """Draw rows with replacement: all rows, and how often each was drawn."""
    size = round(float(weight.sum()))
    return X, rng.multinomial(size, weight / weight.sum()).astype(np.float64)


def _drawn_anew(
    X: FloatArray, weight: FloatArray, mixture: Mixture, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray | None]:
    """Draw as many rows from the mixture."""
    return mixture.sample(round(float(weight.sum())), rng)[0], None


_Resampler = Callable[
    [FloatArray, FloatArray, Mixture, np.random.Generator], tuple[FloatArray, FloatArray | None]
]

_RESAMPLERS: dict[str, _Resampler] = {
    "nonparametric": _drawn_again,
    "parametric": _drawn_anew,
}
