"""GaussianMixtureEM: the scikit-learn face of :func:`gmm_em.fit_em`."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmm_em.core.foreign import Place, is_foreign, to_host
from gmm_em.core.numbers import in_dtype
from gmm_em.core.sklearn_checks import (
    ConvergenceWarning,
    check_rows,
    feature_names,
    sklearn_or,
)
from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step.streaming import Blocks, open_blocks
from gmm_em.estimator.fitted_mixture import FittedMixture, generator_seed
from gmm_em.estimator.initial_values import initial_values
from gmm_em.fitting.ascent import remaining_gain
from gmm_em.fitting.fit import fit_blocks, fit_em
from gmm_em.fitting.posing import fallback_ridge
from gmm_em.fitting.prior import ConjugatePrior
from gmm_em.fitting.problem import ConstantFeatureError, DegenerateError
from gmm_em.fitting.result import EMResult
from gmm_em.fitting.starts.partial import PartialStart
from gmm_em.fitting.verbose import Progress
from gmm_em.mixture import Mixture


class GaussianMixtureEM(FittedMixture):
    """Gaussian mixture fitted by maximum likelihood, a drop-in for ``sklearn``'s.

    Takes the constructor arguments of ``sklearn.mixture.GaussianMixture`` and has its attributes
    and methods. Where the defaults differ, they do so for a reason: the search for the best
    maximum (`n_init`, `init_params`), convergence to it (`tol`, `max_iter`), and no bias
    (`reg_covar`).

    Parameters
    ----------
    n_components : int, default 1
        Number of components, K.
    covariance_type : str or CovarianceStructure, default "full"
    tol : float, default 1e-10
        Stop when the estimated gain still to come, in log-likelihood per row, is below this.
    reg_covar : float or array_like of shape (D,), optional
        Added to the diagonal of every covariance. By default nothing is; but where the data
        admit no maximum, every run having degenerated, a millionth of each feature's variance
        is, with a warning. Give 0 to have an error then.
    max_iter : int, default 1000
        At most this many E-steps after the first, per run; 0 keeps the best start.
    n_init : int, optional
        Exactly this many starts. By default as many as it takes, up to 154 on up to 2000 rows and
        46 on more; see :func:`gmm_em.fit_em` for when the search stops.
    init_params : {"auto", "ward", "model-based", "quantiles", "kmeans", "k-means++", "random", \
"random_from_data", "tight_rows", "neighbourhoods", "nested", "textbook"}, default "auto"
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
        Quasi-Newton steps after 24 EM steps.
    missing : {"error", "mar"}, default "error"
        What to do with NaN: refuse it, or treat it as missing at random.

    Attributes
    ----------
    weights_ : ndarray, shape (K,)
    means_ : ndarray, shape (K, D)
    covariances_, precisions_, precisions_cholesky_ : ndarray
        In scikit-learn's shape for the covariance type. Where `X` is an array of another library,
        these and the two above are arrays of that library, on its device, as in scikit-learn.
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
        The fit in float64 and in NumPy, whatever the dtype and the library of `X`.
    log_likelihood_ : float
        Total log-likelihood of the fit.
    trace_ : ndarray
        Path of the total objective, one entry per E-step; it never falls. In float64, in the
        library of `X`.
    result_ : EMResult
        All runs, and the distinct maxima they reached.

    See Also
    --------
    gmm_em.fit_em : The same as a function.
    """

    def __init__(  # noqa: PLR0913 - the parameters of scikit-learn's class
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
            An array of PyTorch, CuPy, JAX or of another library with the array API stays where it
            is, see :func:`gmm_em.fit_em`. The methods then answer in arrays of that library.
        y : ignored
        sample_weight : array_like, shape (N,), optional
            Non-negative; a weight of 2 counts a row twice.

        Returns
        -------
        self
        """
        names = feature_names(X)
        rows = check_rows(X, min_samples=2, foreign=True)
        place = Place.of(rows) if is_foreign(rows) else None
        progress = Progress(self.verbose, self.verbose_interval) if self.verbose else None
        options = self._options(rows.shape[1]) | {
            "n_init": self.n_init,
            "init_params": self.init_params,
            "sample_weight": sample_weight,
            "random_state": generator_seed(self.random_state),
            "callback": progress,
            "missing": self.missing,
        }
        try:
            result = fit_em(rows, self.n_components, **options)
        except ConstantFeatureError as error:
            raise error.named(names) from None
        except DegenerateError:
            if self.reg_covar is not None:
                raise
            options["reg_covar"] = fallback_ridge(
                rows, sample_weight, missing=self.missing == "mar"
            )
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
        float32 = np.dtype(rows.dtype) == np.float32 if place is None else place.is_float32
        self._set(result, np.float32 if float32 else np.float64, place)
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
            random_state=generator_seed(self.random_state),
        )
        self._set(result, np.float64)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
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

    def _set(
        self, result: EMResult, dtype: type[np.floating[Any]], place: Place | None = None
    ) -> None:
        structure = get_structure(self.covariance_type)
        mixture = result.mixture
        total = result.total_weight
        trace: FloatArray = result.trace
        self.converged_ = result.converged
        before = getattr(self, "trace_", None)
        if self.warm_start and before is not None:
            # Convergence may only show over several fits of few iterations each.
            trace = np.concatenate([to_host(before)[-2:-1], trace])
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
        self.log_likelihood_ = result.log_likelihood
        self.lower_bound_ = float(trace[-1]) / total
        self.lower_bounds_ = (result.trace[1:] / total).tolist()
        upper = np.linalg.inv(mixture.scale_trils).transpose(0, 2, 1)
        precisions = upper @ upper.transpose(0, 2, 1)

        def delivered(values: NDArray[Any]) -> Any:
            return values if place is None else place.delivered(values)

        self.trace_ = delivered(trace)
        self.weights_ = delivered(mixture.weights.astype(dtype))
        self.means_ = delivered(in_dtype(mixture.means, dtype))
        self.covariances_ = delivered(in_dtype(structure.compact(mixture.covariances), dtype))
        self.precisions_cholesky_ = delivered(in_dtype(structure.compact(upper), dtype))
        self.precisions_ = delivered(in_dtype(structure.compact(precisions), dtype))
