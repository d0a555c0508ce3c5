"""What a fitted GaussianMixtureEM answers: labels, densities, samples, criteria."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmm_em.core.foreign import Place, is_foreign
from gmm_em.core.html import mixture_table
from gmm_em.core.sklearn_checks import (
    NotFittedError,
    check_feature_names,
    check_rows,
    check_same_place,
    feature_names,
    sklearn_or,
)
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step.answers import Answers, answers, row_weights
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
    means_: Any
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

    def _answers(self, X: Any, method: str) -> Answers:
        """Return what the fit says to a method about rows, after checks of shape and names."""
        mixture = self._check_fitted()
        name = type(self).__name__
        check_same_place(name, method, X, self.means_)
        check_feature_names(name, feature_names(X), getattr(self, "feature_names_in_", None))
        rows = check_rows(X, foreign=True)
        if rows.shape[1] != mixture.n_features:
            raise ValueError(
                f"X has {rows.shape[1]} features, but {name} is expecting {mixture.n_features} "
                "features as input"
            )
        return answers(mixture, rows, get_structure(self.covariance_type).second, self.missing)

    def predict(self, X: Any) -> Any:
        """Most probable component of each row, shape (N,), in an array of the library of `X`."""
        return self._answers(X, "predict").predict()

    def predict_proba(self, X: Any) -> Any:
        """Responsibilities, shape (N, K), in an array of the library of `X`."""
        return self._answers(X, "predict_proba").responsibilities()

    def score_samples(self, X: Any) -> Any:
        """Log-density of each row, shape (N,), in an array of the library of `X`."""
        return self._answers(X, "score_samples").log_prob()

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean log-density over rows, weighted by `sample_weight` of shape (N,)."""
        total, weight, _ = self._total(X, sample_weight)
        return total / weight

    def sample(self, n_samples: int = 1) -> tuple[Any, Any]:
        """Draw rows from the fitted mixture, with the component each came from.

        As in scikit-learn, rows are ordered by component. They are drawn by NumPy, and returned as
        arrays of the library of ``means_``.

        Returns
        -------
        X : array, shape (n_samples, D)
        labels : array of int, shape (n_samples,)
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
        X, labels = X[order], labels[order]
        if not is_foreign(self.means_):
            return X, labels
        place = Place.of(self.means_)
        return place.delivered(X), place.delivered(labels)

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike's criterion on `X`; smaller is better."""
        total, _, _ = self._total(X, sample_weight)
        return criteria.aic(total, self._n_parameters())

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Schwarz's criterion on `X`; smaller is better (mclust prints minus this)."""
        total, weight, _ = self._total(X, sample_weight)
        return criteria.bic(total, self._n_parameters(), weight)

    def icl(self, X: Any, sample_weight: Any = None) -> float:
        """Integrated completed likelihood on `X`; smaller is better (mclust prints minus this)."""
        total, weight, rows = self._total(X, sample_weight)
        certainty = rows.certainty(sample_weight)
        return criteria.icl_of(total, self._n_parameters(), weight, certainty)

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

    def _total(self, X: Any, sample_weight: Any) -> tuple[float, float, Answers]:
        """Return the log-likelihood of rows, the sum of their weights, and what else is known."""
        rows = self._answers(X, "score")
        weight = float(row_weights(sample_weight, rows.n_rows).sum())
        return rows.log_likelihood(sample_weight), weight, rows

    def _n_parameters(self) -> int:
        mixture = self._check_fitted()
        return criteria.n_parameters(mixture.n_components, mixture.n_features, self.covariance_type)

    def _accepts_nan(self) -> bool:
        return self.missing == "mar"

    def _computes_elsewhere(self) -> bool:
        return True

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


def generator_seed(random_state: Any) -> Any:
    """Return what ``numpy.random.default_rng`` starts from.

    scikit-learn's RandomState becomes a seed sequence; anything else is returned as it is.
    """
    if isinstance(random_state, np.random.RandomState):
        words: NDArray[np.uint32] = random_state.randint(0, 2**32, size=4, dtype=np.uint32)
        return np.random.SeedSequence(words.tolist())
    return random_state
