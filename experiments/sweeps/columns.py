"""The columns of the results table: every scalar of a comparison under a name, and what it is.

Names are those of the comparison's own value. Its `summary` comes first, engine by engine (see
summary.py), and the engines' seconds; then every other scalar under the path of its field, such as
``certificate.n_draws``, a list's items under what identifies them: ``verdict.ID``,
``log_likelihood.differences.A-B.mean``.
Vectors and matrices are no columns: ``sweep.keep = "comparison"`` keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from experiments.values.base import ParameterValues
from experiments.values.comparison import ComparisonValues, Finding, ScoreDifference

Scalar = bool | int | float | str

# Walked field by field; engines are in the summary, and the rest are no scalars.
WALKED = (
    "experiment", "seed", "n_components", "covariance_type", "dataset", "log_likelihood",
    "agreement", "certificate", "verdict",
)  # fmt: skip

# What an item of a list is called, where a list has columns at all.
ITEMS: Mapping[type, Callable[[Any], str]] = {
    Finding: lambda finding: finding.id,
    ScoreDifference: lambda difference: f"{difference.first}-{difference.second}",
}
# Sentences are for reading, not for tables.
LEFT_OUT = {(Finding, "id"), (Finding, "text"), (ScoreDifference, "first"),
            (ScoreDifference, "second")}  # fmt: skip


def scalars(comparison: ComparisonValues) -> dict[str, Scalar]:
    """Return every scalar of a comparison by column; what is null is absent."""
    found: dict[str, Scalar] = dict(comparison.summary)
    for name, engine in comparison.engines.items():
        found[f"{name}.seconds"] = engine.seconds
        found.update(_walk(engine.diagnostics.get("seconds"), f"{name}.diagnostics.seconds"))
    for name in WALKED:
        found.update(_walk(getattr(comparison, name), name))
    return found


def _walk(value: Any, name: str) -> Iterator[tuple[str, Scalar]]:
    if isinstance(value, bool | int | float | str):
        yield name, value
    elif isinstance(value, ParameterValues):
        return
    elif isinstance(value, BaseModel):
        for key, part in value:
            if (type(value), key) not in LEFT_OUT:
                yield from _walk(part, f"{name}.{key}")
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _walk(part, f"{name}.{key}")
    elif isinstance(value, list):
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

# Names of the summary, the first that matches; {0} and so on are the groups.
SUMMARY = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"(.+)\.errors\.(.+)\.(mean|max)", "{0}: {1} of the components from the truth's, {2}."),
        (r"(.+)\.errors\.(.+)", "{0}: {1} of the parameters from the truth's."),
        (r"(.+)\.density\.(.+)\.se", "{0}: Monte Carlo standard error of {0}.density.{1}."),
        (r"(.+)\.density\.(.+)", "{0}: distance of the density from the truth's, {1}."),
        (r"(.+)\.clustering\.adjusted_rand", "{0}: adjusted Rand index of the labels of the "
         "fitted rows and the truth's optimal ones."),
        (r"(.+)\.clustering\.agreement", "{0}: share of rows labelled as the truth would."),
        (r"(.+)\.clustering\.regret", "{0}: probability of a right label lost per row."),
        (r"(.+)\.coverage\.(.+)", "{0}: share of true parameters inside its {1} % intervals."),
        (r"(em|bayes|[^.]+)\.log_likelihood\.train", "{0}: log-likelihood of the fitted rows."),
        (r"(em|bayes|[^.]+)\.log_likelihood\.test", "{0}: log-likelihood of the rows held out."),
        (r"(.+)\.matching\.(.+)", "{0}: how unsure the matching of components is, {1}: 0 certain, "
         "1 a tie."),
        (r"(.+)\.diagnostics\.seconds\.(.+)", "{0}: wall-clock seconds of its {1} alone."),
        (r"(.+)\.diagnostics\.(.+)", "{0}: the engine's diagnostic {1}."),
        (r"(.+)\.seconds", "{0}: wall-clock seconds of the fit."),
        (r"agreement\.sd_ratio\.(.+)\.(median|mean)", "EM's {0} standard error over the "
         "posterior's standard deviation, {1} over the parameters (mean: geometric)."),
        (r"agreement\.joint\.tail", "Share of a normal posterior farther from its mean than EM."),
        (r"certificate\.deviance_ratio", "deviance_mean over the number of parameters: tends to "
         "1."),
        (r"loo\.elpd", "Leave-one-out expected log predictive density of the posterior."),
        (r"loo\.se", "Standard error of loo.elpd."),
        (r"verdict\.([^.]+)\.level", "Verdict on {0}: ok, warn or fail."),
        (r"verdict\.([^.]+)\.value", "The number that the verdict on {0} judged."),
        (r"verdict\.([^.]+)\.threshold", "What the verdict on {0} was judged by."),
    )
)  # fmt: skip


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
    for pattern, text in SUMMARY:
        if match := pattern.fullmatch(name):
            return text.format(*match.groups())
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
