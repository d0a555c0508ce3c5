"""A sweep of small cells, and what two of its tables must have in common."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pandas as pd

from experiments.config.load import parse_config

CONFIG = """
name = "made"
seed = 3
n_components = 2
engines = ["em"]

[data]
source = "synthetic"
n_samples = 60

[data.truth]
weights = [0.6, 0.4]
means = [[0.0, 0.0], [5.0, 1.0]]
covariances = [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.3], [0.3, 1.0]]]

[em]
n_init = 2
n_bootstrap = 4

[sweep]
seeds = 3

[sweep.over]
"data.n_samples" = [60, 80]
"em.init_params" = ["textbook", "auto"]
"""


def sweep_config(more: str = "", **sweep):
    values = tomllib.loads(CONFIG + more)
    values["sweep"].update(sweep)
    return parse_config(values, "made.toml")


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """A results table without what depends on the clock and the place."""
    return frame[[c for c in frame if "seconds" not in c and c != "host"]]


def assert_same_results(first: pd.DataFrame, second: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(numbers(first), numbers(second), check_exact=True)


def records(directory: Path) -> dict[str, bytes]:
    """The content of every cell's file, each of which must be whole."""
    found = {path.name: path.read_bytes() for path in (directory / "cells").glob("*/*.json")}
    for content in found.values():
        json.loads(content)
    return found
