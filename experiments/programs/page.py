"""The page of the programs: agreement, speed and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import plotly.graph_objects as go

from experiments.api.comparison import Comparison
from experiments.config.experiment import ExperimentConfig
from experiments.core.processor import processor_line
from experiments.programs.cases import PosteriorCase, programs_of
from experiments.programs.measure import CHAINS
from experiments.programs.stored import Measured
from experiments.programs.table import COLUMNS, by_data
from experiments.report.comparison.programs import program_blocks
from experiments.report.page.blocks import (
    Block,
    Facts,
    Heading,
    Note,
    PageSection,
    Picture,
    SortableTable,
    TableCell,
    TableColumn,
)
from experiments.report.page.document import render, write
from experiments.report.page.theme import component_colour, hover, log_axis, plain, styled
from experiments.report.verdict import VerdictList

SYMBOLS = ("circle", "diamond", "square", "circle-open", "diamond-open", "square-open")
# How far programs stand apart at one data set.
APART = 0.1


def write_page(
    path: Path,
    config: ExperimentConfig,
    cases: Mapping[str, PosteriorCase],
    found: Sequence[Measured],
    compared: Mapping[str, Comparison],
) -> Path:
    """Write the page as one file, which loads no other, and return `path`.

    Parameters
    ----------
    path : Path
    config : ExperimentConfig
    cases : mapping of str to PosteriorCase
        By label.
    found : sequence of Measured
        Of every program and data set.
    compared : mapping of str to Comparison
        The posteriors of each data set; their own pages lie beside this one, in folders of these
        names.
    """
    draws = programs_of(config).draws
    programs = list(dict.fromkeys(one.title for one in found))
    lead = f"{', '.join(programs)}: {CHAINS} chains of {draws} draws after {draws} of tuning"
    sections = [
        PageSection("verdict", "Do they agree?", _agreement(cases, compared)),
        PageSection("speed", "How fast are they?", _speed(found)),
        PageSection("pairs", "Every two that can be trusted", _pairs(compared)),
        PageSection("made", "How it was made", _made()),
    ]
    return write(render(config.description or config.name, lead, sections), path)


def _agreement(
    cases: Mapping[str, PosteriorCase], compared: Mapping[str, Comparison]
) -> list[Block]:
    blocks: list[Block] = []
    for data, comparison in compared.items():
        blocks.append(Heading(f"{data}, {cases[data].n_components} components"))
        about = [one for one in comparison.verdict if one.id.startswith("posteriors")]
        blocks.append(
            VerdictList(about, with_causes=False)
            if about
            else Note("One program only: nothing to compare.")
        )
    return blocks


def _speed(found: Sequence[Measured]) -> list[Block]:
    return [
        Picture(
            "speed",
            speed_figure(found),
            "Effective draws per second of each program on each data set, on a logarithmic scale.",
            "The smallest bulk ESS of a parameter, per second of the whole fit: tuning, drawing, "
            "aligning, and what a program compiles anew for each fit.",
        ),
        table_of(found),
        Heading("What the columns are"),
        Facts([(one.title, one.means) for one in COLUMNS]),
    ]


def speed_figure(found: Sequence[Measured]) -> go.Figure:
    """Draw effective draws per second: a place for each data set, a mark for each program.

    They are no bars, which would begin anywhere on a logarithmic scale.
    """
    figure = go.Figure()
    places = {data: place for place, data in enumerate(by_data(found))}
    titles = list(dict.fromkeys(one.title for one in found))
    for k, title in enumerate(titles):
        own = [one for one in found if one.title == title]
        # Programs stand a little apart, so that those of equal speed do not cover one another.
        aside = APART * (k - (len(titles) - 1) / 2)
        figure.add_scatter(
            x=[places[one.data] + aside for one in own],
            customdata=[one.data for one in own],
            y=[one.rate for one in own],
            mode="markers",
            name=title,
            marker={
                "size": 11,
                "color": component_colour(k),
                "symbol": SYMBOLS[k % len(SYMBOLS)],
            },
            hovertemplate=hover(f"{plain(title)}, %{{customdata}}: %{{y:.3~r}} a second"),
        )
    names = [plain(data) for data in places]
    figure.update_xaxes(tickvals=list(places.values()), ticktext=names, range=_around(len(names)))
    rates = [one.rate for one in found if one.rate > 0]
    axis = log_axis(min(rates), max(rates)) if rates else {}
    figure.update_yaxes(title="effective draws per second", **axis)
    return styled(figure, 360, aspect=0.8)


def _around(count: int) -> list[float]:
    """Frame places from 0 on, with half a place at either end."""
    return [-0.5, count - 0.5]


def table_of(found: Sequence[Measured]) -> SortableTable:
    """Return a row for every program and data set, which leads to the comparison of the latter."""
    columns = [TableColumn("data"), TableColumn("program")]
    columns += [TableColumn(one.title, hint=one.means) for one in COLUMNS]
    rows = [
        [
            TableCell(data, href=f"{data}/report.html"),
            TableCell(one.title),
            *(TableCell(column.text(one), sort=column.value(one)) for column in COLUMNS),
        ]
        for data, own in by_data(found).items()
        for one in own
    ]
    return SortableTable("Programs and data sets", columns, rows)


def _pairs(compared: Mapping[str, Comparison]) -> list[Block]:
    blocks: list[Block] = []
    for data, comparison in compared.items():
        blocks.append(Heading(data))
        blocks += [
            block for block in program_blocks(comparison) if isinstance(block, SortableTable)
        ]
    return blocks


def _made() -> list[Block]:
    how = (
        "Every program runs in a process of its own, in which nothing is loaded or compiled yet. "
        "It fits twice, a few draws first. The posteriors are then compared with each other and "
        "with EM; the comparison of each data set has a page of its own, to which the table leads."
    )
    facts = [
        ("processor", processor_line().removeprefix("Processor: ")),
        ("prior", "InverseWishartPrior()"),
    ]
    return [Note(how, kind="plain"), Facts(facts)]
