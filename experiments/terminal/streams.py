"""The two streams that the command line writes to: answers, and what happens on the way."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterable
from typing import TextIO

import click
from rich.console import (
    Console,
    ConsoleOptions,
    ConsoleRenderable,
    RenderableType,
    RenderHook,
    RenderResult,
)
from rich.segment import Segment

from experiments.core.text import visible_lines

# Wide enough for every answer, and narrow enough for any terminal.
WIDTH = 80
# Tables of numbers cannot be read where they have fewer columns than this.
NARROWEST = 40


def standard_output() -> Console:
    """Return standard output, as wide as the terminal.

    Where there is none it is as wide as the variable COLUMNS of the environment says, by default
    `WIDTH` columns, and no line ends in spaces.
    """
    if sys.stdout is None or sys.stdout.isatty():
        return _cleaned(Console(highlight=False))
    return _cleaned(
        Console(highlight=False, width=_columns(), file=WithoutTrailingSpaces(sys.stdout))
    )


def as_text(found: RenderableType) -> str:
    """Return what a terminal of `WIDTH` columns would show, without colours.

    Parameters
    ----------
    found : RenderableType
        Anything that rich can print.
    """
    stream = io.StringIO()
    console = Console(width=WIDTH, file=stream, color_system=None, highlight=False)
    _cleaned(console).print(found)
    return _without_trailing_spaces(stream.getvalue()).strip("\n")


class WithoutTrailingSpaces(io.TextIOWrapper):
    """A stream beside another one, into which no space before the end of a line is written."""

    def __init__(self, inner: TextIO) -> None:
        # What is written goes to the other stream at once; nothing is kept here.
        super().__init__(io.BytesIO(), encoding=inner.encoding)
        self._inner = inner

    def write(self, text: str, /) -> int:
        """Write whole lines, as rich hands them over."""
        self._inner.write(_without_trailing_spaces(text))
        return len(text)

    def flush(self) -> None:
        """Flush the other stream, unless it was closed before this one is forgotten."""
        if not self._inner.closed:
            self._inner.flush()


def _without_trailing_spaces(text: str) -> str:
    return re.sub(r" +$", "", text, flags=re.MULTILINE)


def _columns() -> int:
    """Return how wide answers are that go into a pipe or a file."""
    said = os.environ.get("COLUMNS", "")
    return max(int(said), NARROWEST) if said.isdecimal() else WIDTH


def standard_error() -> Console:
    """Return standard error, where progress is shown so that answers can be piped.

    No line ends in spaces where it is no terminal.
    """
    if sys.stderr is None or sys.stderr.isatty():
        return _cleaned(Console(stderr=True))
    return _cleaned(Console(file=WithoutTrailingSpaces(sys.stderr)))


def say(text: str, *, to_error: bool = False) -> None:
    """Print a line that may hold a name from elsewhere, which a terminal must not obey."""
    click.echo(visible_lines(text), err=to_error)


class Clean:
    """Something to print, of which every character that a terminal would obey becomes visible."""

    def __init__(self, inner: ConsoleRenderable) -> None:
        self.inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.inner, options):
            # Colours and the movements of a progress bar are no text: they are in other fields.
            if segment.control:
                yield segment
            else:
                yield Segment(visible_lines(segment.text), segment.style)


class CleanHook(RenderHook):
    """Has a console clean all that it prints."""

    def process_renderables(
        self, renderables: Iterable[ConsoleRenderable]
    ) -> list[ConsoleRenderable]:
        """Wrap what is to be printed."""
        return [Clean(inner) for inner in renderables]


def _cleaned(console: Console) -> Console:
    console.push_render_hook(CleanHook())
    return console
