"""Runs read back from their folders."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ValidationError

from experiments.api.comparison import Comparison
from experiments.api.components import ComponentsComparison
from experiments.core.errors import UsageError
from experiments.storage.layout import COMPARISON, COMPONENTS, folder_of


def read_run(directory: Path) -> Comparison | ComponentsComparison:
    """Read what a run directory holds: a comparison, or those at several numbers of components.

    Raises
    ------
    UsageError
        If there is none, or it is not one that this version can read.
    """
    if not (directory / COMPONENTS).is_file():
        return read_comparison(directory)
    found = _read(directory / COMPONENTS, ComponentsComparison)
    fitted = [k for k in found.n_components if str(k) not in found.failures]
    return found.with_comparisons({k: read_comparison(directory / folder_of(k)) for k in fitted})


def read_comparison(directory: Path) -> Comparison:
    """Read the comparison of a directory that holds one; as `read_run`."""
    path = directory / COMPARISON
    if not path.is_file():
        raise UsageError(f"{directory}: no {COMPARISON} in it, allowed is a run directory")
    return _read(path, Comparison)


def _read[M: BaseModel](path: Path, model: type[M]) -> M:
    try:
        return model.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(
            f"{path}: not a comparison of this version: {key}: {first['msg']}"
        ) from None
