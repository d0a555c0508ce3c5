"""What people use today, as engines: scikit-learn's mixtures and k-means."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from threadpoolctl import threadpool_limits

from experiments.config.section import PositiveInt, Ridge, Section
from experiments.core.progress import Report
from experiments.core.sizes import of_doubles, of_mixtures
from experiments.core.types import FloatArray
from experiments.engines.contract import Fit
from experiments.engines.fit import ALL_COVARIANCE_TYPES
from gmm_em import Mixture, Moments, maximize
from gmm_em.covariance.registry import NAMES_OF_SKLEARN_S, get_structure, sklearn_name


class SklearnSettings(Section):
    """Settings of scikit-learn's mixtures; the defaults are its own."""

    n_init: PositiveInt = 1
    """Number of restarts."""
    max_iter: PositiveInt = 100
    """Most iterations of a restart."""
    tol: Annotated[float, Field(gt=0)] = 1e-3
    """Stop when the gain of an iteration falls below this."""
    reg_covar: Ridge = 1e-6
    """Added to the diagonal of every covariance."""


class KMeansSettings(Section):
    """Settings of scikit-learn's k-means."""

    n_init: PositiveInt = 10
    """Number of restarts."""
    max_iter: PositiveInt = 300
    """Most iterations of a restart."""


@dataclass(frozen=True)
class SklearnEngine:
    """scikit-learn's `GaussianMixture`; it has no uncertainty."""

    options: SklearnSettings
    settings: ClassVar[type[Section]] = SklearnSettings
    covariance_types: ClassVar[tuple[str, ...]] = NAMES_OF_SKLEARN_S
    title: ClassVar[str] = "sklearn"
    estimator: ClassVar[Callable[..., Any]] = GaussianMixture
    maximum_likelihood: ClassVar[bool] = True

    def memory_needed(self, n_samples: int, n_features: int, n_components: int) -> int:
        """Return about how many bytes a fit needs: responsibilities, and covariances thrice."""
        rows = of_doubles(n_samples, 3 * n_components + n_features)
        return rows + of_mixtures(3, n_components, n_features)

    def fit(
        self,
        X: FloatArray,
        n_components: int,
        seed: np.random.SeedSequence,
        progress: Report,
        *,
        covariance_type: str = "full",
    ) -> Fit:
        """Fit with scikit-learn."""
        start = time.perf_counter()
        model = type(self).estimator(
            n_components=n_components,
            covariance_type=sklearn_name(covariance_type),
            random_state=_legacy(seed),
            **self.options.model_dump(),
        )
        with warnings.catch_warnings():
            # The diagnostics report it instead.
            warnings.simplefilter("ignore", ConvergenceWarning)
            with _one_thread():
                model.fit(X)
        return Fit(
            title=self.title,
            maximum_likelihood=self.maximum_likelihood,
            mixture=Mixture(
                model.weights_,
                model.means_,
                get_structure(covariance_type).expand(model.covariances_, n_components, X.shape[1]),
            ),
            seconds=time.perf_counter() - start,
            diagnostics={"converged": bool(model.converged_), "n_iter": int(model.n_iter_)},
        )


class SklearnBayesEngine(SklearnEngine):
    """scikit-learn's `BayesianGaussianMixture`: variational, reported at its point estimate."""

    title: ClassVar[str] = "sklearn-bayes"
    estimator: ClassVar[Callable[..., Any]] = BayesianGaussianMixture
    maximum_likelihood: ClassVar[bool] = False


@dataclass(frozen=True)
class KMeansEngine:
    """k-means, read as a mixture: each cluster's share, mean and covariance.

    Hard assignment cuts the tails of overlapping components off, so its covariances are too small
    and its means too far apart (Bryant & Williamson 1978): what soft assignment mends.
    """

    options: KMeansSettings
    settings: ClassVar[type[Section]] = KMeansSettings
    covariance_types: ClassVar[tuple[str, ...]] = ALL_COVARIANCE_TYPES

    def memory_needed(self, n_samples: int, n_features: int, n_components: int) -> int:
        """Return about how many bytes a fit needs: who belongs where, and covariances thrice."""
        rows = of_doubles(n_samples, n_components * (1 + n_features) + 2 * n_features)
        return rows + of_mixtures(3, n_components, n_features)

    def fit(
        self,
        X: FloatArray,
        n_components: int,
        seed: np.random.SeedSequence,
        progress: Report,
        *,
        covariance_type: str = "full",
    ) -> Fit:
        """Fit with scikit-learn.

        Raises
        ------
        ValueError
            If a cluster has too few distinct rows for a covariance.
        """
        start = time.perf_counter()
        model = KMeans(n_components, random_state=_legacy(seed), **self.options.model_dump())
        with _one_thread():
            labels = model.fit_predict(X)
        mixture = maximize(_hard_moments(X, labels, n_components), covariance_type)
        return Fit(
            title="k-means",
            mixture=mixture,
            seconds=time.perf_counter() - start,
            diagnostics={"n_iter": int(model.n_iter_), "inertia": float(model.inertia_)},
        )


def _hard_moments(X: FloatArray, labels: NDArray[np.integer[Any]], n_components: int) -> Moments:
    """Return the statistics of rows that each belong to one component wholly."""
    belongs = np.eye(n_components)[labels]
    centre = X.mean(axis=0)
    moved = X - centre
    second = np.einsum("nk,ni,nj->kij", belongs, moved, moved, optimize=True)
    origin = np.broadcast_to(centre, (n_components, X.shape[1])).copy()
    return Moments(belongs.sum(axis=0), belongs.T @ moved, second, origin, np.nan, float(len(X)))


def _one_thread() -> threadpool_limits:
    """Hold scikit-learn to one thread: with more it adds in another order, to other last digits."""
    return threadpool_limits(1)


def _legacy(seed: np.random.SeedSequence) -> int:
    """Return a seed in the range that scikit-learn takes."""
    return int(seed.generate_state(1)[0])
