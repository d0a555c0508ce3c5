"""Run directories on disk: written whole or not at all, never over somebody's work."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from experiments.errors import UsageError

if TYPE_CHECKING:
    from experiments.comparison import Comparison
    from experiments.components import ComponentsComparison

COMPARISON, CONFIG, ENVIRONMENT = "comparison.json", "config.toml", "environment.json"
COMPONENTS = "components.json"
POSTERIOR, REPORT = "posterior.nc", "report.html"

PACKAGES = ("gmm-compare", "numpy", "scipy", "pymc", "nutpie", "numba", "arviz", "xarray", "plotly")


def check_target(directory: Path) -> None:
    """Refuse a place where a run directory must not go, before any work is done.

    Raises
    ------
    UsageError
        If the path, or a folder above it, is a file, or the folder holds something else than
        an earlier run.
    """
    for folder in (directory, *directory.parents):
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder}: is a file, allowed is a folder for the run")
    if directory.is_dir() and any(directory.iterdir()) and not _values(directory).is_file():
        raise UsageError(
            f"{directory}: holds files that are not a run's, allowed is a new or empty folder "
            "or that of an earlier run"
        )


def folder_of(n_components: int) -> str:
    """Return where a run over several numbers of components keeps the comparison of one."""
    return f"K{n_components}"


def _values(directory: Path) -> Path:
    """Return the file that makes a folder a run's."""
    several = directory / COMPONENTS
    return several if several.is_file() else directory / COMPARISON


def write_run(
    directory: Path, comparison: Comparison | ComponentsComparison, config: str | None = None
) -> Path:
    """Write a run directory so that it appears complete or not at all.

    An earlier run in its place is replaced when it came from the same config and data with the
    same versions, and so holds the same numbers; any other is moved aside to ``NAME-1``,
    ``NAME-2``, and so on.

    Parameters
    ----------
    directory : Path
    comparison : Comparison or ComponentsComparison
    config : str, optional
        Text of the resolved config.

    Raises
    ------
    UsageError
        If `check_target` refuses the directory.
    """
    check_target(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with _scratch_folder(directory) as scratch:
        found = {**environment(), "seconds": comparison.seconds}
        (scratch / ENVIRONMENT).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        if config is not None:
            (scratch / CONFIG).write_text(config, encoding="utf-8")
        comparison.write_into(scratch)
        write_run_report(comparison, scratch)
        for file in scratch.rglob("*"):
            if file.is_file():
                _flush(file)
        _put_in_place(scratch, directory)
    return directory


def write_run_report(comparison: Comparison | ComponentsComparison, directory: Path) -> Path:
    """Write the page of a run directory, with what the directory says about how it was made."""
    from experiments.comparison import Comparison
    from experiments.report.components import write_components_report
    from experiments.report.page import write_report
    from experiments.report.provenance import Provenance

    made = Provenance.of_run(directory)
    if not isinstance(comparison, Comparison):
        return write_components_report(comparison, directory / REPORT, made)
    return write_report(comparison, directory / REPORT, made)


def read_run(directory: Path) -> Comparison | ComponentsComparison:
    """Read what a run directory holds: a comparison, or those at several numbers of components.

    Raises
    ------
    UsageError
        If there is none, or it is not one that this version can read.
    """
    if not (directory / COMPONENTS).is_file():
        return read_comparison(directory)
    from experiments.components import ComponentsComparison

    found = _read(directory / COMPONENTS, ComponentsComparison)
    fitted = [k for k in found.n_components if str(k) not in found.failures]
    return found.with_comparisons({k: read_comparison(directory / folder_of(k)) for k in fitted})


def read_comparison(directory: Path) -> Comparison:
    """Read the comparison of a directory that holds one; as `read_run`."""
    from experiments.comparison import Comparison

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


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path` to write to, renamed to `path` when all is well."""
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        yield scratch
        _flush(scratch)
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


@contextmanager
def _scratch_folder(directory: Path) -> Iterator[Path]:
    # A sibling: a rename is atomic only within one file system.
    scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        scratch.chmod(0o777 & ~_umask())
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _put_in_place(scratch: Path, directory: Path) -> None:
    if not directory.exists():
        scratch.rename(directory)
        return
    if not any(directory.iterdir()):
        directory.rmdir()
        scratch.rename(directory)
        return
    aside = free_name(directory)
    repeated = _recipe(scratch) == _recipe(directory)
    directory.rename(aside)
    scratch.rename(directory)
    if repeated:
        shutil.rmtree(aside)


def _recipe(directory: Path) -> object:
    """Return what determines a run's numbers: config, data and versions."""
    try:
        comparison = json.loads(_values(directory).read_bytes())
        environment = json.loads((directory / ENVIRONMENT).read_bytes())
        config = (directory / CONFIG).read_text(encoding="utf-8")
        return config, comparison["dataset"]["sha256"], environment["versions"]
    except (OSError, ValueError, KeyError, TypeError):
        # Incomplete or foreign: equal to nothing, so that it is kept.
        return object()


def free_name(directory: Path) -> Path:
    """Return a name beside a directory that is not taken: ``NAME-1``, ``NAME-2`` and so on."""
    number = 1
    while (candidate := directory.with_name(f"{directory.name}-{number}")).exists():
        number += 1
    return candidate


def environment() -> dict[str, Any]:
    """Return what made a result: when, by which command, where, and with which versions."""
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        # `python -m experiments` is the same program.
        "command": [Path(sys.argv[0]).name.replace("__main__.py", "gmm-compare"), *sys.argv[1:]],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _flush(file: Path) -> None:
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
