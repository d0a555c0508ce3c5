"""How often two components of a known mixture are mistaken for each other.

The overlap of components i and j is ``w_ji + w_ij``, where w_ji is the probability that a row of
component i is likelier (weights included) under j (Maitra & Melnykov 2010, *J. Comput. Graph.
Stat.* 19, section 2). A row of i is ``mean_i + L_i z`` with standard normal z, so the log-ratio of
the two densities is a quadratic form in z, and w_ji the probability that it is negative (their
theorem 1). Here it is integrated exactly along the direction of the linear term, and over a
scrambled Sobol sequence across it: the same points for every mixture, so that the result is a
smooth function of the mixture and a target can be solved for. Where covariances are equal, or with
one feature, nothing is left to the sequence and the result is exact. Otherwise, against a sequence
16 times as long, a pair's overlap was within 3e-4, and the average within 0.1 % of itself with up
to 5 features (0.3 % where it is 0.001) and 1.5 % with up to 50 features or a condition number of
100.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from experiments.core.types import FloatArray
from gmm_em import Mixture

# Points of the sequence across one dimension, two or three, and more.
LOG2_POINTS = (11, 12, 15)
_SEQUENCE_SEED = 20100101
# Coefficients below this, beside 1, are rounding errors.
_ZERO = 1e-12


class MisclassificationForm(NamedTuple):
    """The probability that a row of one component is likelier under another, at any distance.

    With the difference of means multiplied by `s`, the log-ratio of the densities along the
    direction t that is integrated exactly is ``a t**2 + (s b + cross) t + r`` with
    ``r = constant + s**2 distance + quadratic``, at each point of the sequence.
    """

    a: float
    b: float
    cross: FloatArray
    constant: float
    distance: float
    quadratic: FloatArray

    @classmethod
    def of(cls, mixture: Mixture, i: int, j: int) -> MisclassificationForm:
        """Set the form up for rows of component `i` mistaken for `j`."""
        own, other = mixture.scale_trils[i], mixture.scale_trils[j]
        # A row of i in j's whitened coordinates is offset + factor z.
        offset = np.linalg.solve(other, mixture.means[i] - mixture.means[j])
        factor = np.linalg.solve(other, own)
        A = (factor.T @ factor - np.eye(len(offset))) / 2
        A[np.abs(A) < _ZERO * (1 + np.abs(A).max())] = 0.0
        b = factor.T @ offset
        along, others = _directions(A, b)
        quadratic = np.diagonal(others.T @ A @ others)
        cross = 2 * others.T @ A @ along
        idle = np.maximum(np.abs(quadratic), np.abs(cross)) < _ZERO
        z = _points(int((~idle).sum()))
        weights = np.log(mixture.weights[i]) - np.log(mixture.weights[j])
        determinants = np.log(np.diagonal(other)).sum() - np.log(np.diagonal(own)).sum()
        return cls(
            a=float(along @ A @ along),
            b=float(along @ b),
            cross=z @ cross[~idle],
            constant=float(weights + determinants),
            distance=float(offset @ offset / 2),
            quadratic=z**2 @ quadratic[~idle],
        )

    def probability(self, s: float = 1.0) -> float:
        """Return the probability with the difference of means multiplied by `s`."""
        r = self.constant + s**2 * self.distance + self.quadratic
        return float(_negative(self.a, s * self.b + self.cross, r).mean())


def misclassification(mixture: Mixture) -> FloatArray:
    """Return the probabilities of taking a row of one component for one of another.

    Parameters
    ----------
    mixture : Mixture
        With positive weights.

    Returns
    -------
    ndarray of shape (K, K)
        Entry (i, j) is the probability that a row of component i has a higher weighted density
        under j than under i; zero on the diagonal.
    """
    k = mixture.n_components
    found = np.zeros((k, k))
    for i, j in permutations(range(k), 2):
        found[i, j] = MisclassificationForm.of(mixture, i, j).probability()
    return found


def average_overlap(mixture: Mixture) -> float:
    """Return the mean over pairs of components of their overlap, in [0, 1]."""
    return float(_pairs(misclassification(mixture)).mean())


def maximum_overlap(mixture: Mixture) -> float:
    """Return the largest overlap of two components."""
    return float(_pairs(misclassification(mixture)).max())


def _pairs(probabilities: FloatArray) -> FloatArray:
    both = probabilities + probabilities.T
    return np.asarray(both[np.triu_indices(len(both), k=1)])


def _directions(A: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the direction to integrate exactly, and axes across it in which `A` is diagonal.

    The direction is that of the linear term, so that what is left to the sequence is the
    fluctuation of the quadratic one.
    """
    n = len(b)
    start = b if b.any() else np.linalg.eigh(A)[1][:, -1]
    basis = np.linalg.qr(np.column_stack([start, np.eye(n)]))[0][:, :n]
    along, across = basis[:, 0], basis[:, 1:]
    return along, across @ np.linalg.eigh(across.T @ A @ across)[1]


def _negative(a: float, b: FloatArray, r: FloatArray) -> FloatArray:
    """Return the probability that ``a t**2 + b t + r < 0`` for standard normal t."""
    discriminant = b**2 - 4 * a * r
    # The root farther from zero first: no digits are lost when `a` is small.
    far = -(b + np.copysign(np.sqrt(np.maximum(discriminant, 0.0)), b)) / 2
    near = np.divide(r, far, out=np.copysign(np.full_like(r, np.inf), r), where=far != 0.0)
    if a == 0.0:
        return np.asarray(np.where(far < 0.0, ndtr(near), ndtr(-near)))
    low, high = np.minimum(far / a, near), np.maximum(far / a, near)
    between = np.where(discriminant > 0, ndtr(high) - ndtr(low), 0.0)
    return np.asarray(between if a > 0 else 1.0 - between)


@lru_cache(maxsize=8)
def _points(n_features: int) -> FloatArray:
    """Return the sequence as standard normal numbers, shape (n, n_features)."""
    if not n_features:
        return np.zeros((1, 0))
    rng = np.random.default_rng(_SEQUENCE_SEED)
    n = 2 ** LOG2_POINTS[(n_features > 1) + (n_features > 3)]
    if n_features == 1:
        # What the sequence is in one dimension: a point in each of n equal parts.
        uniform = (np.arange(n)[:, None] + rng.random((n, 1))) / n
    else:
        # Most of the time that a new process takes to start would go into this import.
        from scipy.stats import qmc

        uniform = qmc.Sobol(n_features, rng=rng).random(n)
    # Points may round to 0 or 1, where the normal quantile is infinite.
    uniform = np.clip(uniform, 1e-12, 1 - 1e-12)
    points = np.asarray(ndtri(uniform))
    points.flags.writeable = False
    return points
