"""Configs from files, from the shipped experiments and from overrides."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from experiments.config.data import FileData
from experiments.config.experiment import ExperimentConfig
from experiments.config.limits import MAX_DEPTH, refuse_beyond_storage
from experiments.config.messages import describe
from experiments.core.errors import UsageError


def shipped_configs() -> dict[str, str]:
    """Return the text of each config that ships with the package, by name."""
    folder = resources.files("experiments.config") / "shipped"
    return {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    }


def load_config(
    source: str | Path, overrides: Sequence[str] = (), quick: bool = False
) -> ExperimentConfig:
    """Read and validate a config.

    Parameters
    ----------
    source : str or Path
        A path to a TOML file, or the name of a shipped config.
    overrides : sequence of str
        ``KEY=VALUE`` strings; a dotted key reaches into tables, a value is read as TOML
        and, where it is none, as a string.
    quick : bool, default False
        Whether the config's ``[quick]`` table is applied, before `overrides`.

    Raises
    ------
    UsageError
        If there is no such config, it is not TOML, or a key or value is not allowed.
    """
    text, origin, folder = _find(source)
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{origin}: not valid TOML: {_why_no_toml(error)}") from None
    if quick:
        _apply_quick(values, origin)
    for override in overrides:
        apply_override(values, override)
    return _with_paths(parse_config(values, origin), folder)


def safe_name(text: str) -> str:
    """Turn any text into a name that an experiment may have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "experiment"


def _why_no_toml(error: Exception) -> str:
    """Say what is wrong with a text; an error that is none of TOML's syntax is about its size."""
    if isinstance(error, RecursionError):
        return f"nested more than {MAX_DEPTH} deep"
    if isinstance(error, tomllib.TOMLDecodeError):
        return str(error)
    return "a number with too many digits"


def parse_config(values: Mapping[str, Any], origin: str) -> ExperimentConfig:
    """Validate the values of a config; `origin` is what errors call it."""
    refuse_beyond_storage(values, origin)
    try:
        return ExperimentConfig.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{origin}: {describe(error, ExperimentConfig)}") from None


def _find(source: str | Path) -> tuple[str, str, Path]:
    path = Path(source)
    shipped = shipped_configs()
    if str(source) in shipped:
        return shipped[str(source)], f"{source} (shipped)", Path.cwd()
    if path.is_file():
        try:
            return path.read_text(encoding="utf-8"), str(path), path.parent
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: cannot be read as text: {error}") from None
    names = ", ".join(shipped)
    near = difflib.get_close_matches(str(source), shipped, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    raise UsageError(
        f"{source}: no such config{hint}: give a TOML file's path or one of {names}"
    ) from None


def apply_override(values: dict[str, Any], override: str) -> None:
    """Set what a ``KEY=VALUE`` string says; see :func:`load_config`."""
    key, sign, text = override.partition("=")
    parts = key.strip().split(".")
    if not sign or not all(parts):
        raise UsageError(f"--set {override}: allowed is KEY=VALUE, for example em.n_init=5")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--set {key.strip()}: {_why_no_toml(error)}") from None
    set_key(values, key.strip(), value, f"--set {override}")


def set_key(values: dict[str, Any], key: str, value: Any, origin: str) -> None:
    """Set a dotted key of nested tables; `origin` is what an error calls the setting."""
    *tables, last = key.split(".")
    table = values
    for part in tables:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise UsageError(f"{origin}: '{part}' is a value, not a table of keys")
    table[last] = value


def _apply_quick(values: dict[str, Any], origin: str) -> None:
    changes = values.get("quick", {})
    if not isinstance(changes, dict):
        raise UsageError(f"{origin}: quick = {changes!r}: allowed is a table")
    for key, value in changes.items():
        *tables, last = key.split(".")
        found: Any = values
        for part in tables:
            found = found.get(part, {}) if isinstance(found, dict) else {}
        before = found.get(last) if isinstance(found, dict) else None
        set_key(values, key, _merged(before, value), f"{origin}: quick.{key}")


def _merged(before: Any, change: Any) -> Any:
    if not isinstance(before, dict) or not isinstance(change, dict):
        return change
    return {**before, **{key: _merged(before.get(key), value) for key, value in change.items()}}


def _resolved(folder: Path, path: Any) -> Any:
    """Let a relative path start at a folder; what is no path is refused with its cell."""
    usable = isinstance(path, str) and "\0" not in path
    return str((folder / path).resolve()) if usable else path


def _with_paths(config: ExperimentConfig, folder: Path) -> ExperimentConfig:
    """Let the relative paths of a config start at its own folder."""
    changes: dict[str, Any] = {}
    if isinstance(config.data, FileData):
        path = str((folder / config.data.path).resolve())
        changes["data"] = config.data.model_copy(update={"path": path})
    if config.sweep is not None and isinstance(paths := config.sweep.over.get("data.path"), list):
        over = {**config.sweep.over, "data.path": [_resolved(folder, path) for path in paths]}
        changes["sweep"] = config.sweep.model_copy(update={"over": over})
    if config.programs is not None:
        also = {
            _resolved(folder, source) if source.endswith(".toml") else source: k
            for source, k in config.programs.also.items()
        }
        changes["programs"] = config.programs.model_copy(update={"also": also})
    return config.model_copy(update=changes)
