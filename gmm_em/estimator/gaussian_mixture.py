"""GaussianMixtureEM: the scikit-learn face of :func:`gmm_em.fit_em`."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmm_em.core.checks import check_sample_weight
from gmm_em.core.html import mixture_table
from gmm_em.core.sklearn_checks import (
    ConvergenceWarning,
    NotFittedError,
    check_feature_names,
    check_rows,
    feature_names,
    sklearn_or,
)
from gmm_em.core.sklearn_params import SklearnParams
from gmm_em.core.types import FloatArray, IntArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step.blocked import evaluate
from gmm_em.e_step.missing import evaluate_missing
from gmm_em.e_step.streaming import Blocks, open_blocks
from gmm_em.estimator.initial_values import initial_values
from gmm_em.fitting.ascent import remaining_gain
from gmm_em.fitting.fit import fit_blocks, fit_em
from gmm_em.fitting.prior import ConjugatePrior
from gmm_em.fitting.problem import DegenerateError
from gmm_em.fitting.result import EMResult
from gmm_em.fitting.starts.partial import PartialStart
from gmm_em.fitting.verbose import Progress
from gmm_em.inference import criteria
from gmm_em.inference.standard_errors import StandardErrors, standard_errors
from gmm_em.mixture import Mixture
from gmm_em.rows.samples import Samples

# What is added to the covariances where there is no maximum, in units of the features' variances.
_RIDGE = 1e-6


class GaussianMixtureEM(SklearnParams):
    """Gaussian mixture fitted by maximum likelihood, a drop-in for ``sklearn``'s.

    Takes the constructor arguments of ``sklearn.mixture.GaussianMixture`` and has its attributes
    and methods. Where the defaults differ, they do so for a reason: the search for the best
    maximum (`n_init`, `init_params`), convergence to it (`tol`, `max_iter`), and no bias
    (`reg_covar`).

    Parameters
    ----------
    n_components : int, default 1
        Number of components, K.
    covariance_type : {"full", "tied", "diag", "spherical"} or CovarianceStructure, default "full"
    tol : float, default 1e-10
        Stop when the estimated gain still to come, in log-likelihood per row, is below this.
    reg_covar : float or array_like of shape (D,), optional
        Added to the diagonal of every covariance. By default nothing is; but where the data
        admit no maximum, every run having degenerated, a millionth of each feature's variance
        is, with a warning. Give 0 to have an error then.
    max_iter : int, default 1000
        At most this many E-steps after the first, per run; 0 keeps the best start.
    n_init : int, optional
        Number of starts, by default 60 on up to 2000 rows and 30 on more: short runs from all
        of them, the better half to convergence.
    init_params : {"auto", "ward", "quantiles", "kmeans", "k-means++", "random", \
"random_from_data", "textbook"}, default "auto"
    weights_init : array_like, shape (K,), optional
    means_init : array_like, shape (K, D), optional
    precisions_init : array_like, optional
        Inverse covariances, in the shape of ``precisions_``.
    random_state : None, int, Generator, SeedSequence or RandomState
    warm_start : bool, default False
        Begin the next fit where the last one ended.
    verbose : int, default 0
        1 prints the runs and every `verbose_interval`-th iteration; 2 adds gains and times.
    verbose_interval : int, default 10
    prior : ConjugatePrior, optional
        Maximise the posterior density instead of the likelihood.
    accelerate : bool, default True
        Quasi-Newton steps after ten EM steps.
    missing : {"error", "mar"}, default "error"
        What to do with NaN: refuse it, or treat it as missing at random.

    Attributes
    ----------
    weights_ : ndarray, shape (K,)
    means_ : ndarray, shape (K, D)
    covariances_, precisions_, precisions_cholesky_ : ndarray
        In scikit-learn's shape for the covariance type.
    converged_ : bool
    n_iter_ : int
    lower_bound_ : float
        Objective per unit of weight of the fit: the mean log-likelihood, where there is no prior.
    lower_bounds_ : list of float
        Its path.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, shape (D,)
        Only where `X` has string column names.
    mixture_ : Mixture
        The fit in float64, whatever the dtype of `X`.
    log_likelihood_ : float
        Total log-likelihood of the fit.
    trace_ : ndarray
        Path of the total objective, one entry per E-step; it never falls.
    result_ : EMResult
        All runs, and the distinct maxima they reached.

    See Also
    --------
    gmm_em.fit_em : The same as a function.
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str | CovarianceStructure = "full",
        tol: float = 1e-10,
        reg_covar: ArrayLike | None = None,
        max_iter: int = 1000,
        n_init: int | None = None,
        init_params: str = "auto",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        prior: ConjugatePrior | None = None,
        accelerate: bool = True,
        missing: str = "error",
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
        self.prior = prior
        self.accelerate = accelerate
        self.missing = missing

    # Fitting ---------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit to rows.

        Parameters
        ----------
        X : array_like, shape (N, D)
        y : ignored
        sample_weight : array_like, shape (N,), optional
            Non-negative; a weight of 2 counts a row twice.

        Returns
        -------
        self
        """
        names = feature_names(X)
        rows = check_rows(X, min_samples=2)
        progress = Progress(self.verbose, self.verbose_interval) if self.verbose else None
        options = self._options(rows.shape[1]) | {
            "n_init": self.n_init,
            "init_params": self.init_params,
            "sample_weight": sample_weight,
            "random_state": _seed(self.random_state),
            "callback": progress,
            "missing": self.missing,
        }
        try:
            result = fit_em(rows, self.n_components, **options)
        except DegenerateError:
            if self.reg_covar is not None:
                raise
            options["reg_covar"] = _RIDGE * Samples(rows, sample_weight).variances()
            result = fit_em(rows, self.n_components, **options)
            warnings.warn(
                "The likelihood has no maximum on these data: every run degenerated, so a "
                "millionth of each feature's variance was added to the covariances. Use fewer "
                "components, a more constrained covariance_type, a prior, or set reg_covar.",
                sklearn_or(ConvergenceWarning),
                stacklevel=2,
            )
        if progress is not None:
            progress.end(result)
        float32 = np.dtype(rows.dtype) == np.float32
        self._set(result, np.float32 if float32 else np.float64)
        self._set_feature_names(names)
        return self

    def fit_blocks(self, blocks: Blocks) -> Self:
        """Fit to rows that come in blocks, of which only one is held at a time.

        Parameters
        ----------
        blocks : iterable, or callable that returns one
            Arrays of shape (n, D), the same in every pass: a list, or for a file larger than
            memory a function that opens it anew. See :func:`gmm_em.fit_blocks`.
        """
        first = next(iter(open_blocks(blocks)), None)
        if first is None:
            raise ValueError("there is no block with a row in it")
        result = fit_blocks(
            blocks,
            self.n_components,
            **self._options(np.shape(first)[1]),
            n_init=self.n_init,
            init_params=self.init_params,
            random_state=_seed(self.random_state),
        )
        self._set(result, np.float64)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> IntArray:
        """Fit, then label the same rows."""
        return self.fit(X, y, sample_weight).predict(X)

    def _options(self, n_features: int) -> dict[str, Any]:
        structure = get_structure(self.covariance_type)
        init: Mixture | PartialStart | None
        if self.warm_start and hasattr(self, "mixture_"):
            init = self.mixture_
        else:
            init = initial_values(
                self.weights_init,
                self.means_init,
                self.precisions_init,
                structure,
                (self.n_components, n_features),
            )
        return {
            "covariance_type": structure,
            "tol": self.tol,
            "reg_covar": 0.0 if self.reg_covar is None else self.reg_covar,
            "max_iter": self.max_iter,
            "init": init,
            "prior": self.prior,
            "accelerate": self.accelerate,
        }

    def _set(self, result: EMResult, dtype: type[np.floating[Any]]) -> None:
        structure = get_structure(self.covariance_type)
        mixture = result.mixture
        total = result.total_weight
        trace: FloatArray = result.trace
        self.converged_ = result.converged
        before: FloatArray | None = getattr(self, "trace_", None)
        if self.warm_start and before is not None:
            # Convergence may only show over several fits of few iterations each.
            trace = np.concatenate([before[-2:-1], trace])
            self.converged_ |= remaining_gain(trace.tolist()) < self.tol * total
        if not self.converged_ and self.max_iter > 0:
            warnings.warn(
                "Best performing initialization did not converge. Try different init parameters, "
                "or increase max_iter, tol, or check for degenerate data.",
                sklearn_or(ConvergenceWarning),
                stacklevel=3,
            )
        self.result_ = result
        self.mixture_ = mixture
        self.n_features_in_ = mixture.n_features
        self.n_iter_ = result.n_iter
        self.trace_ = trace
        self.log_likelihood_ = result.log_likelihood
        self.lower_bound_ = float(trace[-1]) / total
        self.lower_bounds_ = (result.trace[1:] / total).tolist()
        upper = np.linalg.inv(mixture.scale_trils).transpose(0, 2, 1)
        self.weights_ = mixture.weights.astype(dtype)
        self.means_ = mixture.means.astype(dtype)
        self.covariances_ = structure.compact(mixture.covariances).astype(dtype)
        self.precisions_cholesky_ = structure.compact(upper).astype(dtype)
        self.precisions_ = structure.compact(upper @ upper.transpose(0, 2, 1)).astype(dtype)

    # Using the fit ---------------------------------------------------------------------------

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
        X, labels = mixture.sample(int(n_samples), np.random.default_rng(_seed(self.random_state)))
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
    if sample_weight is None:
        return np.ones(n_samples)
    return check_sample_weight(sample_weight, n_samples)


def _seed(random_state: Any) -> Any:
    """Turn scikit-learn's RandomState, too, into something NumPy's generators start from."""
    if isinstance(random_state, np.random.RandomState):
        words: NDArray[np.uint32] = random_state.randint(0, 2**32, size=4, dtype=np.uint32)
        return np.random.SeedSequence(words.tolist())
    return random_state
