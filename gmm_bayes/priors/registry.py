"""The priors by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gmm_bayes.priors.base import Prior
from gmm_bayes.priors.hierarchical import HierarchicalPrior
from gmm_bayes.priors.inverse_wishart import InverseWishartPrior
from gmm_bayes.priors.lkj import LKJPrior
from gmm_bayes.priors.niw import NIWPrior
from gmm_bayes.priors.volume_shape import VolumeShapePrior
from gmm_bayes.space.structures import Structure

type AnyPrior = InverseWishartPrior | HierarchicalPrior | LKJPrior | NIWPrior | VolumeShapePrior

PRIORS: dict[str, type[AnyPrior]] = {
    prior.kind: prior
    for prior in (InverseWishartPrior, HierarchicalPrior, LKJPrior, NIWPrior, VolumeShapePrior)
}


def default_prior(structure: Structure) -> InverseWishartPrior | VolumeShapePrior:
    """Return the prior that covariances of a structure have where none is given."""
    return VolumeShapePrior() if structure.decomposed else InverseWishartPrior()


def check_prior(prior: Any, n_features: int) -> Prior:
    """Return the prior, if it is one for data of so many features.

    Raises
    ------
    TypeError, ValueError
        If it is no prior, or a hyperparameter does not fit.
    """
    if not isinstance(prior, tuple(PRIORS.values())):
        names = ", ".join(known.__name__ for known in PRIORS.values())
        raise TypeError(f"prior must be one of {names}, but is {prior!r}")
    assert isinstance(prior, Prior)
    prior.check_width(n_features)
    return prior


def prior_from_dict(
    values: Mapping[str, Any],
) -> InverseWishartPrior | HierarchicalPrior | LKJPrior | NIWPrior | VolumeShapePrior:
    """Return the prior that a mapping describes: its ``kind`` is a key of :data:`PRIORS`.

    Without a kind it is an :class:`gmm_bayes.LKJPrior`, as in files that were written before other
    priors existed.

    Raises
    ------
    TypeError, ValueError
        If `values` is no mapping, or the kind or a key is unknown.
    """
    if not isinstance(values, Mapping):
        raise TypeError(f"a prior is described by a table of its settings, but this is {values!r}")
    kind = values.get("kind", LKJPrior.kind)
    if not isinstance(kind, str) or kind not in PRIORS:
        raise ValueError(f"prior's kind is {kind!r}; allowed are {', '.join(map(repr, PRIORS))}")
    return PRIORS[kind].from_dict(values)
