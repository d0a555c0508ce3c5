"""Expected sufficient statistics as a value that adds; the E-step and the M-step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gmm_em.core.threads import single_threaded_blas
from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.registry import get_structure
from gmm_em.e_step.complete import complete_estep
from gmm_em.mixture import Mixture
from gmm_em.rows.foreign_samples import samples_for_mixture
from gmm_em.rows.samples import Parameters


@dataclass(frozen=True, eq=False)
class Moments:
    """Expected sufficient statistics of some rows under a mixture.

    ``a + b`` holds the statistics of the rows of both, so blocks of a file, machines of a cluster
    or threads can each compute theirs. Moments are taken about an origin per component, which
    keeps digits when the data are far from zero; adding translates to a common origin.

    Attributes
    ----------
    counts : ndarray, shape (K,)
        Sum over rows of weight times responsibility.
    first : ndarray, shape (K, D)
        Sums of ``(x - origin[k])``, weighted likewise.
    second : ndarray, shape (K, D, D)
        Sums of ``(x - origin[k]) (x - origin[k])^T``, weighted likewise.
    origin : ndarray, shape (K, D)
    log_likelihood : float
        Weighted sum over rows of the log-density under the mixture.
    total_weight : float
        Sum of the row weights.
    """

    counts: FloatArray
    first: FloatArray
    second: FloatArray
    origin: FloatArray
    log_likelihood: float
    total_weight: float

    @property
    def n_components(self) -> int:
        """Number of components, K."""
        return int(self.first.shape[0])

    @property
    def n_features(self) -> int:
        """Number of features, D."""
        return int(self.first.shape[1])

    def about(self, origin: ArrayLike) -> Moments:
        """Return the same statistics taken about another origin, shape (D,) or (K, D)."""
        new = np.broadcast_to(np.asarray(origin, dtype=np.float64), self.first.shape).copy()
        step = self.origin - new
        cross = self.first[:, :, None] * step[:, None, :]
        square = self.counts[:, None, None] * step[:, :, None] * step[:, None, :]
        return Moments(
            self.counts,
            self.first + self.counts[:, None] * step,
            self.second + cross + cross.transpose(0, 2, 1) + square,
            new,
            self.log_likelihood,
            self.total_weight,
        )

    @property
    def means(self) -> FloatArray:
        """Weighted mean of each component, shape (K, D); NaN where the count is zero."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.origin + self.first / self.counts[:, None]

    @property
    def scatter(self) -> FloatArray:
        """Sums of products of deviations from :attr:`means`, shape (K, D, D)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            offset = self.first / self.counts[:, None]
        offset[self.counts == 0] = 0.0
        return np.asarray(self.second - self.first[:, :, None] * offset[:, None, :])

    def __add__(self, other: object) -> Moments:
        """Statistics of the rows of both."""
        if not isinstance(other, Moments):
            return NotImplemented
        if self.first.shape != other.first.shape:
            raise ValueError(
                f"moments of shapes {self.first.shape} and {other.first.shape} do not add"
            )
        if not np.array_equal(self.origin, other.origin):
            other = other.about(self.origin)
        return Moments(
            self.counts + other.counts,
            self.first + other.first,
            self.second + other.second,
            self.origin,
            self.log_likelihood + other.log_likelihood,
            self.total_weight + other.total_weight,
        )

    def __radd__(self, other: object) -> Moments:
        """Let ``sum(blocks)`` work."""
        if isinstance(other, int) and other == 0:
            return self
        return NotImplemented


@single_threaded_blas()
def expect(mixture: Mixture, X: Any, sample_weight: Any = None) -> Moments:
    """E-step: expected sufficient statistics of the rows of `X` under `mixture`.

    Parameters
    ----------
    mixture : Mixture
    X : array_like, shape (N, D)
        Anything NumPy can read; memory maps and dask arrays are read block by block. The sums of an
        array of PyTorch, CuPy, JAX or another library with the array API are taken where it is.
    sample_weight : array_like, shape (N,), optional
        Non-negative; a weight of 2 counts a row twice.

    Returns
    -------
    Moments
        Taken about the mixture's own component means, so that moments of different rows under
        the same mixture share their origin.

    Raises
    ------
    ValueError
        If `X` is not finite or does not have the mixture's number of columns.
    """
    samples = samples_for_mixture(mixture, X, sample_weight)
    estep = complete_estep(samples, mixture.n_components, "full")
    totals = estep.expect(Parameters(*samples.inner(mixture)))
    scale = samples.scale
    moments = Moments(
        totals.counts,
        totals.first * scale,
        totals.second * (scale[:, None] * scale),
        totals.origin * scale + samples.centre,
        totals.log_likelihood - samples.log_jacobian,
        samples.total_weight,
    )
    return moments.about(mixture.means)


@single_threaded_blas()
def maximize(
    moments: Moments,
    covariance_type: str | CovarianceStructure = "full",
    reg_covar: float = 0.0,
) -> Mixture:
    """M-step: the mixture that maximises the expected complete-data log-likelihood.

    Parameters
    ----------
    moments : Moments
    covariance_type : str or CovarianceStructure
    reg_covar : float, default 0.0
        Added to the diagonal of every covariance.

    Raises
    ------
    ValueError
        If a component is empty, or its covariance is singular.
    """
    structure = get_structure(covariance_type)
    if not reg_covar >= 0:
        raise ValueError(f"reg_covar must not be negative, got {reg_covar}")
    if np.any(moments.counts <= 0):
        raise ValueError(f"component {int(moments.counts.argmin())} is empty")
    scatter = structure.reduce(moments.scatter)
    total = float(moments.counts.sum())
    covariances = structure.covariances(moments.counts, scatter, total)
    covariances = covariances + reg_covar * np.eye(moments.n_features)
    return Mixture(moments.counts / total, moments.means, covariances)
