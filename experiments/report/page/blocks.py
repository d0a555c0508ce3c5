"""What a page is made of: figures, tables, notes and the sections that hold them.

A block turns itself into HTML (``__html__``), and everything that it was given as text appears as
text, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import plotly.graph_objects as go
from markupsafe import Markup, escape


class Block(Protocol):
    """Anything that can stand in a section."""

    def __html__(self) -> str:
        """Return safe HTML."""


@dataclass(frozen=True)
class Note:
    """A paragraph of plain text; `kind` is its class: "note" is small print."""

    text: str
    kind: str = "note"

    def __html__(self) -> str:
        return Markup('<p class="{}">{}</p>').format(self.kind, self.text)


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str

    def __html__(self) -> str:
        return Markup("<h3>{}</h3>\n").format(self.text)


@dataclass(frozen=True)
class Picture:
    """An interactive figure.

    Attributes
    ----------
    name : str
        Of letters, digits and dashes; once in a page.
    figure : Figure
    alt : str
        What it shows, for who does not see it.
    caption, title : str
        Below and above it.
    wide : bool
        Whether it takes a row to itself.
    """

    name: str
    figure: go.Figure
    alt: str
    caption: str = ""
    title: str = ""
    wide: bool = False

    def __html__(self) -> str:
        title = Markup("<h3>{}</h3>").format(self.title) if self.title else ""
        caption = Markup("<figcaption>{}</figcaption>").format(self.caption) if self.caption else ""
        figure = Markup(
            '<figure class="{kind}" id="figure-{name}">{title}{controls}'
            '<div class="plot" data-figure="{name}" role="group" aria-label="{alt}"></div>'
            '{caption}<script type="application/json" id="data-{name}">{data}</script></figure>\n'
        )
        around = {"title": title, "controls": self.controls(), "caption": caption}
        kind = "picture wide" if self.wide else "picture"
        return figure.format(kind=kind, name=self.name, alt=self.alt, data=self._data(), **around)

    def controls(self) -> Markup:
        """Return what stands above the figure to steer it: nothing."""
        return Markup("")

    def _data(self) -> Markup:
        # Only "</" and "<!--" could end a script element early, and both begin with "<".
        return Markup(str(self.figure.to_json()).replace("<", "\\u003c"))


@dataclass(frozen=True)
class SteppedPicture(Picture):
    """A figure with frames, steered by a slider and a play button.

    Attributes
    ----------
    labels : sequence of str
        What the slider says at each frame.
    """

    labels: Sequence[str] = ()

    def controls(self) -> Markup:
        """Return the slider and the button; the page's script gives them their effect."""
        controls = Markup(
            '<div class="controls" data-labels="{labels}"><button type="button" class="play">Play'
            '</button><label for="slider-{name}">Step</label><input type="range" '
            'id="slider-{name}" min="0" max="{last}" value="0" step="1">'
            '<output for="slider-{name}">{first}</output></div>'
        )
        said, last = "|".join(self.labels), len(self.labels) - 1
        return controls.format(labels=said, name=self.name, last=last, first=self.labels[0])


@dataclass(frozen=True)
class Panels:
    """Figures side by side, where there is room."""

    pictures: Sequence[Picture]

    def __html__(self) -> str:
        return Markup('<div class="panels">\n{}</div>\n').format(Markup("").join(self.pictures))


@dataclass(frozen=True)
class TableCell:
    """A table's cell.

    Attributes
    ----------
    text : str
    sort : float, optional
        What the column is sorted by; by default the text.
    href : str
        Where the cell leads.
    words : bool
        Whether it is a sentence, which may be broken into lines.
    """

    text: str
    sort: float | None = None
    href: str = ""
    words: bool = False

    def __html__(self) -> str:
        inner = escape(self.text)
        if self.href:
            inner = Markup('<a href="{}">{}</a>').format(self.href, inner)
        key = "" if self.sort is None else Markup(' data-sort="{!r}"').format(float(self.sort))
        kind = Markup(' class="words"') if self.words else ""
        return Markup("<td{}{}>{}</td>").format(kind, key, inner)


@dataclass(frozen=True)
class TableColumn:
    """A table's heading, with a dot of colour and a longer explanation where there is one."""

    title: str
    colour: str = ""
    hint: str = ""

    def __html__(self) -> str:
        dot = Markup('<span class="swatch" style="background:{}"></span>').format(self.colour)
        hint = Markup(' title="{}"').format(self.hint) if self.hint else ""
        return Markup(
            '<th scope="col" aria-sort="none"{}><button type="button">{}{}</button></th>'
        ).format(hint, dot if self.colour else "", self.title)


@dataclass(frozen=True)
class SortableTable:
    """A table that sorts by any column.

    Attributes
    ----------
    caption : str
    columns : sequence of TableColumn
    rows : sequence of sequences of TableCell
        The first cell names the row.
    """

    caption: str
    columns: Sequence[TableColumn]
    rows: Sequence[Sequence[TableCell]] = field(repr=False)

    def __html__(self) -> str:
        body = Markup("\n").join(
            Markup("<tr>{}</tr>").format(Markup("").join(row)) for row in self.rows
        )
        return Markup(
            '<div class="scroll" tabindex="0" role="region" aria-label="{caption}">'
            '<table class="sortable"><caption>{caption}</caption><thead><tr>{head}</tr></thead>'
            "<tbody>\n{body}\n</tbody></table></div>\n"
        ).format(caption=self.caption, head=Markup("").join(self.columns), body=body)


@dataclass(frozen=True)
class Facts:
    """Names and values, one pair a line."""

    pairs: Sequence[tuple[str, str]]

    def __html__(self) -> str:
        lines = Markup("").join(
            Markup("<dt>{}</dt><dd>{}</dd>").format(name, value) for name, value in self.pairs
        )
        return Markup("<dl>{}</dl>").format(lines)


@dataclass(frozen=True)
class Code:
    """Text to be copied: a command, a config; `name` is once in a page."""

    name: str
    text: str
    button: str

    def __html__(self) -> str:
        return Markup(
            '<div class="code"><pre id="code-{name}" tabindex="0"><code>{text}</code></pre>'
            '<button type="button" class="copy" data-copy="code-{name}">{button}</button>'
            '<span class="said" role="status"></span></div>'
        ).format(name=self.name, text=self.text, button=self.button)


@dataclass(frozen=True)
class FileLink:
    """A line that leads to a file beside the page."""

    text: str
    href: str

    def __html__(self) -> str:
        return Markup('<p><a href="{}">{}</a></p>\n').format(self.href, self.text)


@dataclass(frozen=True)
class Folded:
    """Blocks that open when their summary is clicked."""

    summary: str
    blocks: Sequence[Block]

    def __html__(self) -> str:
        return Markup("<details><summary>{}</summary>{}</details>").format(
            self.summary, Markup("").join(self.blocks)
        )


@dataclass(frozen=True)
class Slide:
    """Blocks of which the reader sees one slide's at a time, and what the slider says there."""

    label: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Slides:
    """Slides with a slider that goes through them; on paper all of them are shown.

    Attributes
    ----------
    name : str
        Once in a page.
    title : str
        What the slider is called.
    slides : sequence of Slide
    first : int
        The one that is shown at first.
    as_list : bool
        Whether they are chosen from a list of their labels, and not by a slider.
    """

    name: str
    title: str
    slides: Sequence[Slide]
    first: int = 0
    as_list: bool = False

    def __html__(self) -> str:
        controls = Markup(
            '<div class="controls pick" hidden><label for="pick-{name}">{title}</label>{control}'
            "</div>"
        ).format(
            name=self.name,
            title=self.title,
            control=self._list() if self.as_list else self._range(),
        )
        slide = Markup('<div class="slide" data-label="{}"><h3>{}</h3>\n{}</div>\n')
        return Markup('<div class="slides">{}\n{}</div>\n').format(
            controls,
            Markup("").join(
                slide.format(each.label, each.label, Markup("").join(each.blocks))
                for each in self.slides
            ),
        )

    def _range(self) -> Markup:
        return Markup(
            '<input type="range" id="pick-{name}" min="0" max="{last}" value="{first}" step="1">'
            '<output for="pick-{name}"></output>'
        ).format(name=self.name, last=len(self.slides) - 1, first=self.first)

    def _list(self) -> Markup:
        option = Markup('<option value="{}"{}>{}</option>')
        options = Markup("").join(
            option.format(i, Markup(" selected") if i == self.first else "", each.label)
            for i, each in enumerate(self.slides)
        )
        return Markup('<select id="pick-{}">{}</select>').format(self.name, options)


@dataclass(frozen=True)
class PageSection:
    """A heading and the blocks under it, which fold away.

    Attributes
    ----------
    id : str
        Once in a page.
    title : str
    blocks : sequence of Block
    is_open : bool
        Whether it is unfolded at first.
    """

    id: str
    title: str
    blocks: Sequence[Block]
    is_open: bool = True

    def __html__(self) -> str:
        return Markup(
            '<section aria-labelledby="{id}">\n<details{open}><summary><h2 id="{id}">{title}</h2>'
            "</summary>\n{blocks}</details></section>\n"
        ).format(
            id=self.id,
            title=self.title,
            open=" open" if self.is_open else "",
            blocks=Markup("").join(self.blocks),
        )
