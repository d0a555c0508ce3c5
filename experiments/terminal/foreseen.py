"""What a run would do, as text: in place of a run, and before one that takes long."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from experiments.core.words import listed, some
from experiments.terminal.comparison import columns_used
from experiments.terminal.streams import standard_output
from experiments.values.by_size import told_of_size
from experiments.values.foreseen import Foreseen

# A run that takes longer, in seconds, says so before it starts.
LONG = 30.0


def print_foreseen(found: Foreseen) -> None:
    """Print the data, the models, the engines and the estimate; nothing was run."""
    out = standard_output()
    for line in _lines(found):
        out.print(Text(_in_lines(line, out.width)))


def announce(console: Console, found: Foreseen) -> None:
    """Say how long a run takes, where that is long.

    Parameters
    ----------
    console : Console
        The one that shows the progress, which then makes room for the line.
    found : Foreseen
    """
    if found.total > LONG:
        told = told_of_size(found.dataset.n_samples, found.choices) if found.dataset else ""
        said = " ".join(filter(None, (_estimate(found), "Ctrl-C stops it.", told)))
        console.print(Text(_in_lines(said, console.width), style="dim"))


def in_words(seconds: float) -> str:
    """Write a time with as many digits as an estimate has."""
    for unit, size, next_size in (("s", 1.0, 95.0), ("min", 60.0, 5700.0), ("h", 3600.0, 172800.0)):
        if seconds < next_size:
            return f"{_one_digit(max(seconds / size, 1.0))} {unit}"
    return f"{_one_digit(seconds / 86400.0)} days"


def _one_digit(number: float) -> str:
    """Round to one digit: an estimate that is right to a factor of two has no more."""
    return f"{float(f'{number:.1g}'):g}"


def _in_lines(text: str, width: int) -> str:
    """Break a text into lines, but not between a number and its unit."""
    joined = re.sub(r"(?<=\d) (?=(?:s|min|h|days)\b)", "\N{NO-BREAK SPACE}", text)
    return textwrap.fill(joined, width, break_on_hyphens=False).replace("\N{NO-BREAK SPACE}", " ")


def _lines(found: Foreseen) -> Iterator[str]:
    if found.dataset is None:
        yield f"{found.name}: {found.n_cells} cells"
    else:
        data = found.dataset
        held_out = f", {data.n_test} held out" if data.n_test else ""
        yield f"{found.name}: {data.n_samples} × {data.n_features}{held_out}"
        if told := columns_used(data):
            yield told
    numbers = found.numbers if isinstance(found.numbers, str) else some([*map(str, found.numbers)])
    yield f"K = {numbers}; covariances: {some(found.structures)}"
    yield f"engines: {', '.join(found.engines)}"
    if found.dataset is not None and found.choices:
        yield told_of_size(found.dataset.n_samples, found.choices)
    yield _estimate(found)
    yield "Nothing was run."


def _estimate(found: Foreseen) -> str:
    """Say how long all takes, what of it the parts take, and what is not known."""
    parts = [f"{name} {in_words(seconds)}" for name, seconds in found.seconds.items()]
    n = found.n_processors
    where = "one processor" if n == 1 else f"{n} processors"
    said = f"It takes about {in_words(found.total)} on {where}: {listed(parts)}."
    if found.unknown:
        said += f" How long {listed(found.unknown)} takes is not known."
    return said
