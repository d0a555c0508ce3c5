"""The two streams that the command line writes to: answers, and what happens on the way."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment

from experiments.core.text import visible_lines

# Wide enough for every answer, and narrow enough for any terminal.
WIDTH = 80


def standard_output() -> Console:
    """Return standard output: as wide as the terminal, or `WIDTH` columns where there is none."""
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    return _cleaned(Console(highlight=False, width=None if on_terminal else WIDTH))


def standard_error() -> Console:
    """Return standard error, where progress is shown so that answers can be piped."""
    return _cleaned(Console(stderr=True))


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
