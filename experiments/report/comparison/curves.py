"""Curves that picture a mixture: ellipses of its components, densities of its features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import eigh
from scipy.stats import chi2, norm

from experiments.core.types import FloatArray
from experiments.values.parameters import Parameters

# The share of a component's probability that its ellipse holds.
ELLIPSE_PROBABILITY = 0.68
# The share of draws or replicates that a band holds at each point.
BAND = 0.9


def ellipses(
    parameters: Parameters, i: int, j: int, n_points: int = 73
) -> tuple[FloatArray, FloatArray]:
    """Outline the components' marginals of features `i` and `j`.

    Returns
    -------
    x, y : ndarray of shape (K * (n_points + 1),)
        Closed curves, one after another, each followed by NaN so that no line joins them. Each
        holds `ELLIPSE_PROBABILITY` of its component.
    """
    pair = np.ix_([i, j], [i, j])
    circle = ellipse_radius() * _circle(n_points)
    gap = np.full((2, 1), np.nan)
    curves = []
    for mean, covariance in zip(parameters.means, parameters.covariances, strict=True):
        factor = np.linalg.cholesky(covariance[pair])
        curves += [mean[[i, j], None] + factor @ circle, gap]
    x, y = np.concatenate(curves, axis=1)
    return x, y


def rings(
    parameters: Parameters, replicates: Sequence[Parameters], i: int, j: int, n_points: int = 73
) -> tuple[FloatArray, FloatArray]:
    """Outline where the ellipses of replicates run, seen from the centres of an estimate's.

    In each direction from an estimate's centre the ring reaches from the lower to the upper
    quantile of the replicates' ellipses, `BAND` of them between.

    Returns
    -------
    x, y : ndarray of shape (K * (2 * n_points + 1),)
        Outer curve forth and inner curve back, each ring followed by NaN: to be filled.
    """
    pair = np.ix_([i, j], [i, j])
    gap = np.full((2, 1), np.nan)
    curves = []
    for k in range(len(parameters.weights)):
        centre = parameters.means[k][[i, j]]
        rays = np.linalg.cholesky(parameters.covariances[k][pair]) @ _circle(n_points)
        reach = [
            _reach(p.means[k][[i, j]], p.covariances[k][pair], centre, rays) for p in replicates
        ]
        inner, outer = np.quantile(reach, [(1 - BAND) / 2, (1 + BAND) / 2], axis=0)
        curves += [centre[:, None] + rays * outer, (centre[:, None] + rays * inner)[:, ::-1], gap]
    x, y = np.concatenate(curves, axis=1)
    return x, y


def _reach(
    mean: FloatArray, covariance: FloatArray, centre: FloatArray, rays: FloatArray
) -> FloatArray:
    """How far along each ray from `centre` an ellipse reaches; 0 where the ray misses it.

    In coordinates where the ellipse is a circle around 0, the point ``offset + t * ray`` lies on it
    where ``|offset + t * ray|^2 = radius^2``. That is a quadratic equation in t, and the larger
    root is the answer.
    """
    inverse = np.linalg.inv(np.linalg.cholesky(covariance))
    ray, offset = inverse @ rays, (inverse @ (centre - mean))[:, None]
    square, across = (ray**2).sum(axis=0), (ray * offset).sum(axis=0)
    inside = across**2 - square * ((offset**2).sum() - ellipse_radius() ** 2)
    return np.where(
        inside > 0, np.maximum(0.0, (np.sqrt(np.maximum(inside, 0)) - across) / square), 0.0
    )


def ellipse_radius() -> float:
    """How many standard deviations from the centre an outline runs."""
    return float(np.sqrt(chi2.ppf(ELLIPSE_PROBABILITY, 2)))


def _circle(n_points: int) -> FloatArray:
    angle = np.linspace(0, 2 * np.pi, n_points)
    return np.array([np.cos(angle), np.sin(angle)])


def marginal_density(parameters: Parameters, i: int, x: FloatArray) -> FloatArray:
    """Density of the mixture's marginal of feature `i` at each of `x`."""
    return np.asarray(component_densities(parameters, i, x).sum(axis=1))


def component_densities(parameters: Parameters, i: int, x: FloatArray) -> FloatArray:
    """Weighted density of each component's marginal of feature `i`, shape (len(x), K)."""
    sd = np.sqrt(parameters.covariances[:, i, i])
    return np.asarray(norm.pdf(x[:, None], parameters.means[:, i], sd) * parameters.weights)


def density_band(
    mixtures: Sequence[Parameters], i: int, x: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Bounds that hold `BAND` of the mixtures' densities of feature `i` at each of `x`."""
    values = [marginal_density(mixture, i, x) for mixture in mixtures]
    lower, upper = np.quantile(values, [(1 - BAND) / 2, (1 + BAND) / 2], axis=0)
    return lower, upper


def separating_directions(parameters: Parameters) -> FloatArray:
    """Two directions in which the components of a mixture are told apart best, shape (D, 2).

    Fisher's linear discriminants of the mixture itself (Hastie, Tibshirani & Friedman 2009,
    section 4.3.3): the leading eigenvectors of the covariance between components relative to that
    within. The means of two components determine one direction only. The other is then the
    direction in which the covariances differ most (Cook & Weisberg 1991). Both coordinates have
    unit variance within components, on average.
    """
    weights, means, covariances = parameters
    within = np.einsum("k,kij->ij", weights, covariances)
    centred = means - weights @ means
    between = np.einsum("k,ki,kj->ij", weights, centred, centred)
    factor = np.linalg.cholesky(within)
    whiten = np.linalg.inv(factor)
    differences = whiten @ covariances @ whiten.T - np.eye(len(within))
    second = np.einsum("k,kij,kjl->il", weights, differences, differences)
    # The factor is so small that the covariances decide only what the means leave open.
    vectors = eigh(whiten @ between @ whiten.T + 1e-6 * second)[1][:, ::-1][:, :2]
    directions = whiten.T @ vectors
    # An eigenvector's sign is arbitrary. Its largest entry is made positive, so that a picture is
    # the same on every machine.
    largest = np.abs(directions).argmax(axis=0)
    return np.asarray(directions * np.sign(directions[largest, [0, 1]]))
