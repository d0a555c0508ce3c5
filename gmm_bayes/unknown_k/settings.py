"""The prior of a mixture with an unknown number of components, from what a user gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gmm_bayes.core.checks import check_count
from gmm_bayes.core.types import FloatArray
from gmm_bayes.priors.conjugate import SemiConjugatePrior
from gmm_bayes.priors.hyperparameters import number
from gmm_bayes.priors.inverse_wishart import InverseWishartPrior
from gmm_bayes.priors.number_of_components import (
    BetaNegativeBinomialComponents,
    ComponentsPrior,
    check_components_prior,
)
from gmm_bayes.priors.registry import check_prior, prior_from_dict
from gmm_bayes.space.structures import Structure

USUAL_MAX_COMPONENTS = 50
"""Largest number of components considered where the prior allows any."""

MOST_COMPONENTS = 1000
"""Largest number of components that may be considered: each sweep looks at all numbers."""

WEIGHTS = ("static", "dynamic")
"""What the Dirichlet distribution of the weights may be."""


@dataclass(frozen=True)
class PriorOfUnknownK:
    """The checked prior.

    Parameters
    ----------
    components : ComponentsPrior
    prior : SemiConjugatePrior
    dynamic : bool
        Whether the weights' concentration is divided by the number of components.
    max_components : int
        Largest number of components considered.
    """

    components: ComponentsPrior
    prior: SemiConjugatePrior
    dynamic: bool
    max_components: int

    @classmethod
    def of(
        cls,
        components_prior: Any,
        prior: Any,
        weights: Any,
        concentration: Any,
        max_components: Any,
        n_features: int,
    ) -> PriorOfUnknownK:
        """Return the prior that the arguments of the estimator describe.

        Raises
        ------
        TypeError, ValueError
            If an argument cannot be used; the message says which and why.
        """
        components = (
            BetaNegativeBinomialComponents()
            if components_prior is None
            else check_components_prior(components_prior)
        )
        if weights not in WEIGHTS:
            raise ValueError(f"weights is {weights!r}; allowed are 'static' and 'dynamic'")
        most = components.largest or USUAL_MAX_COMPONENTS
        if max_components is not None:
            asked = check_count("max_components", max_components)
            most = asked if components.largest is None else min(asked, components.largest)
        if most > MOST_COMPONENTS:
            raise ValueError(
                f"max_components must be at most {MOST_COMPONENTS}, but is {most}"
                + ("" if max_components is not None else ", the most that components_prior allows")
            )
        # Only to refuse a largest number below every possible one.
        components.truncated(most)
        chosen = check_prior(_with_concentration(prior, concentration), n_features)
        if not isinstance(chosen, SemiConjugatePrior):
            raise ValueError(
                "an unknown number of components needs an InverseWishartPrior, a HierarchicalPrior "
                f"or an NIWPrior, but the prior is {chosen!r}"
            )
        return cls(components, chosen, weights == "dynamic", most)

    def improper_on(self, X: FloatArray, structure: Structure) -> str | None:
        """Return why the posterior given `X` has no finite integral for some K, or None."""
        possible = np.flatnonzero(np.isfinite(self.components.truncated(self.max_components))) + 1
        several = possible[possible > 1]
        for n in several[[0, -1]] if several.size else ():
            found = self.prior.improper_on(X, int(n), structure)
            if found is not None:
                return found
        return None


def _with_concentration(prior: Any, concentration: Any) -> Any:
    """Return the prior with the estimator's concentration, which may not contradict its own."""
    asked = None if concentration is None else _checked(concentration)
    if prior is None:
        return InverseWishartPrior() if asked is None else InverseWishartPrior(concentration=asked)
    if isinstance(prior, Mapping):
        given = {} if asked is None else {"concentration": asked}
        prior = prior_from_dict({**given, **prior})
    own = getattr(prior, "concentration", asked)
    if asked is not None and own != asked:
        raise ValueError(
            f"concentration is {asked:g}, but that of prior is {own:g}; give both the same"
        )
    return prior


def _checked(concentration: Any) -> float:
    """Return the estimator's concentration as a float, or raise TypeError or ValueError."""
    try:
        return number("concentration", concentration, positive=True)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).removeprefix("prior's ")) from None
