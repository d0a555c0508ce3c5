"""Starts made from a maximum that was found: split one component and merge two others.

Ueda, Nakano, Ghahramani & Hinton (2000): EM gets stuck with too many components in one part of
the space and too few in another, and a move of one component from there to here leads out.
"""

from __future__ import annotations

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.projection import structured
from gmm_em.rows.samples import Parameters

# Standard deviation of the narrow half of a component that is split into a narrow and a wide one.
_NARROW = 0.25


def split_merge(
    mixture: Parameters,
    responsibilities: FloatArray,
    structure: CovarianceStructure,
    limit: int,
) -> list[Parameters]:
    """Propose mixtures that differ from the given one by a merge and a split.

    Parameters
    ----------
    mixture : Parameters
    responsibilities : ndarray, shape (K, n)
        Of some rows.
    structure : CovarianceStructure
    limit : int
        At most this many.

    Returns
    -------
    list of Parameters
        The most promising first: pairs by the overlap of their responsibilities (Ueda et al. 2000,
        equation 3.1), each with every component to be split in two ways, along its longest axis
        and into a narrow and a wide one.
    """
    k = mixture.weights.shape[0]
    if k == 1:
        return []
    norms = np.linalg.norm(responsibilities, axis=1)
    overlap = (responsibilities @ responsibilities.T) / np.maximum(np.outer(norms, norms), 1e-300)
    first, second = np.triu_indices(k, 1)
    order = np.argsort(-overlap[first, second], kind="stable")
    pairs = list(zip(first[order].tolist(), second[order].tolist(), strict=True))
    out: list[Parameters] = []
    for a, b in pairs:
        merged = _merged(mixture, a, b)
        for j in range(k - 1):
            for way in (_along, _inside):
                if len(out) == limit:
                    return out
                one = way(merged, j)
                covariances = structured(structure, one.weights, one.covariances)
                out.append(one._replace(covariances=covariances))
    return out


def _merged(mixture: Parameters, a: int, b: int) -> Parameters:
    """Components `a` and `b` replaced by one with the moments of both; it comes last."""
    rest = [j for j in range(mixture.weights.shape[0]) if j not in (a, b)]
    weight = mixture.weights[a] + mixture.weights[b]
    # Two components without rows, which a prior allows, count alike.
    share = mixture.weights[a] / weight if weight > 0 else 0.5
    mean = share * mixture.means[a] + (1.0 - share) * mixture.means[b]
    step = mixture.means[a] - mixture.means[b]
    covariance = share * mixture.covariances[a] + (1.0 - share) * mixture.covariances[b]
    covariance = covariance + share * (1.0 - share) * np.outer(step, step)
    return Parameters(
        np.append(mixture.weights[rest], weight),
        np.vstack([mixture.means[rest], mean]),
        np.concatenate([mixture.covariances[rest], covariance[None]]),
    )


def _replaced(
    mixture: Parameters, j: int, means: FloatArray, covariances: FloatArray
) -> Parameters:
    """Component `j` replaced by two of half its weight."""
    rest = [i for i in range(mixture.weights.shape[0]) if i != j]
    half = np.full(2, 0.5 * mixture.weights[j])
    return Parameters(
        np.concatenate([mixture.weights[rest], half]),
        np.concatenate([mixture.means[rest], means]),
        np.concatenate([mixture.covariances[rest], covariances]),
    )


def _along(mixture: Parameters, j: int) -> Parameters:
    """Two halves beside each other along the longest axis."""
    values, vectors = np.linalg.eigh(mixture.covariances[j])
    step = np.sqrt(max(values[-1], 0.0)) * vectors[:, -1]
    covariance = mixture.covariances[j] - 0.75 * np.outer(step, step)
    means = np.stack([mixture.means[j] + 0.8 * step, mixture.means[j] - 0.8 * step])
    return _replaced(mixture, j, means, np.stack([covariance, covariance]))


def _inside(mixture: Parameters, j: int) -> Parameters:
    """Put a narrow half inside a wide one."""
    means = np.stack([mixture.means[j], mixture.means[j]])
    covariance = mixture.covariances[j]
    return _replaced(mixture, j, means, np.stack([covariance * _NARROW**2, covariance]))
