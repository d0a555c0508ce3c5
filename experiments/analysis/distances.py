"""Distances between an estimated mixture and a reference.

Distances between parameters compare component by component, so both mixtures need the same number
of components in the same order (see matching.py). Distances between densities need neither. Each
is zero exactly where the two are equal, and unchanged when both sides are relabelled alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.special import rel_entr

from experiments.core.types import FloatArray
from gmm_em import Mixture
from gmm_em.matching import match


class HasWeights(Protocol):
    """A mixture, or the weights of one."""

    @property
    def weights(self) -> FloatArray:
        """Of shape (K,)."""


class _Weights(NamedTuple):
    weights: FloatArray


# Weights ---------------------------------------------------------------------------------------


def weight_max_error(reference: HasWeights, estimate: HasWeights) -> float:
    """Largest absolute difference of two weights; in [0, 1]."""
    return float(np.abs(reference.weights - estimate.weights).max())


def weight_total_variation(reference: HasWeights, estimate: HasWeights) -> float:
    """Total variation distance of the weights, half the sum of absolute differences; in [0, 1]."""
    return float(np.abs(reference.weights - estimate.weights).sum() / 2)


def weight_kl(reference: HasWeights, estimate: HasWeights) -> float | None:
    """Kullback-Leibler divergence of the estimated weights from the reference's, in nats.

    ``sum(w log(w / v))`` with w the reference's (Kullback & Leibler 1951); None where it is
    infinite: a weight estimated as zero that is not.
    """
    divergence = float(rel_entr(reference.weights, estimate.weights).sum())
    return max(divergence, 0.0) if np.isfinite(divergence) else None


# Means -----------------------------------------------------------------------------------------


def mean_euclidean(reference: Mixture, estimate: Mixture) -> list[float]:
    """Euclidean distance of each component's mean, in the data's units; K numbers."""
    return _numbers(np.linalg.norm(reference.means - estimate.means, axis=1))


def mean_mahalanobis(reference: Mixture, estimate: Mixture) -> list[float]:
    """Mahalanobis distance of each mean in the reference component's metric; K numbers.

    Unchanged by any affine transform of the data (Mahalanobis 1936).
    """
    difference = estimate.means - reference.means
    whitened = np.linalg.solve(reference.scale_trils, difference[..., None])[..., 0]
    return _numbers(np.linalg.norm(whitened, axis=1))


# Covariances -----------------------------------------------------------------------------------


def covariance_relative_frobenius(reference: Mixture, estimate: Mixture) -> list[float]:
    """Frobenius norm of each covariance's error over that of the reference; K numbers."""
    error = np.linalg.norm(estimate.covariances - reference.covariances, axis=(1, 2))
    size = np.linalg.norm(reference.covariances, axis=(1, 2))
    return _numbers(error / size)


def covariance_affine_invariant(reference: Mixture, estimate: Mixture) -> list[float]:
    """Geodesic distance of positive-definite matrices; K numbers.

    ``sqrt(sum(log(l)**2))`` over the generalised eigenvalues l of the two covariances (Förstner &
    Moonen 1999, eq. 2). Symmetric, and unchanged by any affine transform of the data.
    """
    return _numbers(np.linalg.norm(np.log(_generalised(reference, estimate)), axis=1))


def covariance_stein(reference: Mixture, estimate: Mixture) -> list[float]:
    """Stein's loss ``tr(E R^-1) - log det(E R^-1) - D``; K numbers (James & Stein 1961, eq. 72).

    Twice the Kullback-Leibler divergence of N(0, R) from N(0, E); unchanged by any affine
    transform of the data.
    """
    ratios = _generalised(reference, estimate)
    # Each term is l - 1 - log l >= 0; log1p keeps the digits where l is near 1.
    return _numbers((ratios - 1 - np.log1p(ratios - 1)).sum(axis=1))


def covariance_bures(reference: Mixture, estimate: Mixture) -> list[float]:
    """Bures-Wasserstein distance of each covariance, in the data's units; K numbers.

    The 2-Wasserstein distance of N(0, R) and N(0, E),
    ``sqrt(tr R + tr E - 2 tr (R^1/2 E R^1/2)^1/2)`` (Bhatia, Jain & Lim 2019, eq. 1), computed as
    the smallest Frobenius distance of two square roots, which loses no digits where the matrices
    are close (same source, theorem 1).
    """
    left, right = reference.scale_trils, estimate.scale_trils
    outer, _, inner = np.linalg.svd(right.transpose(0, 2, 1) @ left)
    return _numbers(np.linalg.norm(left - right @ (outer @ inner), axis=(1, 2)))


def _generalised(reference: Mixture, estimate: Mixture) -> FloatArray:
    """Eigenvalues of each pair of covariances, ``det(E - l R) = 0``; shape (K, D).

    They are the squared singular values of one square root over the other.
    """
    ratios = np.linalg.solve(reference.scale_trils, estimate.scale_trils)
    return np.asarray(np.linalg.svd(ratios, compute_uv=False) ** 2)


def _numbers(values: FloatArray) -> list[float]:
    return [float(value) for value in values]


WEIGHT_DISTANCES = {
    "weight_max_error": weight_max_error,
    "weight_total_variation": weight_total_variation,
    "weight_kl": weight_kl,
}
COMPONENT_DISTANCES = {
    "mean_euclidean": mean_euclidean,
    "mean_mahalanobis": mean_mahalanobis,
    "covariance_relative_frobenius": covariance_relative_frobenius,
    "covariance_affine_invariant": covariance_affine_invariant,
    "covariance_stein": covariance_stein,
    "covariance_bures": covariance_bures,
}


def errors_against(
    reference: Mixture, estimate: Mixture, pairs: Sequence[tuple[int, int]] | None = None
) -> dict[str, Any]:
    """Every distance between parameters, by name.

    Parameters
    ----------
    reference, estimate : Mixture
    pairs : sequence of (int, int), optional
        Which component of the reference is which of the estimate, each at most once; by default
        each is the one in the same place, and there must be as many.

    Returns
    -------
    dict
        Distances of the weights: a number. A weight without a counterpart is compared with zero.
        The others: a number for each component of the reference, None for one without a
        counterpart.
    """
    if pairs is None:
        pairs = [(k, k) for k in range(reference.n_components)]
    mine, theirs = [i for i, _ in pairs], [j for _, j in pairs]
    lone = [i for i in range(reference.n_components) if i not in mine]
    extra = [j for j in range(estimate.n_components) if j not in theirs]
    weights = (
        _Weights(np.append(reference.weights[[*mine, *lone]], np.zeros(len(extra)))),
        _Weights(
            np.concatenate([estimate.weights[theirs], np.zeros(len(lone)), estimate.weights[extra]])
        ),
    )
    found: dict[str, Any] = {name: of(*weights) for name, of in WEIGHT_DISTANCES.items()}
    paired = _part(reference, mine), _part(estimate, theirs)
    for name, distance in COMPONENT_DISTANCES.items():
        by_component = dict(zip(mine, distance(*paired), strict=True))
        found[name] = [by_component.get(k) for k in range(reference.n_components)]
    return found


def _part(mixture: Mixture, components: list[int]) -> Mixture:
    # Only means and covariances are compared here; the weights need but be weights.
    even = np.full(len(components), 1 / len(components))
    return Mixture(even, mixture.means[components], mixture.covariances[components])


# Densities -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MonteCarlo:
    """A Monte Carlo estimate and its standard error."""

    value: float
    se: float

    @classmethod
    def of(cls, terms: FloatArray) -> MonteCarlo:
        """Average independent terms."""
        n, mean = len(terms), float(terms.mean())
        # Half the time of NumPy's std.
        rest = terms - mean
        return cls(mean, math.sqrt(float(rest @ rest) / (n - 1) / n))


class DensityComparison:
    """Distances of whole densities from one reference, on common random numbers.

    Rows are drawn once from the reference p, and for each estimate q by turning the same uniform
    and normal numbers into rows of q. So two estimates are compared on the same draws, which
    cancels most of the noise in their difference, and an estimate equal to the reference is at
    distance exactly zero.

    Parameters
    ----------
    reference : Mixture
    n_samples : int
        Rows drawn from each side.
    seed : SeedSequence, int or Generator
        Of the random numbers.
    """

    def __init__(
        self, reference: Mixture, n_samples: int, seed: np.random.SeedSequence | int
    ) -> None:
        if n_samples < 2:
            raise ValueError(f"n_samples is {n_samples}, allowed is at least 2")
        order = np.lexsort((*reference.means.T, reference.weights))
        self.reference = reference.permute(order)
        rng = np.random.default_rng(seed)
        # In order, so that the rows of a component lie side by side.
        self._uniform = np.sort(rng.random(n_samples))
        self._noise = rng.standard_normal((n_samples, reference.n_features))
        self._rows = self._draw(self.reference)
        self._reference_log_prob = self.reference.log_prob(self._rows)

    def distances(self, estimate: Mixture) -> dict[str, MonteCarlo]:
        """Return each distance of an estimate q from the reference p.

        ``kl``: KL(p || q) and ``kl_reverse``: KL(q || p) (Kullback & Leibler 1951), ``js``: the
        Jensen-Shannon divergence (Lin 1991, eq. 3.1, equal weights; in [0, log 2]), all in nats;
        ``hellinger``: the squared Hellinger distance ``1 - int sqrt(p q)`` in [0, 1];
        ``total_variation``: ``int |p - q| / 2`` in [0, 1]. Integrals under p and under q are
        averaged where both serve; every integrand but those of the two KL is bounded, so that
        its error is finite for any pair of mixtures.
        """
        rows = self._draw(self._in_order(estimate))
        # log(q / p) on rows of p, and on rows of q.
        on_p = estimate.log_prob(self._rows) - self._reference_log_prob
        on_q = estimate.log_prob(rows) - self.reference.log_prob(rows)
        return {
            "kl": MonteCarlo.of(-on_p),
            "kl_reverse": MonteCarlo.of(on_q),
            "js": MonteCarlo.of((_js_half(on_p) + _js_half(-on_q)) / 2),
            "hellinger": MonteCarlo.of((_hellinger(on_p) + _hellinger(-on_q)) / 2),
            "total_variation": MonteCarlo.of((_variation(on_p) + _variation(-on_q)) / 2),
        }

    def _in_order(self, estimate: Mixture) -> Mixture:
        """Order the components so that no relabelling of either side changes the draws."""
        if estimate.n_components == self.reference.n_components:
            return estimate.permute(match(self.reference, estimate))
        return estimate.permute(np.lexsort((*estimate.means.T, estimate.weights)))

    def _draw(self, mixture: Mixture) -> FloatArray:
        """Draw rows as an increasing function of the same numbers for every mixture."""
        inner = np.searchsorted(self._uniform, np.cumsum(mixture.weights)[:-1])
        edges = [0, *inner, len(self._uniform)]
        rows = np.empty_like(self._noise)
        for k, (start, stop) in enumerate(pairwise(edges)):
            mine = rows[start:stop]
            np.matmul(self._noise[start:stop], mixture.scale_trils[k].T, out=mine)
            mine += mixture.means[k]
        return rows


# With r = log(q / p) on rows of p, and by symmetry r = log(p / q) on rows of q:


def _js_half(r: FloatArray) -> FloatArray:
    """Return ``log(p / ((p + q) / 2))``."""
    # What NumPy's logaddexp says, in a fifth of its time.
    return np.asarray(np.log(2.0) - np.maximum(r, 0.0) - np.log1p(np.exp(-np.abs(r))))


def _hellinger(r: FloatArray) -> FloatArray:
    """Return the bounded form of ``1 - sqrt(q / p)``: ``(sqrt(p) - sqrt(q))**2 / (p + q)``."""
    # int (sqrt p - sqrt q)^2 / 2, as an average under (p + q) / 2.
    return np.asarray(1.0 - 1.0 / np.cosh(np.clip(r, -700, 700) / 2))


def _variation(r: FloatArray) -> FloatArray:
    """Return ``|p - q| / (p + q)``."""
    return np.asarray(np.abs(np.tanh(r / 2)))
