"""What a page says where something of it cannot be drawn: the numbers do not depend on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from markupsafe import Markup

from experiments.core.text import visible
from experiments.report.page.blocks import Block, Note, PageSection
from experiments.report.page.document import render, write


class Drawn:
    """A block that has been turned into HTML."""

    def __init__(self, html: str) -> None:
        self._html = html

    def __html__(self) -> str:
        return self._html


def drawn(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield a section's blocks as HTML; where one cannot be drawn, a note that ends the section."""
    try:
        for block in blocks:
            yield Drawn(Markup(block.__html__()))
    except Exception as error:
        # The page is drawn after the numbers are in place, and must not take the command down.
        yield Note(
            f"The rest of this section could not be drawn ({_in_words(error)}). The numbers are in "
            "the files beside this page.",
            "problem",
        )


def write_failed_page(path: Path, error: Exception) -> Path:
    """Write a page that says why there is no better one; return its path."""
    note = Note(
        f"This page could not be drawn ({_in_words(error)}). The numbers are in the files beside "
        "it.",
        "problem",
    )
    return write(render("No report", "", [PageSection("failed", "Not drawn", [note])]), path)


def _in_words(error: Exception) -> str:
    return visible(f"{type(error).__name__}: {error}")
