"""What every estimator of a posterior answers once it is fitted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from gmm_bayes.core.checks import check_count, check_data
from gmm_bayes.core.seeds import RandomState, seed_sequence
from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.density.stated import ModelInNumbers
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.estimators.summary import Summary
from gmm_bayes.evaluation.diagnostics import Diagnostics
from gmm_bayes.evaluation.model_checks import FittedModel
from gmm_bayes.evidence import Evidence
from gmm_em import Mixture
from gmm_em.core.html import mixture_table
from gmm_em.core.sklearn_checks import (
    NotFittedError,
    check_feature_names,
    feature_names,
    sklearn_or,
)
from gmm_em.core.threads import single_threaded_blas
from gmm_em.inference.feature_parts import FeatureParts

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

_PYMC_MODELS: WeakKeyDictionary[PosteriorEstimator, pm.Model] = WeakKeyDictionary()
"""The PyMC models that were asked for, beside the estimators, which can then be pickled."""


class PredictiveEstimator(FeatureParts, ABC):
    """What follows from the predictive density and the probabilities of the components.

    A class that inherits from this one has a parameter `random_state`, and its `fit` sets
    `posterior_` and `n_features_in_`.
    """

    random_state: RandomState
    posterior_: xr.DataTree
    mixture_: Mixture
    n_features_in_: int

    @abstractmethod
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Draw the posterior given `X`."""

    @abstractmethod
    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Return the log posterior predictive density of each row, shape (N,)."""

    @abstractmethod
    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return the posterior predictive probability of each component, shape (N, K)."""

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Return the mean of :meth:`score_samples`."""
        return float(self.score_samples(X).mean())

    def predict(self, X: ArrayLike) -> IntArray:
        """Return the most probable component of each row, shape (N,)."""
        return np.asarray(self.predict_proba(X).argmax(axis=1))

    def fit_predict(self, X: ArrayLike, y: object = None) -> IntArray:
        """Fit, then return the most probable component of each row."""
        self.fit(X)
        return self.predict(X)

    @property
    def weights_(self) -> FloatArray:
        """Weights of `mixture_`, shape (K,)."""
        self._check_fitted()
        return self.mixture_.weights

    @property
    def means_(self) -> FloatArray:
        """Component means of `mixture_`, shape (K, D)."""
        self._check_fitted()
        return self.mixture_.means

    @property
    def covariances_(self) -> FloatArray:
        """Covariances of `mixture_`, shape (K, D, D)."""
        self._check_fitted()
        return self.mixture_.covariances

    def _checked_rows(self, X: ArrayLike) -> FloatArray:
        """Return `X` as an array of the width that was fitted."""
        own = type(self).__name__
        self._check_fitted()
        check_feature_names(own, feature_names(X), getattr(self, "feature_names_in_", None))
        return check_data(
            X, n_features=self.n_features_in_, who=own, missing=self._treatment_of_missing()
        )

    def _treatment_of_missing(self) -> str:
        """Return the setting of :func:`gmm_bayes.core.checks.check_data` for new rows."""
        return "error"

    def _check_fitted(self) -> None:
        """Raise NotFittedError before the first fit."""
        if not hasattr(self, "posterior_"):
            raise sklearn_or(NotFittedError)(
                f"this {type(self).__name__} is not fitted yet; call fit first"
            )


class PosteriorEstimator(PredictiveEstimator):
    """Questions to a fitted posterior, under scikit-learn's names where it has one.

    A class that inherits from this one has parameters `missing` and `random_state`, and its `fit`
    calls :meth:`_keep`. The attributes are described in :class:`gmm_bayes.GaussianMixtureBayes`.
    """

    missing: str
    draws_: MixtureDraws
    permutations_: IntArray
    diagnostics_: Diagnostics
    log_likelihood_: FloatArray
    _model: FittedModel
    _evidence: Evidence | None

    def _keep(self, summary: Summary) -> None:
        """Set the attributes that a fit leaves behind, but for those of the data's columns."""
        self.draws_ = summary.draws
        self.permutations_ = summary.permutations
        self.log_likelihood_ = summary.log_likelihood
        self.mixture_ = summary.draws.mean()
        self.diagnostics_ = summary.diagnostics
        self.posterior_ = summary.posterior
        self._model = summary.model
        _PYMC_MODELS.pop(self, None)
        self._evidence = None

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the settings, or the posterior means if there are any."""
        if not hasattr(self, "draws_"):
            return self._parameters_html()
        found = self.diagnostics_
        state = "nothing wrong" if found.converged else "; ".join(found.problems)
        caption = f"{self!r}: {len(self.draws_)} draws, {state}. Posterior means"
        return mixture_table(
            self.weights_, self.means_, self.covariances_, caption, self._feature_names()
        )

    @property
    def model_(self) -> pm.Model:
        """The PyMC model of the posterior, with the data and the features' names.

        It is that of :func:`gmm_bayes.build_model`, made when it is first asked for; later calls
        return the same object, to which a PyMC user may add.
        """
        self._check_fitted()
        if self not in _PYMC_MODELS:
            # That module loads PyMC, which takes two seconds.
            from gmm_bayes.pymc_model.build import model_of_rows  # noqa: PLC0415 - loads PyMC

            of = self._model
            if np.isnan(of.X).any():
                raise ValueError("X has missing values, but the PyMC model needs complete rows")
            k, names = of.draws.n_components, self._feature_names()
            _PYMC_MODELS[self] = model_of_rows(of.X, k, of.prior, of.covariance_type, names)
        return _PYMC_MODELS[self]

    @property
    def model_in_numbers_(self) -> ModelInNumbers | None:
        """The rows and every hyperparameter of the prior, from which a program draws the same.

        None where rows have missing values.
        """
        self._check_fitted()
        of = self._model
        if np.isnan(of.X).any():
            return None
        return ModelInNumbers.of(of.X, of.draws.n_components, of.prior, of.covariance_type)

    # Asking --------------------------------------------------------------------------------------

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Return the log posterior predictive density of each row, shape (N,).

        ``log mean_s p(x | s)`` over all draws: parameter uncertainty included.
        """
        rows = self._checked_rows(X)
        joint = self.draws_.predictive_component_log_prob(rows, self.missing)
        return np.asarray(logsumexp(joint, axis=1))

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Return the posterior predictive probability of each component, shape (N, K).

        ``p(k | x) = mean_s w_k N(x | k, s) / mean_s p(x | s)``, for a new row at `x`.
        """
        rows = self._checked_rows(X)
        joint = self.draws_.predictive_component_log_prob(rows, self.missing)
        return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))

    def sample(self, n_samples: int = 1) -> tuple[FloatArray, IntArray]:
        """Return new rows from the posterior predictive distribution, and their components.

        Each row comes from a draw of its own. Repeated calls with the same integer `random_state`
        return the same rows.

        Parameters
        ----------
        n_samples : int, default 1

        Returns
        -------
        X : ndarray of shape (n_samples, D)
        labels : ndarray of int, shape (n_samples,)
        """
        self._check_fitted()
        n = check_count("n_samples", n_samples)
        rng = np.random.default_rng(seed_sequence(self.random_state).spawn(1)[0])
        return self.draws_.sample_predictive(n, rng)

    def pointwise_log_likelihood(self, X: ArrayLike) -> FloatArray:
        """Return every draw's log density at every row, shape (C, S, N)."""
        rows = self._checked_rows(X)
        return self.draws_.log_prob(rows, self.missing)

    # Checking the model --------------------------------------------------------------------------

    @single_threaded_blas()
    def log_marginal_likelihood(self) -> tuple[float, float]:
        """Return the log marginal likelihood of the data, and its Monte Carlo standard error.

        ``log p(X) = log integral p(X | mixture) p(mixture)``, every constant included and in the
        data's own units, so that numbers of components, covariance types and priors can be
        compared: the difference of two is a log Bayes factor. With sampler "smc" it is that
        sampler's own, with "advi" importance sampling's, otherwise that of bridge sampling
        (:func:`gmm_bayes.evaluation.bridge_sampling.bridge_evidence`), which sees only modes that
        the chains visited.
        Computed once.

        Returns
        -------
        value : float
        standard_error : float
            NaN where it cannot be told: a single chain of "smc", or "advi" with Pareto-k > 0.7.

        Raises
        ------
        ValueError
            If the posterior is improper, or there are too few draws: bridge sampling needs about
            four per parameter.
        """
        self._check_fitted()
        if self._evidence is None:
            rng = np.random.default_rng(seed_sequence(self.random_state).spawn(3)[2])
            self._evidence = self._model.log_marginal_likelihood(rng)
        return self._evidence.value, self._evidence.standard_error

    @single_threaded_blas()
    def loo(self) -> Any:
        """Return the expected log predictive density by leave-one-out cross-validation.

        Returns
        -------
        arviz_stats.ELPDData
            Pareto-smoothed importance sampling (Vehtari, Gelman & Gabry 2017), with the pointwise
            values and Pareto-k; ``az.compare`` takes several. Its ``warning`` is True if a Pareto-k
            is too high for its row's value to be trusted.
        """
        self._check_fitted()
        return self._model.loo(self.posterior_)

    @single_threaded_blas()
    def sample_posterior_predictive(self, n: int | None = None) -> xr.DataTree:
        """Add replicated data sets to `posterior_`, one for each of `n` posterior draws.

        Repeated calls with the same integer `random_state` give the same rows.

        Parameters
        ----------
        n : int, optional
            Draws, evenly spaced over each chain and rounded up to as many of each; by default all,
            or as many as hold 50 million values.

        Returns
        -------
        xarray.DataTree
            `posterior_`, with the group ``posterior_predictive`` of x (chain, draw, obs, feature),
            for ``az.plot_ppc_dist`` and its like.
        """
        self._check_fitted()
        count = None if n is None else check_count("n", n)
        rng = np.random.default_rng(seed_sequence(self.random_state).spawn(4)[3])
        predicted = self._model.posterior_predictive(self.posterior_, count, rng)
        self.posterior_ = self.posterior_.assign(posterior_predictive=predicted)
        return self.posterior_

    def _treatment_of_missing(self) -> str:
        return self.missing

    def _accepts_nan(self) -> bool:
        return self.missing == "mar"
