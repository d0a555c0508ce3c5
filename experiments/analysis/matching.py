"""Which component is which: truth, EM, posterior and baselines in one order.

One distance between whole components (`gmm_em.matching.component_distances`), one optimal
assignment. The first fit follows the truth where there is one; every other fit follows the truth
and the first fit together, so that two fits are compared component by component even where each
alone could be read in two ways. Where the numbers of components differ, what has no counterpart
comes last and is named. A second assignment that is nearly as good is reported: then labels, and
every number that rests on them, are uncertain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.engines.contract import Fit
from gmm_bayes import MixtureDraws
from gmm_em import Mixture
from gmm_em.matching import assign as cheapest
from gmm_em.matching import assignment_cost, component_distances, second_best

Order = NDArray[np.intp]

# So many draws, evenly spaced, say how uncertain the labels of a posterior are.
N_DRAWS = 400
DRAWS_QUANTILE = 0.9


@dataclass(frozen=True)
class Assignment:
    """The cheapest assignment of the rows of a table of costs to its columns.

    Attributes
    ----------
    columns : tuple of int or None
        Of each row, its column; None for a row without one, where there are more rows.
    cost : float
    second_cost : float or None
        Of the cheapest other assignment; None where there is no other.
    moved : tuple of int
        Rows that the other assignment gives to another column, or leaves without one.
    """

    columns: tuple[int | None, ...]
    cost: float
    second_cost: float | None
    moved: tuple[int, ...]

    @property
    def ambiguity(self) -> float:
        """Cost of the best over that of the second best: 0 is certain, 1 a tie."""
        if self.second_cost is None:
            return 0.0
        return min(1.0, self.cost / self.second_cost) if self.second_cost > 0 else 1.0


def assign(costs: FloatArray) -> Assignment:
    """Solve an assignment problem, and find the second-best solution.

    Parameters
    ----------
    costs : ndarray of shape (K, J)
        Finite; K and J may differ.
    """
    best = cheapest(costs)
    columns = tuple(None if column < 0 else column for column in best.tolist())
    cost = assignment_cost(costs, best)
    other = second_best(costs, best)
    if other is None:
        return Assignment(columns, cost, None, ())
    moved = tuple(np.flatnonzero(best != other).tolist())
    return Assignment(columns, cost, assignment_cost(costs, other), moved)


@dataclass(frozen=True)
class Matching:
    """How one fit's components correspond to the truth's, or to the first fit's.

    Components are numbered from 0, in the common order.

    Attributes
    ----------
    partners : tuple of int or None
        Of each component, the truth's component that it is; None for one that the truth lacks.
        Without a truth, itself.
    missing : tuple of int
        The truth's components that the fit lacks.
    distance, second_distance : float or None
        Of the assignment, and of the next best; None where there is nothing to be assigned to.
    ambiguity : float
        The first over the second: near 1 where another assignment is nearly as good.
    uncertain : tuple of int
        Components that the next best assignment exchanges.
    draws_ambiguity : float or None
        For a posterior the same ratio of its draws, each assigned to the point estimate: that
        which one draw in ten exceeds; None for other fits.
    """

    partners: tuple[int | None, ...]
    missing: tuple[int, ...] = ()
    distance: float | None = None
    second_distance: float | None = None
    ambiguity: float = 0.0
    uncertain: tuple[int, ...] = ()
    draws_ambiguity: float | None = None

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(component of the truth, component of the fit), in the truth's order."""
        return sorted((t, k) for k, t in enumerate(self.partners) if t is not None)


def in_one_order(
    truth: Mixture | None, fits: Mapping[str, Fit]
) -> tuple[dict[str, Fit], dict[str, Matching]]:
    """Bring all fits into one order of components.

    Parameters
    ----------
    truth : Mixture or None
        Its order comes first; components that it lacks follow by decreasing weight. Without
        one, components stand by decreasing weight of the first fit: EM's where there is one.
    fits : mapping of str to Fit
        All of one number of components.

    Raises
    ------
    UsageError
        If the numbers of components differ between fits.
    """
    counts = {name: fit.mixture.n_components for name, fit in fits.items()}
    if len(set(counts.values())) > 1:
        raise UsageError(f"the fits have {counts} components, allowed is one number for all")
    first = "em" if "em" in fits else next(iter(fits))
    ordered, matchings = {}, {}
    anchor, matchings[first] = _lead(truth, fits[first].mixture)
    for name, fit in fits.items():
        if name == first:
            order = anchor
        else:
            leader = fits[first].mixture.permute(anchor)
            order, matchings[name] = _follow(truth, leader, matchings[first], fit.mixture)
        ordered[name] = fit.reorder(order)
        matchings[name] = _with_draws(matchings[name], ordered[name])
    return ordered, {name: matchings[name] for name in fits}


def _lead(truth: Mixture | None, mixture: Mixture) -> tuple[Order, Matching]:
    """Order the first fit."""
    by_weight = np.argsort(-mixture.weights, kind="stable")
    if truth is None:
        return by_weight, Matching(tuple(range(mixture.n_components)))
    found = assign(component_distances(truth, mixture))
    matched = [column for column in found.columns if column is not None]
    order = np.array([*matched, *(k for k in by_weight if k not in matched)], dtype=np.intp)
    partners = [row for row, column in enumerate(found.columns) if column is not None]
    extra = mixture.n_components - len(partners)
    missing = tuple(row for row, column in enumerate(found.columns) if column is None)
    # The places of the truth's components that the second best assignment moves.
    uncertain = tuple(place for place, row in enumerate(partners) if row in found.moved)
    return order, _matching((*partners, *[None] * extra), missing, found, uncertain)


def _follow(
    truth: Mixture | None, leader: Mixture, lead: Matching, mixture: Mixture
) -> tuple[Order, Matching]:
    """Order another fit by the truth and the first fit, whose order stands, together."""
    costs = component_distances(leader, mixture)
    if truth is not None:
        distances = component_distances(truth, mixture)
        for place, partner in enumerate(lead.partners):
            if partner is not None:
                costs[place] += distances[partner]
    found = assign(costs)
    order = np.array(found.columns, dtype=np.intp)
    return order, _matching(lead.partners, lead.missing, found, found.moved)


def _matching(
    partners: tuple[int | None, ...],
    missing: tuple[int, ...],
    found: Assignment,
    uncertain: tuple[int, ...],
) -> Matching:
    return Matching(
        partners, missing, found.cost, found.second_cost, found.ambiguity, uncertain
    )  # fmt: skip


def _with_draws(matching: Matching, fit: Fit) -> Matching:
    """Add how surely a posterior's draws are assigned to its point."""
    if fit.draws is None or fit.mixture.n_components == 1:
        return matching
    found = [assign(costs) for costs in component_distances(fit.mixture, _some(fit.draws))[0]]
    ratios = np.array([assignment.ambiguity for assignment in found])
    typical = float(np.quantile(ratios, DRAWS_QUANTILE))
    if typical <= matching.ambiguity:
        return replace(matching, draws_ambiguity=typical)
    # The exchange that most of the least certain draws allow.
    least = [a.moved for a, ratio in zip(found, ratios, strict=True) if ratio >= typical]
    return replace(matching, draws_ambiguity=typical, uncertain=Counter(least).most_common(1)[0][0])


def _some(draws: MixtureDraws) -> MixtureDraws:
    chosen = np.unique(np.linspace(0, len(draws) - 1, N_DRAWS).astype(int))
    arrays = (draws.weights, draws.means, draws.covariances)
    return MixtureDraws(*(a.reshape(1, len(draws), *a.shape[2:])[:, chosen] for a in arrays))
