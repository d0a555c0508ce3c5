"""What was done otherwise than usual because the rows are many, as plain values."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from experiments.values.base import Value


class SizeChoice(Value):
    """One thing that was chosen by the number of rows."""

    subject: str
    """What it is about: "sampler", "draws", "standard errors", "row scores" or "restarts"."""
    text: str
    """What was chosen and why, in one sentence."""
    usual: dict[str, str | int] = Field(default={})
    """Keys of a config with their usual values, such as ``bayes.draws`` and 1000: naming them
    undoes the choice. Empty where there are none."""


def told_of_size(n_rows: int, choices: Sequence[SizeChoice]) -> str:
    """Return a paragraph that says what was chosen, and how to have all of it in full.

    Parameters
    ----------
    n_rows : int
    choices : sequence of SizeChoice

    Returns
    -------
    str
        Empty where nothing was chosen.
    """
    if not choices:
        return ""
    sentences = " ".join(choice.text for choice in choices)
    return (
        f"Chosen for {n_rows} rows: {sentences} --full (full = true in a config, or in Python "
        "full=True) asks for the usual treatment."
    )
