"""Draws that another program made: their labels aligned, and their chains diagnosed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import ArrayLike, NDArray

from gmm_bayes.core.checks import check_data
from gmm_bayes.core.types import IntArray
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.evaluation.diagnostics import Diagnostics, diagnose
from gmm_bayes.labels.relabelling import relabel
from gmm_bayes.space.structures import get_structure


class GivenDraws(NamedTuple):
    """What is known of draws that no sampler of this package made.

    Attributes
    ----------
    draws : MixtureDraws
        With aligned labels, components by decreasing average weight.
    permutations : ndarray of int, shape (C, S, K)
        What aligned them.
    diagnostics : Diagnostics
    """

    draws: MixtureDraws
    permutations: IntArray
    diagnostics: Diagnostics


def align_and_diagnose(
    draws: MixtureDraws,
    X: ArrayLike,
    covariance_type: str = "full",
    stats: Mapping[str, NDArray[Any]] | None = None,
) -> GivenDraws:
    """Align the labels of draws from anywhere, and diagnose their chains.

    Parameters
    ----------
    draws : MixtureDraws
        As they were drawn, chain by chain.
    X : array_like of shape (N, D)
        The data that they are the posterior of.
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        What their covariances leave free.
    stats : mapping of str to ndarray of shape (C, S), optional
        Statistics of the sampler under ArviZ's names, such as ``diverging`` and ``energy``.

    Raises
    ------
    ValueError
        If the data do not have the features of the draws.
    """
    rows = check_data(X, n_features=draws.n_features)
    aligned, permutations = relabel(draws)
    diagnostics = diagnose(
        aligned,
        draws,
        permutations,
        aligned.log_likelihood(rows),
        stats or {},
        get_structure(covariance_type),
    )
    return GivenDraws(aligned, permutations, diagnostics)
