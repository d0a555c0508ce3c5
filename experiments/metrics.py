"""Distances between an estimated mixture and a reference with the same components."""

from __future__ import annotations

import numpy as np

from gmm_em import Mixture


def weight_total_variation(reference: Mixture, estimate: Mixture) -> float:
    """Total variation distance of the weights, half the sum of absolute differences; in [0, 1]."""
    return float(np.abs(reference.weights - estimate.weights).sum() / 2)


def mean_distances(reference: Mixture, estimate: Mixture) -> list[float]:
    """Euclidean distance of each component's mean, in the data's units; K numbers."""
    return [float(d) for d in np.linalg.norm(reference.means - estimate.means, axis=1)]


def mean_mahalanobis(reference: Mixture, estimate: Mixture) -> list[float]:
    """Mahalanobis distance of each component's mean in the reference's metric; K numbers."""
    difference = estimate.means - reference.means
    whitened = np.linalg.solve(reference.scale_trils, difference[..., None])[..., 0]
    return [float(d) for d in np.linalg.norm(whitened, axis=1)]


def covariance_relative_frobenius(reference: Mixture, estimate: Mixture) -> list[float]:
    """Frobenius norm of each covariance's error over that of the reference; K numbers."""
    error = np.linalg.norm(estimate.covariances - reference.covariances, axis=(1, 2))
    size = np.linalg.norm(reference.covariances, axis=(1, 2))
    return [float(ratio) for ratio in error / size]


def errors_against(reference: Mixture, estimate: Mixture) -> dict[str, float | list[float]]:
    """Every distance of this module; the components must stand in the same order."""
    return {
        "weight_total_variation": weight_total_variation(reference, estimate),
        "mean_euclidean": mean_distances(reference, estimate),
        "mean_mahalanobis": mean_mahalanobis(reference, estimate),
        "covariance_relative_frobenius": covariance_relative_frobenius(reference, estimate),
    }
