"""What a comparison says is to be believed, as a plain value."""

from __future__ import annotations

from typing import Literal

from experiments.values.base import Value

Believe = Literal["both", "em", "posterior", "neither"]


class Headline(Value):
    """The answer that a verdict comes to, by the decision table of `docs/how-to/verdict.md`."""

    believe: Believe
    """Which to believe: both, the point estimate (em), the posterior, or neither."""
    reason: str
    """The row of the decision table that applied."""
    text: str
    """The answer in a sentence, with what it rests on."""
    command: str = ""
    """What to type to settle it; empty where there is nothing to settle."""


class NumberHeadline(Value):
    """The answer of a choice, by the decision table of `docs/how-to/number-of-components.md`."""

    believe: Literal["number", "open", "none"]
    """Whether a number of components is to be believed, is still open, or cannot be chosen."""
    n_components: int | None
    """The number that is to be believed so far; null where several are left, or none."""
    reason: str
    """The row of the decision table that applied."""
    text: str
    """The answer in a sentence, with what it rests on."""
    command: str = ""
    """What to type to settle it; empty where there is nothing to settle."""
