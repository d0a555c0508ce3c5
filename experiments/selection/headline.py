"""The one answer of a choice: which number of components to believe, why, and what to type.

The decision table stands in `docs/how-to/number-of-components.md`, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from experiments.core.words import after_colon, components, either, mind
from experiments.selection.criteria import good_enough
from experiments.selection.verdict import TRUTHFUL, by_choice, each_choice, who_choose
from experiments.values.comparison import Finding
from experiments.values.components import ComponentsValues, Criterion
from experiments.values.headline import Headline, NumberHeadline

# How many more components to try where the most that was tried is chosen.
MORE = 3
# Draws longer than usual where the number was drawn and its draws do not hold.
LONGER = "--set settings.bayes-auto.tune=4000 --set settings.bayes-auto.draws=4000"


@dataclass(frozen=True)
class Ballot:
    """What the decision table is applied to.

    Attributes
    ----------
    found : ComponentsValues
    headlines : mapping of int to Headline
        What to believe of the comparison at each number of components.
    """

    found: ComponentsValues
    headlines: Mapping[int, Headline]

    @cached_property
    def votes(self) -> list[Criterion]:
        """The criteria that have a fit which they may choose."""
        return [criterion for criterion in self.found.criteria if criterion.chosen is not None]

    @cached_property
    def asked(self) -> list[Criterion]:
        """The criteria that ask which number is true; all where there are none of these."""
        names = ("posterior-k",) if self.drawn else TRUTHFUL
        return [c for c in self.votes if c.id in names] or self.votes

    @property
    def drawn(self) -> bool:
        """Whether the number was drawn from its posterior, and the draws hold."""
        posterior = self.found.posterior_of_k
        chosen = any(c.id == "posterior-k" for c in self.votes)
        return chosen and posterior is not None and not posterior.problems

    @cached_property
    def number(self) -> int | None:
        """The smallest that one of those asked chooses and the others would do with."""
        good = [set(good_enough(c.values)) for c in self.asked]
        chosen = {c.chosen for c in self.asked if c.chosen is not None}
        return min(chosen.intersection(*good), default=None)

    @property
    def tried(self) -> list[int]:
        """All numbers that were tried, also those that EM alone has fitted."""
        structures = self.found.structures
        return self.found.n_components if structures is None else structures.n_components

    @property
    def at_the_end(self) -> bool:
        """Whether the number is the most that was tried of several."""
        given = self.found.posterior_of_k is None and len(self.tried) > 1
        return given and self.number == max(self.tried)

    def finding(self, name: str, level: str) -> Finding | None:
        """Return the finding of this name where it has this level."""
        said = (f for f in self.found.verdict if f.id == name and f.level == level)
        return next(said, None)


@dataclass(frozen=True)
class NumberRow:
    """A row of the decision table; the first whose condition holds gives the answer.

    Attributes
    ----------
    name : str
    when : str
        The condition in words.
    holds : callable
        The same as code.
    believe : {"number", "open", "none"}
    text : callable
        From the ballot to the answer.
    command : callable
        From the ballot to what would settle it; empty where there is nothing to settle.
    """

    name: str
    when: str
    holds: Callable[[Ballot], bool]
    believe: Literal["number", "open", "none"]
    text: Callable[[Ballot], str]
    command: Callable[[Ballot], str]


def _nothing(ballot: Ballot) -> str:
    choice = next((f.text for f in ballot.found.verdict if f.id == "choice"), "")
    return f"Believe no number yet: {choice[:1].lower()}{choice[1:]}"


def _at_least(ballot: Ballot) -> str:
    own, others = _choosers(ballot)
    most = f"{who_choose(own)} the most that was tried"
    return f"Believe at least {components(max(ballot.tried))}: {most}{others}."


def _probable(ballot: Ballot) -> str:
    [said] = [finding.text for finding in ballot.found.verdict if finding.id == "posterior-k"]
    return f"{_believed(ballot)}: {said[:1].lower()}{said[1:]}"


def _chosen(ballot: Ballot) -> str:
    own, others = _choosers(ballot)
    who = f"all {len(own)} criteria choose" if len(own) > 1 and not others else who_choose(own)
    return f"{_believed(ballot)}: {who} {ballot.number}{others}."


def _left(ballot: Ballot) -> str:
    numbers = sorted({c.chosen for c in ballot.asked if c.chosen is not None})
    parts = each_choice(by_choice(ballot.votes))
    return f"Believe {either(numbers)} components: {'; '.join(parts)}."


def _believed(ballot: Ballot) -> str:
    """Say which number is believed, and which structure where it was chosen."""
    assert ballot.number is not None
    structures = ballot.found.structures
    kind = "" if structures is None else f" with {structures.chosen} covariances"
    return f"Believe {components(ballot.number)}{kind}"


def _choosers(ballot: Ballot) -> tuple[list[str], str]:
    """Return the criteria that choose the number, and what the others choose in words."""
    chosen = by_choice(ballot.votes)
    own = chosen.pop(ballot.number, []) if ballot.number is not None else []
    return own, "".join(f"; {choice}" for choice in each_choice(chosen))


def _structure(ballot: Ballot) -> str:
    """Write the option that keeps the structure, where it is not the usual one."""
    kind = ballot.found.covariance_type
    return "" if kind == "full" else f" --covariance {kind}"


def _try_more(ballot: Ballot) -> str:
    most = max(ballot.tried)
    return f"gmm-compare fit DATA -k {most - 1}-{most + MORE}{_structure(ballot)}"


def _more_or_drawn(ballot: Ballot) -> str:
    """Try more where one of those asked chooses the most; else draw the number itself."""
    at_the_end = any(criterion.chosen == max(ballot.tried) for criterion in ballot.asked)
    given = ballot.found.posterior_of_k is None
    return _try_more(ballot) if at_the_end and given else _draw_it(ballot)


def _draw_it(ballot: Ballot) -> str:
    return f"gmm-compare fit DATA -k auto{_structure(ballot)}"


def _first_remedy(ballot: Ballot) -> str:
    """Return what settles the comparison at the fewest components that has something to settle."""
    every = (ballot.headlines[k].command for k in sorted(ballot.headlines))
    return next(filter(None, every), "")


DECISIONS: tuple[NumberRow, ...] = (
    NumberRow(
        "no-choice",
        "no criterion has a fit that it may choose",
        lambda ballot: not ballot.votes,
        "none",
        _nothing,
        _first_remedy,
    ),
    NumberRow(
        "most-tried",
        "the number is the most that was tried",
        lambda ballot: ballot.at_the_end,
        "open",
        _at_least,
        _try_more,
    ),
    NumberRow(
        "probable",
        "the number was drawn from its posterior, and the draws hold",
        lambda ballot: ballot.drawn and ballot.number is not None,
        "number",
        _probable,
        lambda ballot: "",
    ),
    NumberRow(
        "chosen",
        "the criteria that ask which number is true choose one, or would do with it",
        lambda ballot: ballot.number is not None,
        "number",
        _chosen,
        lambda ballot: "",
    ),
    NumberRow(
        "undecided",
        "none of these",
        lambda ballot: True,
        "open",
        _left,
        _more_or_drawn,
    ),
)


@dataclass(frozen=True)
class Caveat:
    """What a believed number comes with, and what settles it."""

    text: str
    command: str = ""


def conclude(found: ComponentsValues, headlines: Mapping[int, Headline]) -> NumberHeadline:
    """Apply the decision table.

    Parameters
    ----------
    found : ComponentsValues
        With its verdict; its own headline is not used.
    headlines : mapping of int to Headline
        What to believe of the comparison at each number of components.
    """
    ballot = Ballot(found, headlines)
    row = next(row for row in DECISIONS if row.holds(ballot))
    caveats = [] if row.believe == "none" else _caveats(ballot)
    command = row.command(ballot) or next((c.command for c in caveats if c.command), "")
    return NumberHeadline(
        believe=row.believe,
        n_components=ballot.number,
        reason=row.name,
        text=" ".join([row.text(ballot), *mind([after_colon(c.text) for c in caveats])]),
        command=command,
    )


def _caveats(ballot: Ballot) -> list[Caveat]:
    """Return what stands against the number, the gravest first."""
    found = ballot.found
    caveats = []
    k = ballot.number
    own = None if k is None else ballot.headlines.get(k)
    if k is not None and own is not None and own.believe == "neither":
        why = own.text.partition(": ")[2]
        text = f"no fit with {components(k)} is to be believed yet: {why}"
        caveats.append(Caveat(text, own.command))
    if (local := ballot.finding("em-local", "warn")) is not None:
        span = f"{found.n_components[0]}-{found.n_components[-1]}"
        again = f"gmm-compare fit DATA -k {span}{_structure(ballot)} --set em.n_init=300"
        caveats.append(Caveat(local.text, again))
    if (structure := ballot.finding("structure", "warn")) is not None:
        caveats.append(Caveat(structure.text))
    if (doubt := ballot.finding("posterior-k-doubt", "warn")) is not None:
        caveats.append(Caveat(doubt.text, f"{_draw_it(ballot)} {LONGER}"))
    if (prior := ballot.finding("posterior-k-prior", "warn")) is not None:
        caveats.append(Caveat(prior.text))
    nearly = [ballot.finding(f"{criterion.id}-nearly", "ok") for criterion in ballot.asked]
    caveats += [Caveat(said.text) for said in nearly if said is not None]
    return caveats
