"""How well a mixture's labels recover those of the true mixture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from experiments import observed
from gmm_em import Mixture


@dataclass(frozen=True)
class ClusteringScores:
    """Labels of an estimate against the Bayes-optimal labels of the true mixture.

    Attributes
    ----------
    adjusted_rand : float
        See `adjusted_rand`.
    agreement : float or None
        Share of rows with the same label; None where the numbers of components differ, so that
        labels do not correspond.
    regret : float or None
        How much likelier the Bayes-optimal labels are to be right than the estimate's: the
        mean over rows of the difference of the true posterior probabilities of the two labels.
        Zero exactly where every label is optimal. None as above.
    """

    adjusted_rand: float
    agreement: float | None
    regret: float | None


def score_labels(truth: Mixture, estimate: Mixture, X: NDArray[np.float64]) -> ClusteringScores:
    """Compare maximum-probability labels of an estimate with the Bayes-optimal ones.

    Parameters
    ----------
    truth : Mixture
    estimate : Mixture
        Components in the truth's order, where there are as many.
    X : ndarray of shape (n_samples, n_features)
        Rows to label.
    """
    probabilities = observed.responsibilities(truth, X)
    labels = observed.responsibilities(estimate, X).argmax(axis=1)
    optimal = probabilities.argmax(axis=1)
    agreement = regret = None
    if truth.n_components == estimate.n_components:
        rows = np.arange(len(X))
        agreement = float(np.mean(optimal == labels))
        regret = float(np.mean(probabilities[rows, optimal] - probabilities[rows, labels]))
    return ClusteringScores(adjusted_rand(optimal, labels), agreement, regret)


def adjusted_rand(a: ArrayLike, b: ArrayLike) -> float:
    """Return the adjusted Rand index of two labellings (Hubert & Arabie 1985, eq. 5).

    One for the same partition whatever its labels, zero on average for independent ones.

    Parameters
    ----------
    a, b : array_like of shape (n,)
        Labels of any kind.

    Raises
    ------
    ValueError
        If the lengths differ or there is no row.
    """
    left, right = np.asarray(a), np.asarray(b)
    if left.shape != right.shape or left.ndim != 1 or not left.size:
        raise ValueError(
            f"labels have shapes {left.shape} and {right.shape}, allowed is the same (n,), n >= 1"
        )
    _, i = np.unique(left, return_inverse=True)
    _, j = np.unique(right, return_inverse=True)
    table = np.zeros((i.max() + 1, j.max() + 1))
    np.add.at(table, (i, j), 1)
    together = _pairs(table)
    in_left, in_right = _pairs(table.sum(axis=1)), _pairs(table.sum(axis=0))
    every = left.size * (left.size - 1) / 2
    expected = in_left * in_right / every if every else 0.0
    highest = (in_left + in_right) / 2
    # Both are one cluster, or both are all singletons: the same partition.
    return 1.0 if highest == expected else float((together - expected) / (highest - expected))


def _pairs(counts: NDArray[np.float64]) -> float:
    return float((counts * (counts - 1)).sum() / 2)
