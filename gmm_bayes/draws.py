"""Many mixtures at once: the draws of a posterior."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from gmm_bayes.core.checks import check_data
from gmm_bayes.core.types import FloatArray, IntArray
from gmm_em import Mixture
from gmm_em.core.conditioning import feature_indices
from gmm_em.core.html import mixture_table
from gmm_em.core.threads import single_threaded_blas
from gmm_em.e_step.missing import patterns_of

_LOG_2PI = float(np.log(2.0 * np.pi))
_BLOCK_ELEMENTS = 1 << 19
"""Doubles in the largest temporary array of a block: 4 MB."""
_MAX_DISTANCE = 1e150
"""Largest whitened distance: its square is still a double."""


@dataclass(frozen=True, eq=False, repr=False)
class MixtureDraws:
    """Draws of a mixture's parameters, chain by chain, in the data's own units.

    Indexing with a number (counted through the chains, one after another) or with
    ``[chain, draw]`` gives that draw as a :class:`gmm_em.Mixture`.

    Parameters
    ----------
    weights : array_like of shape (C, S, K)
        C chains of S draws of the weights of K components.
    means : array_like of shape (C, S, K, D)
    covariances : array_like of shape (C, S, K, D, D)

    Raises
    ------
    ValueError
        If the shapes do not fit together, a value is not finite, or a covariance is not positive
        definite.
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    scale_trils: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights, dtype=np.float64)
        means = np.asarray(self.means, dtype=np.float64)
        covariances = np.asarray(self.covariances, dtype=np.float64)
        if weights.ndim != 3 or means.ndim != 4 or 0 in means.shape:
            raise ValueError(
                "weights must have shape (chains, draws, K) and means (chains, draws, K, D), "
                f"but theirs are {weights.shape} and {means.shape}"
            )
        if means.shape[:3] != weights.shape or covariances.shape != (
            *means.shape,
            means.shape[-1],
        ):
            raise ValueError(
                f"shapes do not fit together: weights {weights.shape}, means {means.shape}, "
                f"covariances {covariances.shape}"
            )
        for name, value in (("weights", weights), ("means", means), ("covariances", covariances)):
            if not np.isfinite(value).all():
                raise ValueError(f"draws of the {name} must be finite")
            object.__setattr__(self, name, value)
        try:
            factors = np.linalg.cholesky(covariances)
        except np.linalg.LinAlgError:
            raise ValueError("a draw's covariance is not positive definite") from None
        object.__setattr__(self, "scale_trils", factors)

    @property
    def n_chains(self) -> int:
        """Number of chains, C."""
        return int(self.weights.shape[0])

    @property
    def n_draws(self) -> int:
        """Draws per chain, S."""
        return int(self.weights.shape[1])

    @property
    def n_components(self) -> int:
        """Number of components, K."""
        return int(self.weights.shape[2])

    @property
    def n_features(self) -> int:
        """Number of features, D."""
        return int(self.means.shape[3])

    def __len__(self) -> int:
        return self.n_chains * self.n_draws

    def __getitem__(self, index: int | tuple[int, int]) -> Mixture:
        at = index if isinstance(index, tuple) else self._chain_and_draw(index)
        return Mixture(self.weights[at], self.means[at], self.covariances[at])

    def __iter__(self) -> Iterator[Mixture]:
        return (self[i] for i in range(len(self)))

    def _repr_html_(self) -> str:
        """Return the mean of the draws as a table, which notebooks show."""
        count = f"{self.n_chains} chains of {self.n_draws} draws, their mean"
        mean = self.mean()
        return mixture_table(mean.weights, mean.means, mean.covariances, count)

    def thin(self, most: int) -> tuple[MixtureDraws, IntArray]:
        """Return at most so many draws of each chain, evenly spaced, and which those are.

        Parameters
        ----------
        most : int
            At least one draw is kept all the same.
        """
        count = min(self.n_draws, max(1, most))
        kept = np.linspace(0, self.n_draws - 1, count).round().astype(np.int64)
        if count == self.n_draws:
            return self, kept
        arrays = (self.weights, self.means, self.covariances)
        return MixtureDraws(*(values[:, kept] for values in arrays)), kept

    def __repr__(self) -> str:
        return (
            f"MixtureDraws(n_chains={self.n_chains}, n_draws={self.n_draws}, "
            f"n_components={self.n_components}, n_features={self.n_features})"
        )

    def _chain_and_draw(self, index: int) -> tuple[int, int]:
        """Return the chain of a draw that is counted through all chains, and its place there."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"draw {index} of {len(self)}")
        chain, draw = divmod(index % len(self), self.n_draws)
        return chain, draw

    # One mixture from many ---------------------------------------------------------------------

    def mean(self) -> Mixture:
        """Return the mixture of averaged weights, means and covariances.

        Only meaningful once labels are aligned (:func:`gmm_bayes.relabel`).
        """
        weights = self.weights.mean(axis=(0, 1))
        return Mixture(
            weights / weights.sum(),
            self.means.mean(axis=(0, 1)),
            self.covariances.mean(axis=(0, 1)),
        )

    def permute(self, permutations: ArrayLike) -> MixtureDraws:
        """Return the draws with each one's components reordered.

        Parameters
        ----------
        permutations : array_like of int, shape (C, S, K) or (K,)
            Component ``i`` of the result's draw ``[c, s]`` is component ``permutations[c, s, i]``
            of this one's.

        Raises
        ------
        ValueError
            If the shape does not fit or a row is not a permutation of 0, ..., K - 1.
        """
        order = np.asarray(permutations)
        if order.shape not in (self.weights.shape, self.weights.shape[-1:]):
            raise ValueError(
                f"permutations must have shape {self.weights.shape} or {self.weights.shape[-1:]}, "
                f"but have {order.shape}"
            )
        if not np.array_equal(
            np.sort(order, axis=-1), np.broadcast_to(np.arange(self.n_components), order.shape)
        ):
            raise ValueError(f"every row must be a permutation of 0 to {self.n_components - 1}")
        order = np.broadcast_to(order.astype(np.intp), self.weights.shape)
        return MixtureDraws(
            np.take_along_axis(self.weights, order, axis=2),
            np.take_along_axis(self.means, order[..., None], axis=2),
            np.take_along_axis(self.covariances, order[..., None, None], axis=2),
        )

    def marginal(self, features: int | Iterable[int]) -> MixtureDraws:
        """Return the draws as those of some of the features, whatever the others are.

        Parameters
        ----------
        features : int or iterable of int
            As for :meth:`gmm_em.Mixture.marginal`.

        Raises
        ------
        ValueError
            If no feature is given, one is given twice, or there is no such feature.
        """
        kept = feature_indices(features, self.n_features)
        covariances = self.covariances[..., kept[:, None], kept]
        return MixtureDraws(self.weights, self.means[..., kept], covariances)

    # Densities ---------------------------------------------------------------------------------

    @single_threaded_blas()
    def log_prob(self, X: ArrayLike, missing: str = "error") -> FloatArray:
        """Return every draw's log density at every row of `X`, shape (C, S, N).

        Needs memory for C x S x N doubles; :meth:`log_likelihood` does not. With ``missing="mar"``
        NaN stands for a missing value, and a row's density is that of what was observed, here and
        in the other methods.
        """
        data = check_data(X, n_features=self.n_features, missing=missing)
        out = np.empty((len(self), data.shape[0]))
        for draws, rows, block in self._component_blocks(data):
            out[draws, rows] = _logsumexp(block)
        return out.reshape(self.n_chains, self.n_draws, -1)

    @single_threaded_blas()
    def responsibilities(self, X: ArrayLike, missing: str = "error") -> FloatArray:
        """Return every draw's probability of each component given each row, shape (C, S, N, K)."""
        data = check_data(X, n_features=self.n_features, missing=missing)
        out = np.empty((len(self), data.shape[0], self.n_components))
        for draws, rows, block in self._component_blocks(data):
            block -= block.max(axis=1, keepdims=True)
            np.exp(block, out=block)
            block /= block.sum(axis=1, keepdims=True)
            out[draws, rows] = block.transpose(0, 2, 1)
        return out.reshape(self.n_chains, self.n_draws, *out.shape[1:])

    @single_threaded_blas()
    def log_likelihood(self, X: ArrayLike, missing: str = "error") -> FloatArray:
        """Return every draw's log-likelihood of `X`, summed over rows, shape (C, S)."""
        data = check_data(X, n_features=self.n_features, missing=missing)
        out = np.zeros(len(self))
        for draws, _, block in self._component_blocks(data):
            out[draws] += _logsumexp(block).sum(axis=1)
        return out.reshape(self.n_chains, self.n_draws)

    @single_threaded_blas()
    def predictive_component_log_prob(self, X: ArrayLike, missing: str = "error") -> FloatArray:
        """Return the log of the draws' average joint density of row and component, shape (N, K).

        ``log mean_s weight_k^(s) N(x_n | k, s)``: its logsumexp over components is the log
        posterior predictive density, its softmax the predictive probability of each component.
        Components are only meaningful once labels are aligned.
        """
        data = check_data(X, n_features=self.n_features, missing=missing)
        out = np.full((data.shape[0], self.n_components), -np.inf)
        for _, rows, block in self._component_blocks(data):
            over_draws = logsumexp(block, axis=0).T
            out[rows] = np.logaddexp(out[rows], over_draws)
        return np.asarray(out - np.log(len(self)))

    def sample_predictive(
        self, n_samples: int, rng: np.random.Generator
    ) -> tuple[FloatArray, IntArray]:
        """Return new rows from the posterior predictive distribution, and their components.

        Each row comes from a draw of its own, chosen at random.

        Parameters
        ----------
        n_samples : int
        rng : numpy.random.Generator

        Returns
        -------
        rows : ndarray of shape (n_samples, D)
        labels : ndarray of int, shape (n_samples,)
        """
        chains = rng.integers(self.n_chains, size=n_samples)
        picks = rng.integers(self.n_draws, size=n_samples)
        cumulative = self.weights[chains, picks].cumsum(axis=1)
        points = rng.random((n_samples, 1)) * cumulative[:, -1:]
        labels = (points >= cumulative).sum(axis=1)
        noise = rng.standard_normal((n_samples, self.n_features))
        factors = self.scale_trils[chains, picks, labels]
        rows = self.means[chains, picks, labels] + np.einsum("nij,nj->ni", factors, noise)
        return rows, labels

    def _component_blocks(self, data: FloatArray) -> Iterator[tuple[slice, Any, FloatArray]]:
        """Yield ``(draws, rows, log w_k + log N(x_n | k))``, the last of shape (draws, K, rows).

        Every component of many draws is whitened by one matrix product. Centring first keeps it
        exact when the data are far from the origin. Rows with missing values come by pattern, their
        numbers as an array.
        """
        if np.isnan(data).any():
            for pattern in patterns_of(data):
                observed = self._observed_blocks(pattern.values, pattern.observed)
                for draws, rows, block in observed:
                    yield draws, pattern.rows[rows], block
            return
        n_samples, d = data.shape
        k = self.n_components
        # Not the centre of the rows: a far one among them must not cost the others their digits.
        centre = self.means.mean(axis=(0, 1, 2))
        factors = self.scale_trils.reshape(-1, k, d, d)
        whiteners = np.linalg.inv(factors)
        offsets = (whiteners @ (self.means.reshape(-1, k, d, 1) - centre[:, None]))[..., 0]
        with np.errstate(over="ignore"):
            centred = np.ascontiguousarray((data - centre).T)
            farthest = np.abs(centred).max() * np.abs(whiteners).sum(axis=-1).max()
        if not farthest < _MAX_DISTANCE:
            raise ValueError("X holds values too large for float64 arithmetic")
        diagonals = np.diagonal(factors, axis1=-2, axis2=-1)
        with np.errstate(divide="ignore"):
            constants = np.log(self.weights.reshape(-1, k))
        constants = constants - np.log(diagonals).sum(axis=-1) - 0.5 * d * _LOG_2PI
        n_rows = min(n_samples, max(1, _BLOCK_ELEMENTS // (k * d)))
        n_draws = max(1, _BLOCK_ELEMENTS // (k * d * n_rows))
        for start in range(0, len(self), n_draws):
            draws = slice(start, min(start + n_draws, len(self)))
            stacked = whiteners[draws].reshape(-1, d)
            shift = offsets[draws].reshape(-1, 1)
            for first in range(0, n_samples, n_rows):
                rows = slice(first, min(first + n_rows, n_samples))
                white = stacked @ centred[:, rows]
                white -= shift
                np.square(white, out=white)
                block = white.reshape(-1, k, d, white.shape[-1]).sum(axis=2)
                block *= -0.5
                block += constants[draws, :, None]
                yield draws, rows, block

    def _observed_blocks(
        self, known: FloatArray, features: IntArray
    ) -> Iterator[tuple[slice, Any, FloatArray]]:
        """Yield the blocks of rows of which only some features were observed, or none."""
        if features.size:
            yield from MixtureDraws._component_blocks(self.marginal(features.tolist()), known)
            return
        with np.errstate(divide="ignore"):
            logs = np.log(self.weights.reshape(-1, self.n_components, 1))
        yield slice(None), slice(None), np.repeat(logs, len(known), axis=2)


def _logsumexp(block: FloatArray) -> FloatArray:
    """Return the logsumexp over axis 1 of (draws, K, rows), overwriting `block`."""
    top = block.max(axis=1)
    block -= top[:, None, :]
    np.exp(block, out=block)
    total = block.sum(axis=1)
    np.log(total, out=total)
    total += top
    return np.asarray(total)
