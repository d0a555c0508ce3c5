"""What a sweep consists of: its points, its cells, and the address of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from experiments.config.data import FileData
from experiments.config.experiment import ExperimentConfig
from experiments.config.load import parse_config, set_key
from experiments.config.sweep import Range, SweepSettings
from experiments.core.code_version import code_version
from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.engines.registry import engine_versions, make_engine

Point = dict[str, Any]

# Tables of the config that speak of the sweep as a whole.
NOT_OF_A_CELL = {"sweep", "quick", "conclusion"}


@dataclass(frozen=True)
class Cell:
    """One experiment of a sweep.

    Attributes
    ----------
    index : int
        Its place in the results table.
    point : int
        Which point of the axes, counted from 0.
    replicate : int
        Which seed, counted from 0.
    axes : dict
        The dotted keys that vary and their values here.
    seed : int
    address : str
        Hash of everything that determines its numbers.
    """

    index: int
    point: int
    replicate: int
    axes: Point
    seed: int
    address: str


@dataclass(frozen=True)
class Plan:
    """A sweep, checked cell by cell.

    Attributes
    ----------
    config : ExperimentConfig
        With a ``[sweep]`` table.
    cells : list of Cell
        Points in the order of the axes, the last of which moves fastest; a point's seeds
        together.
    code : str
        Version of the code that the addresses are valid for.
    files : dict of str to str
        SHA-256 of each data file that a cell reads.
    """

    config: ExperimentConfig
    cells: list[Cell] = field(repr=False)
    code: str
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """Hash of all addresses in order: the same for the same results table."""
        digest = hashlib.sha256()
        for cell in self.cells:
            digest.update(cell.address.encode())
        return digest.hexdigest()

    def config_of(self, cell: Cell) -> ExperimentConfig:
        """Return the config of one cell, which is an experiment of its own."""
        return _resolve(self.config, cell.axes, cell.seed)


def make_plan(
    config: ExperimentConfig, code: str | None = None, files: dict[str, str] | None = None
) -> Plan:
    """Lay out a sweep and check the config of every cell before any is run.

    Parameters
    ----------
    config : ExperimentConfig
        With a ``[sweep]`` table.
    code, files : optional
        Of a sweep made earlier, to find its cells; by default those of now.

    Raises
    ------
    UsageError
        If there is no ``[sweep]`` table, a key does not exist, a value is not allowed in some
        cell, or a data file cannot be read.
    """
    if config.sweep is None:
        raise UsageError(f"{config.name}: no [sweep] table in the config, allowed is one with it")
    code = code_version() if code is None else code
    files = {} if files is None else dict(files)
    seeds = replicate_seeds(config.seed, config.sweep.seeds)
    cells: list[Cell] = []
    for number, axes in enumerate(points(config.sweep, config.seed)):
        # The seeds of a point differ in nothing else, so that one config is checked for all.
        resolved = _resolve(config, axes, seeds[0])
        for name in resolved.engines:
            make_engine(name, resolved.engine_options(name))
        content = _content(resolved, code, files, config.sweep.keep)
        for replicate, seed in enumerate(seeds):
            content["config"]["seed"] = seed
            cells.append(Cell(len(cells), number, replicate, axes, seed, _address(content)))
    return Plan(config, cells, code, files)


def points(sweep: SweepSettings, seed: int) -> Iterator[Point]:
    """Yield the points of the axes; `seed` determines a random sweep's."""
    if sweep.mode == "random":
        # Each axis has a stream of its own, so that another axis or more points leave these points
        # as they were.
        axes = [_drawn(key, axis, sweep.n_points or 0, seed) for key, axis in sweep.over.items()]
    else:
        axes = [axis for axis in sweep.over.values() if isinstance(axis, list)]
    rows = product(*axes) if sweep.mode == "grid" else zip(*axes, strict=True)
    for row in rows:
        yield dict(zip(sweep.over, row, strict=True))


def replicate_seeds(seed: int, seeds: int | list[int]) -> list[int]:
    """Return the replicates' seeds: the config's own first, then ones derived from it.

    More replicates leave the earlier ones as they were.
    """
    if isinstance(seeds, list):
        return seeds
    return [seed, *(_derived(seed, i) for i in range(1, seeds))]


def _derived(seed: int, replicate: int) -> int:
    (state,) = stream(seed, f"replicate {replicate}").generate_state(1, np.uint64)
    # Every reader of JSON and Parquet keeps whole numbers of this many bits.
    return int(state >> np.uint64(11))


def _drawn(key: str, axis: list[Any] | Range, n_points: int, seed: int) -> list[Any]:
    uniform = np.random.default_rng(stream(seed, f"sweep {key}")).random(n_points)
    if isinstance(axis, list):
        return [axis[int(u * len(axis))] for u in uniform]
    whole = isinstance(axis.low, int) and isinstance(axis.high, int)
    # One more than the last whole number, so that it is as likely as the others.
    low, high = float(axis.low), float(axis.high) + (1.0 if whole else 0.0)
    values = low * (high / low) ** uniform if axis.log else low + (high - low) * uniform
    return [int(min(value, axis.high)) if whole else float(value) for value in values]


def _resolve(config: ExperimentConfig, axes: Point, seed: int) -> ExperimentConfig:
    # Only what was written is kept, because a default may depend on the kind that an axis chooses.
    values = config.model_dump(exclude_unset=True, exclude=NOT_OF_A_CELL)
    where = ", ".join(f"{key} = {value!r}" for key, value in axes.items())
    origin = f"{config.name}, cell with {where or f'seed {seed}'}"
    for key, value in axes.items():
        set_key(values, key, deepcopy(value), origin)
    values["seed"] = seed
    return parse_config(values, origin)


def _content(
    config: ExperimentConfig, code: str, files: dict[str, str], keep: str
) -> dict[str, Any]:
    """Return all that determines a cell's numbers."""
    content: dict[str, Any] = {
        "code": code,
        "config": config.model_dump(mode="json", exclude={*NOT_OF_A_CELL, "description"}),
        "keep": keep,
    }
    if isinstance(config.data, FileData):
        path = config.data.path
        if path not in files:
            files[path] = _hash_of(Path(path))
        content["file"] = files[path]
        # The rows determine the numbers. The place of the file does not.
        content["config"]["data"].pop("path")
    if engines := engine_versions(config.engines):
        content["engines"] = engines
    return content


def _address(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _hash_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: data file cannot be read: {error.strerror or error}") from None
