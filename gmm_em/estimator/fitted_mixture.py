"""What a fitted GaussianMixtureEM answers: labels, densities, samples, criteria."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmm_em.core.checks import check_sample_weight
from gmm_em.core.html import mixture_table
from gmm_em.core.sklearn_checks import (
    NotFittedError,
    check_feature_names,
    check_rows,
    feature_names,
    sklearn_or,
)
from gmm_em.core.threads import single_threaded_blas
from gmm_em.core.types import FloatArray, IntArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step.blocked import evaluate
from gmm_em.e_step.missing import evaluate_missing
from gmm_em.inference import criteria
from gmm_em.inference.asymptotic import StandardErrors, standard_errors
from gmm_em.inference.feature_parts import FeatureParts
from gmm_em.mixture import Mixture


class FittedMixture(FeatureParts):
    """The methods of an estimator that need a fit, which its `fit` leaves in ``mixture_``."""

    covariance_type: str | CovarianceStructure
    missing: str
    random_state: Any
    mixture_: Mixture
    converged_: bool
    n_iter_: int
    log_likelihood_: float

    def _check_fitted(self) -> Mixture:
        if not hasattr(self, "mixture_"):
            raise sklearn_or(NotFittedError)(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with "
                "appropriate arguments before using this estimator."
            )
        return self.mixture_

    def _evaluate(self, X: Any) -> tuple[FloatArray, FloatArray, np.dtype[Any]]:
        mixture = self._check_fitted()
        name = type(self).__name__
        check_feature_names(name, feature_names(X), getattr(self, "feature_names_in_", None))
        rows = check_rows(X)
        if rows.shape[1] != mixture.n_features:
            raise ValueError(
                f"X has {rows.shape[1]} features, but {name} is expecting {mixture.n_features} "
                "features as input"
            )
        if self.missing == "mar":
            log_prob, responsibilities = evaluate_missing(mixture, rows)
        else:
            structure = get_structure(self.covariance_type)
            log_prob, responsibilities = evaluate(mixture, rows, structure.second)
        return log_prob, responsibilities, np.dtype(rows.dtype)

    def predict(self, X: Any) -> IntArray:
        """Most probable component of each row, shape (N,)."""
        _, responsibilities, _ = self._evaluate(X)
        return np.asarray(responsibilities.argmax(axis=1), dtype=np.int64)

    def predict_proba(self, X: Any) -> FloatArray:
        """Responsibilities, shape (N, K)."""
        _, responsibilities, dtype = self._evaluate(X)
        return responsibilities.astype(np.float32 if dtype == np.float32 else np.float64)

    def score_samples(self, X: Any) -> FloatArray:
        """Log-density of each row, shape (N,)."""
        log_prob, _, dtype = self._evaluate(X)
        return log_prob.astype(np.float32 if dtype == np.float32 else np.float64)

    @single_threaded_blas()
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean log-density over rows, weighted by `sample_weight` of shape (N,)."""
        log_prob, _, _ = self._evaluate(X)
        weight = _weights(sample_weight, log_prob.shape[0])
        return float(weight @ log_prob / weight.sum())

    def sample(self, n_samples: int = 1) -> tuple[FloatArray, IntArray]:
        """Draw rows from the fitted mixture, with the component each came from.

        As in scikit-learn, rows are ordered by component.
        """
        mixture = self._check_fitted()
        if n_samples < 1:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least "
                "one sample."
            )
        X, labels = mixture.sample(
            int(n_samples), np.random.default_rng(generator_seed(self.random_state))
        )
        order = np.argsort(labels, kind="stable")
        return X[order], labels[order]

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike's criterion on `X`; smaller is better."""
        total, _ = self._total(X, sample_weight)
        return criteria.aic(total, self._n_parameters())

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Schwarz's criterion on `X`; smaller is better (mclust prints minus this)."""
        total, weight = self._total(X, sample_weight)
        return criteria.bic(total, self._n_parameters(), float(weight.sum()))

    @single_threaded_blas()
    def icl(self, X: Any, sample_weight: Any = None) -> float:
        """Integrated completed likelihood on `X`; smaller is better (mclust prints minus this)."""
        log_prob, responsibilities, _ = self._evaluate(X)
        weight = _weights(sample_weight, log_prob.shape[0])
        total = float(weight @ log_prob)
        return criteria.icl(total, self._n_parameters(), responsibilities, weight)

    def standard_errors(
        self, X: Any, sample_weight: Any = None, *, method: str = "information"
    ) -> StandardErrors:
        """Compute standard errors of weights, means and covariance entries at the fit.

        See :func:`gmm_em.standard_errors`.
        """
        mixture = self._check_fitted()
        return standard_errors(
            X,
            mixture,
            covariance_type=self.covariance_type,
            sample_weight=sample_weight,
            method=method,
        )

    @single_threaded_blas()
    def _total(self, X: Any, sample_weight: Any) -> tuple[float, FloatArray]:
        log_prob, _, _ = self._evaluate(X)
        weight = _weights(sample_weight, log_prob.shape[0])
        return float(weight @ log_prob), weight

    def _n_parameters(self) -> int:
        mixture = self._check_fitted()
        return criteria.n_parameters(mixture.n_components, mixture.n_features, self.covariance_type)

    def _accepts_nan(self) -> bool:
        return self.missing == "mar"

    def _repr_html_(self) -> str:
        if not hasattr(self, "mixture_"):
            return self._parameters_html()
        state = "converged" if self.converged_ else "not converged"
        caption = (
            f"{self!r}: {state} after {self.n_iter_} iterations, "
            f"log-likelihood {self.log_likelihood_:.2f}"
        )
        fit = self.mixture_
        return mixture_table(
            fit.weights, fit.means, fit.covariances, caption, self._feature_names()
        )


def _weights(sample_weight: Any, n_samples: int) -> FloatArray:
    """Return the rows' weights, shape (N,): ones where none are given."""
    if sample_weight is None:
        return np.ones(n_samples)
    return check_sample_weight(sample_weight, n_samples)


def generator_seed(random_state: Any) -> Any:
    """Return what ``numpy.random.default_rng`` starts from.

    scikit-learn's RandomState becomes a seed sequence; anything else is returned as it is.
    """
    if isinstance(random_state, np.random.RandomState):
        words: NDArray[np.uint32] = random_state.randint(0, 2**32, size=4, dtype=np.uint32)
        return np.random.SeedSequence(words.tolist())
    return random_state
