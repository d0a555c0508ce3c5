"""The Gaussian mixture as a value: its densities, responsibilities, sampling and relabelling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg.blas import dtrsm

from gmm_em.core.checks import check_matrix, check_sample_weight
from gmm_em.core.conditioning import condition, feature_indices, given_values
from gmm_em.core.foreign_densities import computed_where_rows_are, log_nearest
from gmm_em.core.html import mixture_table
from gmm_em.core.mixture_checks import (
    check_covariances,
    check_means,
    check_weights,
    cholesky_factors,
    per_feature,
)
from gmm_em.core.threads import single_threaded_blas
from gmm_em.core.types import LOG_2PI, FloatArray, IntArray, Seed

# Values that are copied at a time, so that the density of many rows needs little memory.
_BLOCK_ELEMENTS = 1 << 18


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Mixture:
    """A finite mixture of multivariate normal distributions.

    The value is checked once, when it is made, and cannot be changed afterwards: its arrays are
    read-only float64. Truth, an EM estimate and one posterior draw are all of this type.

    Methods that take rows `X` accept arrays of PyTorch, CuPy, JAX and of other libraries with the
    array API. They compute where the rows are, a block of rows at a time, and return arrays of that
    library there: of float32 where `X` is, otherwise of float64.

    Parameters
    ----------
    weights : array_like, shape (K,)
        Mixing proportions: not negative, summing to 1 (a rounding error of up to 1e-6 is
        accepted and normalised away).
    means : array_like, shape (K, D)
        One row per component.
    covariances : array_like, shape (K, D, D)
        Symmetric positive-definite matrices.

    Attributes
    ----------
    scale_trils : ndarray, shape (K, D, D)
        Lower Cholesky factors ``L`` with ``L @ L.T == covariance``.

    Raises
    ------
    ValueError
        If shapes do not fit together, a number is not finite, the weights are not a
        distribution, or a covariance is not symmetric positive definite.

    Examples
    --------
    >>> mixture = Mixture([0.4, 0.6], [[0.0], [3.0]], [[[1.0]], [[2.0]]])
    >>> mixture.n_components, mixture.n_features
    (2, 1)
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    scale_trils: FloatArray

    def __init__(self, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> None:
        checked_weights = check_weights(weights)
        checked_means = check_means(means, checked_weights.shape[0])
        checked_covariances = check_covariances(covariances, checked_means.shape)
        values = {
            "weights": checked_weights,
            "means": checked_means,
            "covariances": checked_covariances,
            "scale_trils": cholesky_factors(checked_covariances),
        }
        for name, value in values.items():
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    @property
    def n_components(self) -> int:
        """Number of components, K."""
        return int(self.means.shape[0])

    @property
    def n_features(self) -> int:
        """Number of features, D."""
        return int(self.means.shape[1])

    @property
    def mean(self) -> FloatArray:
        """Mean of the whole mixture, shape (D,)."""
        return np.asarray(self.weights @ self.means)

    @property
    def covariance(self) -> FloatArray:
        """Covariance of the whole mixture, shape (D, D)."""
        centred = self.means - self.mean
        within = np.einsum("k,kij->ij", self.weights, self.covariances)
        between = (self.weights[:, None] * centred).T @ centred
        return np.asarray(within + between)

    # Densities -------------------------------------------------------------------------------

    @computed_where_rows_are
    def component_log_prob(self, X: ArrayLike) -> FloatArray:
        """Log of each component's weighted density at each row.

        Parameters
        ----------
        X : array_like, shape (N, D)

        Returns
        -------
        ndarray, shape (N, K)
            ``log(weights[k]) + log N(X[n] | means[k], covariances[k])``; minus infinity where
            the weight is zero.

        Raises
        ------
        ValueError
            If `X` is not a finite matrix with `n_features` columns.
        """
        X = check_matrix(X, n_features=self.n_features, min_rows=0)
        with np.errstate(divide="ignore"):
            log_weights = np.log(self.weights)
        diagonals = np.diagonal(self.scale_trils, axis1=1, axis2=2)
        constants = log_weights - 0.5 * self.n_features * LOG_2PI - np.log(diagonals).sum(axis=1)
        # Rows of a component side by side: NumPy is slow along a short last axis.
        out = np.empty((self.n_components, X.shape[0]))
        step = max(1, _BLOCK_ELEMENTS // self.n_features)
        components = list(zip(self.means, self.scale_trils, strict=True))
        # BLAS wakes its threads for the smallest triangular system, which on a busy machine
        # takes a hundred times as long as solving it.
        with single_threaded_blas():
            for start in range(0, X.shape[0], step):
                block = np.ascontiguousarray(X[start : start + step].T)
                for k, (mean, scale_tril) in enumerate(components):
                    centred = (block - mean[:, None]).T
                    # Solving from the right suits BLAS's column order, so that nothing is copied.
                    whitened = dtrsm(
                        1.0, scale_tril, centred, side=1, lower=1, trans_a=1, overwrite_b=1
                    ).T
                    np.einsum("dn,dn->n", whitened, whitened, out=out[k, start : start + step])
        out *= -0.5
        out += constants[:, None]
        return out.T

    @computed_where_rows_are
    def log_prob(self, X: ArrayLike) -> FloatArray:
        """Log-density of the mixture at each row of `X`, shape (N,)."""
        terms = self.component_log_prob(X).T
        top = terms.max(axis=0, initial=-np.inf)
        # A row where every density underflows has the maximum minus infinity, and is left as it is.
        top[np.isneginf(top)] = 0.0
        terms -= top
        np.exp(terms, out=terms)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(terms.sum(axis=0)) + top)

    @computed_where_rows_are
    @single_threaded_blas()
    def log_likelihood(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Total log-likelihood: the (weighted) sum over rows of :meth:`log_prob`.

        Parameters
        ----------
        X : array_like, shape (N, D)
        sample_weight : array_like, shape (N,), optional
            Non-negative row weights; a weight of 2 counts a row twice, 0 leaves it out.
        """
        log_prob = self.log_prob(X)
        if sample_weight is None:
            return float(log_prob.sum())
        weight = check_sample_weight(sample_weight, log_prob.shape[0])
        # A row of weight zero is absent, even where its density underflows to zero.
        return float(weight[weight > 0] @ log_prob[weight > 0])

    @computed_where_rows_are
    def responsibilities(self, X: ArrayLike) -> FloatArray:
        """Probability of each component given each row, shape (N, K); rows sum to 1."""
        log_prob = self.component_log_prob(X)
        top = log_prob.max(axis=1, keepdims=True)
        if np.isneginf(top).any():
            far = np.isneginf(top[:, 0])
            rows = np.asarray(X, dtype=np.float64)[far].T
            with np.errstate(divide="ignore"):
                constants = np.log(self.weights)[:, None]
            whiteners = np.linalg.inv(self.scale_trils)
            log_prob[far] = log_nearest(np, rows, whiteners, constants).T
            top[far] = 0.0
        log_prob -= top
        np.exp(log_prob, out=log_prob)
        log_prob /= log_prob.sum(axis=1, keepdims=True)
        return log_prob

    @computed_where_rows_are
    def predict(self, X: ArrayLike) -> IntArray:
        """Most probable component of each row, shape (N,)."""
        return np.asarray(self.responsibilities(X).argmax(axis=1), dtype=np.int64)

    # New values from this one ----------------------------------------------------------------

    @single_threaded_blas()
    def sample(self, n_samples: int, rng: Seed = None) -> tuple[FloatArray, IntArray]:
        """Draw independent rows.

        Parameters
        ----------
        n_samples : int
            Number of rows, not negative.
        rng : None, int, numpy.random.SeedSequence or numpy.random.Generator
            Source of randomness.

        Returns
        -------
        X : ndarray, shape (n_samples, D)
        labels : ndarray of int, shape (n_samples,)
            The component each row was drawn from. Rows are in random order.
        """
        if isinstance(n_samples, bool) or not isinstance(n_samples, int | np.integer):
            raise TypeError(f"n_samples must be an integer, got {n_samples!r}")
        if n_samples < 0:
            raise ValueError(f"n_samples must not be negative, got {n_samples}")
        generator = np.random.default_rng(rng)
        labels = generator.choice(self.n_components, size=int(n_samples), p=self.weights)
        noise = generator.standard_normal((int(n_samples), self.n_features))
        X = np.empty_like(noise)
        for k in range(self.n_components):
            rows = labels == k
            X[rows] = self.means[k] + noise[rows] @ self.scale_trils[k].T
        return X, labels.astype(np.int64, copy=False)

    def permute(self, order: ArrayLike) -> Mixture:
        """Return the same mixture with its components reordered.

        Parameters
        ----------
        order : array_like of int, shape (K,)
            Component ``i`` of the result is component ``order[i]`` of this mixture.

        Raises
        ------
        ValueError
            If `order` is not a permutation of 0, ..., K - 1.
        """
        index = np.asarray(order)
        if index.ndim != 1 or not np.array_equal(np.sort(index), np.arange(self.n_components)):
            raise ValueError(
                f"order must be a permutation of 0 to {self.n_components - 1}, got {order!r}"
            )
        index = index.astype(np.intp)
        return Mixture(self.weights[index], self.means[index], self.covariances[index])

    def affine(self, shift: ArrayLike = 0.0, scale: ArrayLike = 1.0) -> Mixture:
        """Distribution of ``scale * x + shift`` when ``x`` follows this mixture.

        Parameters
        ----------
        shift, scale : float or array_like, shape (D,)
            Per feature; `scale` must not be zero.
        """
        b = per_feature("shift", shift, self.n_features)
        a = per_feature("scale", scale, self.n_features)
        if np.any(a == 0.0):
            raise ValueError("scale must not be zero")
        return Mixture(self.weights, self.means * a + b, self.covariances * a[:, None] * a[None, :])

    def marginal(self, features: int | Iterable[int]) -> Mixture:
        """Distribution of some of the features, whatever the others are.

        Parameters
        ----------
        features : int or iterable of int
            Positions from 0 of the M features to keep; the result has them in this order.

        Returns
        -------
        Mixture
            Of M features, with the weights of this one.

        Raises
        ------
        ValueError
            If no feature is given, one is given twice, or there is no such feature.
        """
        kept = feature_indices(features, self.n_features)
        return Mixture(
            self.weights, self.means[:, kept], self.covariances[:, kept[:, None], kept[None, :]]
        )

    @single_threaded_blas()
    def conditional(self, given: Mapping[int, float]) -> Mixture:
        """Distribution of the other features where some have known values.

        Its ``mean`` is the regression of the other features on those that are known.

        Parameters
        ----------
        given : mapping of int to float
            The known values by the positions of their features, which are counted from 0.

        Returns
        -------
        Mixture
            Of the features not given, in their order. Its weights are the probabilities of the
            components given the known values.

        Raises
        ------
        TypeError
            If `given` is no mapping.
        ValueError
            If `given` is empty, has all features or one that there is not, or a value is not
            finite.

        Examples
        --------
        >>> mixture = Mixture([0.5, 0.5], [[0.0, 1.0], [9.0, 5.0]], [np.eye(2), np.eye(2)])
        >>> mixture.conditional({0: 4.5}).mean.tolist()
        [3.0]
        """
        values = given_values(given, self.n_features)
        places, known = list(values), list(values.values())
        weights = self.marginal(places).responsibilities([known])[0]
        return Mixture(weights, *condition(self.means, self.covariances, places, known))

    # Plain forms -----------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return plain nested lists under ``weights``, ``means`` and ``covariances``."""
        return {
            "weights": self.weights.tolist(),
            "means": self.means.tolist(),
            "covariances": self.covariances.tolist(),
        }

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Mixture:
        """Rebuild a mixture from :meth:`to_dict`; the round trip is exact.

        Raises
        ------
        TypeError
            If `d` is not a mapping.
        ValueError
            If a key is missing, or a value is not what :class:`Mixture` accepts.
        """
        if not isinstance(d, Mapping):
            raise TypeError(f"expected a mapping with weights, means, covariances, got {d!r}")
        missing = [name for name in ("weights", "means", "covariances") if name not in d]
        if missing:
            raise ValueError(f"a mixture needs weights, means and covariances; missing: {missing}")
        return cls(d["weights"], d["means"], d["covariances"])

    def __eq__(self, other: object) -> bool:
        """Exact equality of every parameter, component by component in the given order."""
        if not isinstance(other, Mixture):
            return NotImplemented
        return (
            np.array_equal(self.weights, other.weights)
            and np.array_equal(self.means, other.means)
            and np.array_equal(self.covariances, other.covariances)
        )

    def __hash__(self) -> int:
        # Adding zero maps -0.0 to 0.0, which compare equal and so must hash equal.
        parts = (self.weights, self.means, self.covariances)
        return hash(tuple((part + 0.0).tobytes() for part in parts))

    def _repr_html_(self) -> str:
        return mixture_table(self.weights, self.means, self.covariances)

    def __repr__(self) -> str:
        shown = ", ".join(f"{weight:.3g}" for weight in self.weights[:6])
        more = ", ..." if self.n_components > 6 else ""
        return (
            f"Mixture(n_components={self.n_components}, n_features={self.n_features}, "
            f"weights=[{shown}{more}])"
        )

    def __reduce__(self) -> tuple[type[Mixture], tuple[FloatArray, FloatArray, FloatArray]]:
        # Rebuilding restores the read-only flags, which pickling arrays drops.
        return Mixture, (self.weights, self.means, self.covariances)
