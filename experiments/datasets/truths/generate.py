"""A true mixture drawn at random so that it meets a target of separation or overlap."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.optimize import brentq

from experiments.config.truth import GeneratedTruth
from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.datasets.truths.covariances import draw_covariances
from experiments.datasets.truths.overlap import MisclassificationForm
from experiments.datasets.truths.separation import c_separation
from gmm_em import Mixture

# The most even of this many random sets of means: else two of several on a line are nearly one.
MEAN_CANDIDATES = 20
# How often new means and covariances are drawn where a target is out of reach for the last.
MAX_TRIES = 20
# Means are pulled together down to this factor, and apart up to its inverse.
_CLOSEST = 2.0**-12
# The factor, squared, by which a search for the right distance goes on.
_STEP = np.e**2
# Relative error at which a target is met.
_MET = 1e-6
# Overlaps below this are none, which has no logarithm.
_LEAST = 1e-300


class _OutOfReachError(Exception):
    """No distance of these components meets the target; `reached` is the most there is."""

    def __init__(self, reached: float) -> None:
        super().__init__(reached)
        self.reached = reached


def generate_truth(
    settings: GeneratedTruth, n_components: int | None, seed: np.random.SeedSequence
) -> Mixture:
    """Draw a mixture that meets the target of its settings.

    Covariances and the directions of the means are random; the means' distances are then
    multiplied by the one factor that meets the target: exactly for a separation, within the error
    of `experiments.datasets.truths.overlap` for an overlap.

    Parameters
    ----------
    settings : GeneratedTruth
    n_components : int or None
        Number of components where the settings name none.
    seed : SeedSequence
        Of every random number, unless the settings have a seed of their own.

    Raises
    ------
    UsageError
        If the number of components is not known, does not go with the weights or the target, or
        the target cannot be met.
    """
    k = settings.n_components or n_components
    if k is None:
        raise UsageError(
            "data.truth.n_components: missing, allowed is a whole number of at least 1"
        )
    rng = np.random.default_rng(seed if settings.seed is None else settings.seed)
    weights = _draw_weights(settings, k, rng)
    if k == 1:
        return _draw_parts(settings, weights, rng)
    name, target = settings.target()
    if name != "separation" and not weights.all():
        raise UsageError("data.truth.weights: holds a zero, allowed with separation only")
    reached = []
    for _ in range(MAX_TRIES):
        parts = _draw_parts(settings, weights, rng)
        try:
            return _moved(parts, _TARGETS[name](parts, target))
        except _OutOfReachError as failure:
            reached.append(failure.reached)
    raise UsageError(
        f"data.truth.{name} = {target:g}: these components reach {max(reached):.3g} at most "
        f"(best of {MAX_TRIES} draws); allowed is less, or more similar components "
        "(smaller condition and scale_ratio)"
    )


def _draw_weights(settings: GeneratedTruth, k: int, rng: np.random.Generator) -> FloatArray:
    weights = settings.weights
    if weights == "equal":
        return np.full(k, 1 / k)
    if weights == "dirichlet":
        return np.asarray(rng.dirichlet(np.full(k, settings.concentration_or_default)))
    if len(weights) != k:
        raise UsageError(f"data.truth.weights: {len(weights)} numbers, allowed is K = {k}")
    return np.asarray(weights, dtype=np.float64)


def _draw_parts(settings: GeneratedTruth, weights: FloatArray, rng: np.random.Generator) -> Mixture:
    k, d = len(weights), settings.n_features
    covariances = draw_covariances(
        settings.covariance,
        k,
        d,
        rng,
        condition=settings.condition_or_default,
        scale_ratio=settings.scale_ratio_or_default,
        tied=settings.tied,
    )
    candidates = rng.standard_normal((MEAN_CANDIDATES, k, d))
    means = candidates[np.argmax(_evenness(candidates))]
    try:
        return Mixture(weights, means - weights @ means, covariances)
    except ValueError as error:
        raise UsageError(f"data.truth: {error}") from None


def _evenness(means: FloatArray) -> FloatArray:
    """Return, of each set of means, the smallest distance of two over the largest."""
    i, j = np.triu_indices(means.shape[1], k=1)
    gaps = np.linalg.norm(means[:, i] - means[:, j], axis=-1)
    return np.asarray(gaps.min(axis=1) / gaps.max(axis=1)) if i.size else np.ones(len(means))


def _moved(parts: Mixture, s: float) -> Mixture:
    return Mixture(parts.weights, s * parts.means, parts.covariances)


def _for_separation(parts: Mixture, target: float) -> float:
    return target / c_separation(parts)


def _for_overlap(summary: Callable[[FloatArray], float]) -> Callable[[Mixture, float], float]:
    """Make a solver for an overlap summarised over pairs."""

    def solve(parts: Mixture, target: float) -> float:
        k = parts.n_components
        pairs = [
            (MisclassificationForm.of(parts, i, j), MisclassificationForm.of(parts, j, i))
            for i in range(k)
            for j in range(i)
        ]

        @cache
        def overlap(squared: float) -> float:
            s = np.sqrt(squared)
            return summary(np.array([f.probability(s) + g.probability(s) for f, g in pairs]))

        def excess(squared: float) -> float:
            # Nearly a straight line: an overlap falls about as the exponential of the square.
            ratio = float(np.log(max(overlap(squared), _LEAST) / target))
            # At an exact zero the search ends.
            return 0.0 if abs(ratio) < _MET else ratio

        high = 1.0
        while excess(high) > 0:
            high *= _STEP
        low = high / _STEP
        while excess(low) < 0:
            low /= _STEP
            if low < _CLOSEST**2:
                raise _OutOfReachError(overlap(low))
        return float(np.sqrt(brentq(excess, low, high, xtol=1e-9 * low)))

    return solve


_TARGETS: dict[str, Callable[[Mixture, float], float]] = {
    "separation": _for_separation,
    "average_overlap": _for_overlap(lambda pairs: float(pairs.mean())),
    "maximum_overlap": _for_overlap(lambda pairs: float(pairs.max())),
}
