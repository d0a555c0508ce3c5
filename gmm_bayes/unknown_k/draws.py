"""Draws of mixtures whose numbers of components differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gmm_bayes.core.types import BoolArray, FloatArray, IntArray
from gmm_bayes.draws import MixtureDraws
from gmm_em import Mixture


@dataclass(frozen=True, eq=False, repr=False)
class VaryingDraws:
    """Draws of mixtures of any number of components, in the data's own units.

    Components stand in no particular order, but for those with rows, which come first.

    Parameters
    ----------
    n_components, n_filled : ndarray of int, shape (C, S)
        C chains of S draws of the number of components, and of those that have rows.
    weights : ndarray of shape (T,)
        Of all components of all draws, chain by chain and draw by draw.
    means : ndarray of shape (T, D)
    covariances : ndarray of shape (T, D, D)
    allocations : ndarray of int, shape (C, A, N)
        The component of each row, for the draws 0, `every`, 2 `every`, ... of each chain.
    every : int, default 1
        More than 1 where all draws' allocations would be too many to keep.
    """

    n_components: IntArray
    n_filled: IntArray
    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    allocations: NDArray[np.uint16]
    every: int = 1

    def __len__(self) -> int:
        return int(self.n_components.size)

    def __repr__(self) -> str:
        chains, draws = self.n_components.shape
        least, most = self.n_components.min(), self.n_components.max()
        return (
            f"VaryingDraws(n_chains={chains}, n_draws={draws}, "
            f"n_components={least} to {most}, n_features={self.n_features})"
        )

    @property
    def n_features(self) -> int:
        """Number of features, D."""
        return int(self.means.shape[1])

    @cached_property
    def starts(self) -> IntArray:
        """Where each draw's components begin, shape (C S,)."""
        ends = np.cumsum(self.n_components.ravel())
        return np.asarray(ends - self.n_components.ravel())

    def __getitem__(self, index: int) -> Mixture:
        if not -len(self) <= index < len(self):
            raise IndexError(f"draw {index} of {len(self)}")
        start = self.starts[index]
        own = slice(start, start + self.n_components.ravel()[index])
        return Mixture(self.weights[own], self.means[own], self.covariances[own])

    def given(self, n_components: int) -> tuple[MixtureDraws, BoolArray]:
        """Return the draws with so many components as one chain, and which those are.

        Returns
        -------
        draws : MixtureDraws
            With labels as the sampler left them.
        chosen : ndarray of bool, shape (C, S)

        Raises
        ------
        ValueError
            If there is no such draw.
        """
        chosen = self.n_components == n_components
        if not chosen.any():
            raise ValueError(
                f"no draw has {n_components} components; there are draws of "
                f"{self.n_components.min()} to {self.n_components.max()}"
            )
        at = self.starts[chosen.ravel()][:, None] + np.arange(n_components)
        draws = MixtureDraws(
            self.weights[at][None], self.means[at][None], self.covariances[at][None]
        )
        return draws, chosen

    def thinned(self) -> VaryingDraws:
        """Return those of the draws whose allocations were kept."""
        if self.every == 1:
            return self
        kept = np.zeros(self.n_components.shape, dtype=bool)
        kept[:, :: self.every] = True
        components = np.repeat(kept.ravel(), self.n_components.ravel())
        return VaryingDraws(
            self.n_components[:, :: self.every],
            self.n_filled[:, :: self.every],
            self.weights[components],
            self.means[components],
            self.covariances[components],
            self.allocations,
        )

    def by_number(self) -> Iterator[tuple[MixtureDraws, BoolArray]]:
        """Yield what :meth:`given` returns for every number of components that occurs."""
        for n in np.unique(self.n_components):
            yield self.given(int(n))

    def log_prob(self, X: FloatArray) -> FloatArray:
        """Return every draw's log density at every row of `X`, shape (C, S, N)."""
        out = np.empty((*self.n_components.shape, len(X)))
        for draws, chosen in self.by_number():
            out[chosen] = draws.log_prob(X)[0]
        return out

    def log_likelihood(self, X: FloatArray) -> FloatArray:
        """Return every draw's log-likelihood of `X`, summed over rows, shape (C, S)."""
        out = np.empty(self.n_components.shape)
        for draws, chosen in self.by_number():
            out[chosen] = draws.log_likelihood(X)[0]
        return out

    def predictive_log_prob(self, X: FloatArray) -> FloatArray:
        """Return the log posterior predictive density of each row, averaged over K, shape (N,)."""
        total = np.full(len(X), -np.inf)
        for draws, _ in self.by_number():
            joint = draws.predictive_component_log_prob(X)
            total = np.logaddexp(total, logsumexp(joint, axis=1) + np.log(len(draws)))
        return np.asarray(total - np.log(len(self)))

    def sample_predictive(
        self, n_samples: int, rng: np.random.Generator
    ) -> tuple[FloatArray, IntArray]:
        """Return new rows (n_samples, D) from the posterior predictive distribution.

        Each row comes from a draw of its own. The second result is the number of components of
        that draw, shape (n_samples,).
        """
        picks = rng.integers(len(self), size=n_samples)
        rows = [self[int(pick)].sample(1, rng)[0][0] for pick in picks]
        return np.stack(rows), self.n_components.ravel()[picks]

    def moments(self) -> tuple[FloatArray, FloatArray]:
        """Return mean (C, S, D) and covariance (C, S, D, D) of each whole mixture."""
        shape, d = self.n_components.shape, self.n_features
        weights = self.weights[:, None]
        first = np.add.reduceat(weights * self.means, self.starts)
        products = self.covariances + self.means[:, :, None] * self.means[:, None, :]
        second = np.add.reduceat(weights[..., None] * products, self.starts)
        covariance = second - first[:, :, None] * first[:, None, :]
        return first.reshape(*shape, d), covariance.reshape(*shape, d, d)
