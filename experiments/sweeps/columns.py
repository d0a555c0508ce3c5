"""The columns of the results table: every scalar of a comparison under a name, and what it is.

Names are those of the comparison's own value. Its `summary` comes first, engine by engine (see
summary.py), and the engines' seconds; then every other scalar under the path of its field, such as
``certificate.n_draws``, a list's items under what identifies them: ``verdict.ID``,
``log_likelihood.differences.A-B.mean``.
Vectors and matrices are no columns: ``sweep.keep = "comparison"`` keeps them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import singledispatch
from typing import Any

from pydantic import BaseModel

from experiments.analysis.summary import SUMMARY_COLUMNS, described_by
from experiments.values.base import ParameterValues
from experiments.values.comparison import ComparisonValues, Finding, ScoreDifference
from experiments.values.headline import Headline

Scalar = bool | int | float | str

# Fields whose scalars become columns. Those of the engines are in the summary, and the other
# fields hold no scalars.
WALKED = (
    "experiment",
    "seed",
    "n_components",
    "covariance_type",
    "dataset",
    "log_likelihood",
    "agreement",
    "certificate",
    "support",
    "headline",
    "verdict",
)

# The name of a list's item in a column. Lists of other items have no columns.
ITEMS: Mapping[type, Callable[[Any], str]] = {
    Finding: lambda finding: finding.id,
    ScoreDifference: lambda difference: f"{difference.first}-{difference.second}",
}
# Fields that are no columns: sentences, and what is in the column's name already.
LEFT_OUT = {
    (Finding, "id"),
    (Finding, "text"),
    (Headline, "text"),
    (Headline, "command"),
    (ScoreDifference, "first"),
    (ScoreDifference, "second"),
}


def scalars(comparison: ComparisonValues) -> dict[str, Scalar]:
    """Return every scalar of a comparison by column; what is null is absent."""
    found: dict[str, Scalar] = dict(comparison.summary)
    for name, engine in comparison.engines.items():
        found[f"{name}.seconds"] = engine.seconds
        found.update(_walk(engine.diagnostics.get("seconds"), f"{name}.diagnostics.seconds"))
    for name in WALKED:
        found.update(_walk(getattr(comparison, name), name))
    return found


@singledispatch
def _walk(value: object, name: str) -> Iterator[tuple[str, Scalar]]:
    """Yield the scalars of a value with their columns; of anything else than these kinds none."""
    yield from ()


@_walk.register(bool | int | float | str)
def _scalar(value: Scalar, name: str) -> Iterator[tuple[str, Scalar]]:
    yield name, value


@_walk.register
def _fields(value: BaseModel, name: str) -> Iterator[tuple[str, Scalar]]:
    for key, part in value:
        if (type(value), key) not in LEFT_OUT:
            yield from _walk(part, f"{name}.{key}")


@_walk.register
def _parameters(value: ParameterValues, name: str) -> Iterator[tuple[str, Scalar]]:
    yield from ()


@_walk.register
def _entries(value: Mapping, name: str) -> Iterator[tuple[str, Scalar]]:  # type: ignore[type-arg]
    for key, part in value.items():
        yield from _walk(part, f"{name}.{key}")


@_walk.register
def _items(value: list, name: str) -> Iterator[tuple[str, Scalar]]:  # type: ignore[type-arg]
    for item in value:
        if type(item) in ITEMS:
            yield from _walk(item, f"{name}.{ITEMS[type(item)](item)}")


# What they mean --------------------------------------------------------------------------------

# A cell's own columns, before those of its comparison.
CELL_COLUMNS = {
    "cell": "Address of the cell: hash of its resolved config, data file and code version.",
    "point": "Which point of the sweep's axes, counted from 0.",
    "replicate": "Which of the point's seeds, counted from 0.",
    "seed": "Seed of the cell, which determines every random number of it.",
    "status": "done or failed.",
    "error": "Of a failed cell, the error in one line; its traceback is in the cell's file.",
    "cell_seconds": "Wall-clock seconds of the whole cell on its worker.",
    "host": "Machine that the cell ran on.",
}

# Columns of `scalars` that are neither in the summary nor described by their field.
MORE_COLUMNS = {
    "{engine}.diagnostics.seconds.{part}": "{engine}: wall-clock seconds of its {part} alone.",
    "{engine}.seconds": "{engine}: wall-clock seconds of the fit.",
    "verdict.{finding}.level": "Verdict on {finding}: ok, warn or fail.",
    "verdict.{finding}.value": "The number that the verdict on {finding} judged.",
    "verdict.{finding}.threshold": "What the verdict on {finding} was judged by.",
}


def describe_column(name: str, axes: Mapping[str, str] | None = None) -> str:
    """Say in a sentence what a column holds.

    Parameters
    ----------
    name : str
    axes : mapping of str to str, optional
        The dotted keys that vary, each with its description.
    """
    if axes is not None and name in axes:
        return f"Varied: {axes[name]}"
    if name in CELL_COLUMNS:
        return CELL_COLUMNS[name]
    if text := _documented(name.split(".")):
        return text
    if text := described_by(MORE_COLUMNS | SUMMARY_COLUMNS, name):
        return text
    return f"{name.replace('.', ', ').replace('_', ' ').capitalize()}."


def _documented(parts: list[str]) -> str:
    """Return the docstring along the path of fields, where the last has one of its own."""
    model: Any = ComparisonValues
    texts: list[str] = []
    for part in parts:
        if not isinstance(model, type) or not issubclass(model, BaseModel):
            return _joined(texts, part)
        if part not in model.model_fields:
            return ""
        field = model.model_fields[part]
        texts.append((field.description or "").replace("\n", " "))
        model = _model_of(field.annotation)
    return _joined(texts, parts[-1])


def _joined(texts: list[str], last: str) -> str:
    """Join a field's docstring with those above it, for fields named like `mean` say little."""
    words = last.replace("_", " ")
    own = texts[-1] if texts else ""
    return own if own and not own.startswith("Null ") else f"{words.capitalize()}."


def _model_of(annotation: Any) -> Any:
    """Return the value's class inside an optional, a list or a dictionary of it."""
    inner = [part for part in getattr(annotation, "__args__", ()) if part is not type(None)]
    return _model_of(inner[-1]) if inner else annotation
