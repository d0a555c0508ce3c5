"""The results of a sweep as one table: a row for every cell, a column for every scalar."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.config.experiment import ExperimentConfig
from experiments.config.keys import descriptions_of
from experiments.core.errors import UsageError
from experiments.core.files import replacing
from experiments.storage.layout import RESULTS
from experiments.sweeps.columns import CELL_COLUMNS, describe_column
from experiments.sweeps.conclusion import conclusion_of_table
from experiments.sweeps.directory import FORMAT, Record, SweepDirectory, is_known
from experiments.sweeps.plan import Cell, Plan, make_plan

if TYPE_CHECKING:
    from experiments.config.sweep import SweepFigure

# Rows held at a time while the table is written.
BLOCK = 5000
METADATA = b"gmm-compare"
# What may have become of a cell.
STATUSES = ("done", "failed", "missing")


@dataclass(frozen=True)
class SweepResults:
    """What a sweep found, read back from its directory.

    Attributes
    ----------
    frame : DataFrame
        A row per cell in the order of the plan. Failed cells, and cells not yet run, have no
        values; ``status`` says which.
    axes : tuple of str
        The columns that vary.
    config : ExperimentConfig
        Of the sweep.
    descriptions : dict of str to str
        What each column holds.
    """

    frame: pd.DataFrame = field(repr=False)
    axes: tuple[str, ...]
    config: ExperimentConfig = field(repr=False)
    descriptions: dict[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        """Of the experiment."""
        return self.config.name

    @property
    def figure(self) -> SweepFigure | None:
        """What the config asks to be drawn."""
        return None if self.config.sweep is None else self.config.sweep.figure

    @property
    def done(self) -> pd.DataFrame:
        """The rows of the cells that are done."""
        return self.frame[self.frame["status"] == "done"]

    @property
    def counts(self) -> dict[str, int]:
        """How many cells are done, failed and missing."""
        found = self.frame["status"].value_counts()
        return {status: int(found.get(status, 0)) for status in STATUSES}

    @property
    def sentence(self) -> str:
        """How far the sweep is, and what its config concludes from it."""
        counts = self.counts
        total = len(self.frame)
        text = f"{self.name}: {counts['done']} of {total} cells done"
        text += f", {counts['failed']} failed" if counts["failed"] else ""
        text += "."
        conclusion = self.config.conclusion
        if conclusion is None or not counts["done"]:
            return text
        return f"{text} {conclusion_of_table(conclusion, self.frame)}"


def load_results(directory: str | Path) -> pd.DataFrame:
    """Read the results table of a sweep, finished or not.

    Parameters
    ----------
    directory : str or Path
        Of the sweep.

    Returns
    -------
    DataFrame
        A row per cell: `cell`, `point`, `replicate`, the axes under their dotted keys, `seed`,
        `status` (done, failed or missing), `error`, `cell_seconds`, and every scalar of the
        cell's comparison. ``frame.attrs["columns"]`` says what each column holds.

    Raises
    ------
    UsageError
        If there is no sweep, or it is another version's or damaged.
    """
    return read_results(directory).frame


def read_results(directory: str | Path) -> SweepResults:
    """Read the results of a sweep with what is needed to draw and describe them.

    Raises
    ------
    UsageError
        As `load_results`.
    """
    store = SweepDirectory(Path(directory))
    manifest = store.manifest()
    config = store.config()
    axes = tuple(config.sweep.over) if config.sweep is not None else ()
    path = store.path / RESULTS
    table = _read_table(path) if path.is_file() else None
    if table is None or not _is_current(table, manifest, axes):
        # The sweep still runs or was cut off. Its finished cells are read one by one.
        plan = make_plan(config, manifest["code"], manifest["files"])
        frame, descriptions = _assembled(store, plan)
    else:
        frame, descriptions = _to_pandas(table), _descriptions(table.schema)
    frame.attrs["columns"] = descriptions
    return SweepResults(frame, axes, config, descriptions)


def write_results(store: SweepDirectory, plan: Plan) -> Path:
    """Write the results table from the cells' files, some rows at a time."""
    path = store.path / RESULTS
    schema, counts = _schema(_rows(store, plan), plan)
    schema = schema.with_metadata({METADATA: json.dumps(_header(plan, counts)).encode()})
    # Arrow takes names of files in UTF-8 only, and open files whatever they are called.
    with (
        replacing(path) as scratch,
        scratch.open("wb") as file,
        pq.ParquetWriter(file, schema) as writer,
    ):
        rows = _rows(store, plan)
        while block := list(islice(rows, BLOCK)):
            writer.write_table(_block(block, schema))
    return path


# Rows ------------------------------------------------------------------------------------------


def _rows(store: SweepDirectory, plan: Plan) -> Iterator[Record]:
    for cell in plan.cells:
        yield _row(cell, store.read(cell.address))


def _row(cell: Cell, record: Record | None) -> Record:
    axes = {key: _plain(value) for key, value in cell.axes.items()}
    start = {"cell": cell.address, "point": cell.point, "replicate": cell.replicate, **axes}
    if record is None:
        return {**start, "seed": cell.seed, "status": "missing"}
    return {
        **record["values"],
        **start,
        "seed": cell.seed,
        "status": record["status"],
        "error": record["error"],
        "cell_seconds": record["seconds"],
        "host": record.get("host", ""),
    }


def _plain(value: Any) -> Any:
    """Write lists and tables as text: an axis is one column."""
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)


def _assembled(store: SweepDirectory, plan: Plan) -> tuple[pd.DataFrame, dict[str, str]]:
    schema, _ = _schema(_rows(store, plan), plan)
    blocks = []
    rows = _rows(store, plan)
    while block := list(islice(rows, BLOCK)):
        blocks.append(_block(block, schema))
    return _to_pandas(
        pa.Table.from_batches([], schema) if not blocks else pa.concat_tables(blocks)
    ), _descriptions(schema)


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _block(rows: list[Record], schema: pa.Schema) -> pa.Table:
    columns = [
        pa.array([_cast(row.get(entry.name), entry.type) for row in rows], entry.type)
        for entry in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _cast(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_string(kind):
        return value if isinstance(value, str) else json.dumps(value)
    return float(value) if pa.types.is_floating(kind) else value


# Columns ---------------------------------------------------------------------------------------

KINDS: Mapping[type, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
}


def _schema(rows: Iterable[Record], plan: Plan) -> tuple[pa.Schema, dict[str, int]]:
    """Return the columns of all rows with the narrowest type that holds each, and the counts."""
    first = ["cell", "point", "replicate", *_axes(plan), *list(CELL_COLUMNS)[3:]]
    kinds: dict[str, set[type]] = {name: set() for name in first}
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["status"]] = counts.get(row["status"], 0) + 1
        for name, value in row.items():
            kinds.setdefault(name, set()).add(type(value))
    axes = _axes(plan)
    entries = [
        pa.field(name, _kind(found), metadata={"description": describe_column(name, axes)})
        for name, found in kinds.items()
    ]
    return pa.schema(entries), counts


def _kind(found: set[type]) -> pa.DataType:
    if len(found) == 1:
        return KINDS[next(iter(found))]
    if found and found <= {int, float}:
        return pa.float64()
    return pa.string()


def _axes(plan: Plan) -> dict[str, str]:
    sweep = plan.config.sweep
    known = descriptions_of(ExperimentConfig)
    return {key: known.get(key, key) for key in (sweep.over if sweep else {})}


def _header(plan: Plan, counts: Mapping[str, int]) -> Record:
    return {"format": FORMAT, "name": plan.config.name, "plan": plan.digest, "counts": counts}


def _read_table(path: Path) -> pa.Table:
    try:
        with path.open("rb") as file:
            table = pq.read_table(file)
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UsageError(
            f"{path}: not a readable Parquet file ({reason}), allowed is the results table of a "
            "sweep: remove it, and it is written again from the cells"
        ) from None
    if not _is_ours(table):
        raise UsageError(
            f"{path}: not a results table of gmm-compare, allowed is one: remove it, and it is "
            "written again from the cells"
        )
    return table


def _is_ours(table: pa.Table) -> bool:
    """Say whether a table has the columns of every results table, and says so of itself."""
    schema = table.schema
    return (
        _header_of(table) is not None
        and set(CELL_COLUMNS) <= set(schema.names)
        and all(pa.types.is_string(schema.field(name).type) for name in ("cell", "status"))
        and all(pa.types.is_integer(schema.field(name).type) for name in ("point", "replicate"))
        and set(table["status"].unique().to_pylist()) <= set(STATUSES)
    )


def _header_of(table: pa.Table) -> Record | None:
    """Return what a results table says of itself; None of another table."""
    try:
        header = json.loads((table.schema.metadata or {})[METADATA])
        counts = header["counts"]
        return {**header, "missing": counts.get("missing", 0), "plan": header["plan"]}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _is_current(table: pa.Table, manifest: Record, axes: Iterable[str]) -> bool:
    header = _header_of(table) or {}
    return (
        is_known(header.get("format"))
        and header["plan"] == manifest["plan"]
        and not header["missing"]
        and set(axes) <= set(table.column_names)
    )


def _descriptions(schema: pa.Schema) -> dict[str, str]:
    return {
        entry.name: (entry.metadata or {}).get(b"description", b"").decode(errors="replace")
        for entry in schema
    }
