"""GaussianMixtureEM: the scikit-learn face of :func:`gmm_em.fit_em`."""

from __future__ import annotations

import inspect
import sys
import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmm_em import criteria
from gmm_em.covariance import CovarianceStructure, get_structure
from gmm_em.em import fit_em
from gmm_em.mixture import FloatArray, IntArray, Mixture, check_matrix, check_sample_weight


class ConvergenceWarning(UserWarning):
    """The best run stopped at max_iter."""


class NotFittedError(ValueError, AttributeError):
    """The estimator is used before it is fitted."""


def _sklearn_or(own: type) -> type:
    """Return scikit-learn's class of that name where the caller has it loaded."""
    exceptions = sys.modules.get("sklearn.exceptions")
    return own if exceptions is None else getattr(exceptions, own.__name__, own)


class GaussianMixtureEM:
    """Gaussian mixture fitted by maximum likelihood, as scikit-learn's ``GaussianMixture``.

    Parameters
    ----------
    n_components : int, default 1
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
    tol : float, default 1e-8
        Stop when the estimated gain still to come, in log-likelihood per row, is below this.
    reg_covar : float, default 0.0
        Added to the diagonal of every covariance.
    max_iter : int, default 1000
    n_init : int, default 30
        Number of restarts.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, default "kmeans"
    weights_init : array_like, shape (K,), optional
    means_init : array_like, shape (K, D), optional
    precisions_init : array_like, optional
        Inverse covariances, in the shape of ``precisions_``.
    random_state : None, int, Generator, SeedSequence or RandomState
    warm_start : bool, default False
        Begin the next fit where the last one ended.
    verbose : int, default 0
    verbose_interval : int, default 10

    Attributes
    ----------
    mixture_ : Mixture
    weights_, means_, covariances_, precisions_, precisions_cholesky_ : ndarray
        As in scikit-learn.
    converged_ : bool
    n_iter_ : int
    lower_bound_ : float
        Log-likelihood per row of the fit.
    lower_bounds_ : list of float
        Its path.
    log_likelihood_ : float
        Total log-likelihood of the fit.
    trace_ : ndarray
        Path of the total log-likelihood.
    result_ : EMResult
    n_features_in_ : int
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str | CovarianceStructure = "full",
        tol: float = 1e-8,
        reg_covar: float = 0.0,
        max_iter: int = 1000,
        n_init: int = 30,
        init_params: str = "auto",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    # Fitting ---------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit to rows `X`, shape (N, D); `y` is ignored."""
        init = self._initial_mixture(np.shape(X))
        result = fit_em(
            X,
            self.n_components,
            covariance_type=self.covariance_type,
            tol=self.tol,
            reg_covar=self.reg_covar,
            max_iter=self.max_iter,
            n_init=self.n_init,
            init_params=self.init_params,
            init=init,
            sample_weight=sample_weight,
            random_state=_seed(self.random_state),
        )
        if not result.converged:
            warnings.warn(
                "Best performing initialization did not converge. Try different init parameters, "
                "or increase max_iter, tol, or check for degenerate data.",
                _sklearn_or(ConvergenceWarning),
                stacklevel=2,
            )
        self._set(result.mixture)
        total = float(np.shape(X)[0] if sample_weight is None else np.sum(sample_weight))
        self.result_ = result
        self.converged_ = result.converged
        self.n_iter_ = result.n_iter
        self.trace_ = result.trace
        self.log_likelihood_ = result.log_likelihood
        self.lower_bound_ = result.log_likelihood / total
        self.lower_bounds_ = (result.trace[1:] / total).tolist()
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> IntArray:
        """Fit, then label the same rows."""
        return self.fit(X, y, sample_weight).predict(X)

    def _initial_mixture(self, shape: tuple[int, ...]) -> Mixture | None:
        if self.warm_start and hasattr(self, "mixture_"):
            return self.mixture_
        given = (self.weights_init, self.means_init, self.precisions_init)
        if all(value is None for value in given):
            return None
        if any(value is None for value in given):
            raise ValueError("give all of weights_init, means_init and precisions_init, or none")
        structure = get_structure(self.covariance_type)
        precisions = structure.expand(
            np.asarray(self.precisions_init, dtype=np.float64), self.n_components, shape[1]
        )
        assert self.weights_init is not None
        assert self.means_init is not None
        return Mixture(self.weights_init, self.means_init, np.linalg.inv(precisions))

    def _set(self, mixture: Mixture) -> None:
        structure = get_structure(self.covariance_type)
        self.mixture_ = mixture
        self.n_features_in_ = mixture.n_features
        self.weights_ = mixture.weights.copy()
        self.means_ = mixture.means.copy()
        self.covariances_ = structure.compact(mixture.covariances).copy()
        upper = np.linalg.inv(mixture.scale_trils).transpose(0, 2, 1)
        self.precisions_cholesky_ = structure.compact(upper).copy()
        self.precisions_ = structure.compact(upper @ upper.transpose(0, 2, 1)).copy()

    # Using the fit ---------------------------------------------------------------------------

    def _fitted(self) -> Mixture:
        if not hasattr(self, "mixture_"):
            raise _sklearn_or(NotFittedError)(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with "
                "appropriate arguments before using this estimator."
            )
        return self.mixture_

    def predict(self, X: Any) -> IntArray:
        """Most probable component of each row, shape (N,)."""
        return self._fitted().predict(X)

    def predict_proba(self, X: Any) -> FloatArray:
        """Responsibilities, shape (N, K)."""
        return self._fitted().responsibilities(X)

    def score_samples(self, X: Any) -> FloatArray:
        """Log-density of each row, shape (N,)."""
        return self._fitted().log_prob(X)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean log-density over rows (weighted by `sample_weight`)."""
        log_prob = self.score_samples(X)
        if sample_weight is None:
            return float(log_prob.mean())
        weight = check_sample_weight(sample_weight, log_prob.shape[0])
        return float(weight @ log_prob / weight.sum())

    def sample(self, n_samples: int = 1) -> tuple[FloatArray, IntArray]:
        """Draw rows from the fitted mixture, with the component each came from."""
        mixture = self._fitted()
        if n_samples < 1:
            raise ValueError(f"Invalid value for 'n_samples': {n_samples}; at least 1 is needed")
        return mixture.sample(n_samples, np.random.default_rng(_seed(self.random_state)))

    def aic(self, X: Any) -> float:
        """Akaike's criterion on `X`; smaller is better."""
        return criteria.aic(self._fitted().log_likelihood(X), self._n_parameters())

    def bic(self, X: Any) -> float:
        """Schwarz's criterion on `X`; smaller is better."""
        X = check_matrix(X)
        return criteria.bic(self._fitted().log_likelihood(X), self._n_parameters(), X.shape[0])

    def icl(self, X: Any) -> float:
        """Integrated completed likelihood on `X`; smaller is better."""
        mixture = self._fitted()
        return criteria.icl(
            mixture.log_likelihood(X), self._n_parameters(), mixture.responsibilities(X)
        )

    def _n_parameters(self) -> int:
        mixture = self._fitted()
        return criteria.n_parameters(mixture.n_components, mixture.n_features, self.covariance_type)

    # scikit-learn's conventions --------------------------------------------------------------

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's parameters."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Set constructor parameters by name."""
        names = self._parameter_names()
        for name, value in params.items():
            if name not in names:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}; valid "
                    f"parameters are {names}"
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        shown = [
            f"{name}={getattr(self, name)!r}"
            for name in self._parameter_names()
            if getattr(self, name) is not defaults[name].default
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


def _seed(random_state: Any) -> Any:
    """Turn scikit-learn's RandomState, too, into something NumPy's generators start from."""
    if isinstance(random_state, np.random.RandomState):
        words: NDArray[np.uint32] = random_state.randint(0, 2**32, size=4, dtype=np.uint32)
        return np.random.SeedSequence(words.tolist())
    return random_state
