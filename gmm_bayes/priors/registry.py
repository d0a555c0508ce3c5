"""The priors by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gmm_bayes.priors.lkj import LKJPrior
from gmm_bayes.priors.niw import NIWPrior

PRIORS: dict[str, type[LKJPrior] | type[NIWPrior]] = {
    prior.kind: prior for prior in (LKJPrior, NIWPrior)
}


def check_prior(prior: Any, n_features: int) -> LKJPrior | NIWPrior:
    """Return the prior, if it is one for data of so many features.

    Raises
    ------
    TypeError, ValueError
        If it is no prior, or a hyperparameter does not fit.
    """
    if not isinstance(prior, LKJPrior | NIWPrior):
        raise TypeError(f"prior must be an LKJPrior or an NIWPrior, but is {prior!r}")
    prior.check_width(n_features)
    return prior


def prior_from_dict(values: Mapping[str, Any]) -> LKJPrior | NIWPrior:
    """Return the prior that a mapping describes: its ``kind`` is "lkj" (the default) or "niw".

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
