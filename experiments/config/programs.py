"""The `[programs]` table of a config: one posterior by every program that is installed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from experiments.config.section import PositiveInt, Section


class ProgramsSettings(Section):
    """Which posteriors are drawn, and how long the chains are."""

    label: str = ""
    """What tables call the config's own data; by default the config's name."""
    also: dict[str, PositiveInt] = Field(default={})
    """Other configs whose data are fitted, too, by the name of one that ships or a path, and with
    how many components."""
    draws: Annotated[int, Field(ge=20)] = 1000
    """Draws of each of four chains, after as many that tune it."""
