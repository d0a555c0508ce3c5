"""How well a mixture's labels recover those of the true mixture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmm_em import Mixture
from gmm_em.e_step import observed


@dataclass(frozen=True)
class ClusteringScores:
    """Labels of an estimate against the Bayes-optimal labels of the true mixture.

    Attributes
    ----------
    adjusted_rand : float
        See `adjusted_rand`.
    agreement : float
        Share of rows with the same label; a component that the truth lacks agrees with none.
    regret : float
        How much likelier the Bayes-optimal labels are to be right than the estimate's: the
        mean over rows of the difference of the true posterior probabilities of the two labels.
        Zero exactly where every label is optimal; the label of a component that the truth lacks
        is never right.
    """

    adjusted_rand: float
    agreement: float
    regret: float


def score_labels(
    truth: Mixture,
    estimate: Mixture,
    X: NDArray[np.float64],
    partners: Sequence[int | None] | None = None,
) -> ClusteringScores:
    """Compare maximum-probability labels of an estimate with the Bayes-optimal ones.

    Parameters
    ----------
    truth : Mixture
    estimate : Mixture
    X : ndarray of shape (n_samples, n_features)
        Rows to label.
    partners : sequence of int or None, optional
        Of each of the estimate's components the truth's that it is, or None; by default the one
        in the same place, where there is one.

    Raises
    ------
    ValueError
        If `partners` are not as many as the estimate's components.
    """
    names = range(estimate.n_components) if partners is None else partners
    if len(names) != estimate.n_components:
        raise ValueError(f"{len(names)} partners, allowed is {estimate.n_components}")
    probabilities = observed.responsibilities(truth, X)
    labels = observed.responsibilities(estimate, X).argmax(axis=1)
    optimal = probabilities.argmax(axis=1)
    rows, lacking = np.arange(len(X)), truth.n_components
    known = [lacking if name is None or name >= lacking else name for name in names]
    mine = np.array(known)[labels]
    # One more column stands for what the truth lacks.
    right = np.append(probabilities, np.zeros((len(X), 1)), axis=1)
    return ClusteringScores(
        adjusted_rand(optimal, labels),
        float(np.mean(optimal == mine)),
        float(np.mean(right[rows, optimal] - right[rows, mine])),
    )


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
