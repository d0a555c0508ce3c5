"""What was chosen by the number of rows, beside the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from experiments.report.page.blocks import Block, Facts, Note
from experiments.values.by_size import SizeChoice


def size_blocks(n_rows: int, choices: Sequence[SizeChoice]) -> Iterator[Block]:
    """Yield what was chosen, why, and what asks for the usual treatment; nothing without choices.

    Parameters
    ----------
    n_rows : int
    choices : sequence of SizeChoice
    """
    if not choices:
        return
    yield Note(
        f"With {n_rows} rows some things were done otherwise than usual. To have all of them as "
        "usual, add --full to gmm-compare fit, full = true to a config, or full=True to compare.",
        kind="plain",
    )
    yield Facts([(choice.subject, _with_keys(choice)) for choice in choices])


def _with_keys(choice: SizeChoice) -> str:
    """Return the sentence of a choice, with the keys that undo it alone."""
    if not choice.usual:
        return choice.text
    keys = ", ".join(f"{key} = {value}" for key, value in choice.usual.items())
    return f"{choice.text} To undo this alone, set {keys}."
