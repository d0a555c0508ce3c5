"""The experiment config: its schema, its defaults, and how it is found and read."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import Field, ValidationError, model_validator

from experiments.config_base import PositiveInt, Section
from experiments.config_conclusion import Conclusion
from experiments.config_data import Data, FileData
from experiments.config_engines import BayesSettings, EMSettings
from experiments.config_errors import describe
from experiments.config_sweep import SweepSettings
from experiments.errors import UsageError


class ExperimentConfig(Section):
    """One experiment: data, number of components, and how each engine fits them."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Name of the experiment, also of its run directory: letters, digits, '.', '_' and '-'."""
    description: str = ""
    """The question that the experiment asks."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Determines every random number of the run."""
    n_components: PositiveInt | Annotated[list[PositiveInt], Field(min_length=1)]
    """Number of mixture components K; of several, each is fitted, and criteria choose."""
    covariance_type: Literal["full", "tied", "diag", "spherical"] = "full"
    """What the covariances of every fit leave free, as in scikit-learn."""
    engines: list[str] = Field(default=["em", "bayes"], min_length=1)
    """What is fitted and compared: em, bayes, sklearn, sklearn-bayes, kmeans, or a plug-in."""
    data: Data
    """What is fitted to."""
    em: EMSettings = EMSettings()
    """The maximum-likelihood fit."""
    bayes: BayesSettings = BayesSettings()
    """The posterior."""
    settings: dict[str, dict[str, Any]] = Field(default={})
    """Settings of the other engines, a table under each one's name."""

    thresholds: dict[str, list[float]] = Field(default={})
    """Entries of the verdict's table of thresholds to replace, each [warn, fail]."""
    sweep: SweepSettings | None = None
    """Makes the config a sweep: many experiments with something varied."""
    conclusion: Conclusion | None = None
    """What the one sentence at the end of a sweep is about."""
    quick: dict[str, Any] = Field(default={})
    """What `--quick` changes: dotted keys and their values; a table adds to the one it meets."""

    def engine_options(self, name: str) -> dict[str, Any]:
        """Return the settings of an engine, as its own schema expects them."""
        own: dict[str, Section] = {"em": self.em, "bayes": self.bayes}
        return own[name].model_dump() if name in own else self.settings.get(name, {})

    @property
    def kind(self) -> str:
        """What running it means: "sweep", "choose-k" (several numbers of components) or "run"."""
        if self.sweep is not None:
            return "sweep"
        return "run" if isinstance(self.n_components, int) else "choose-k"

    @model_validator(mode="after")
    def _engines_once(self) -> Self:
        if len(set(self.engines)) < len(self.engines):
            raise ValueError(f"engines: {self.engines} names an engine twice")
        if unused := sorted(set(self.settings) - set(self.engines)):
            raise ValueError(f"settings.{unused[0]}: no such engine among {self.engines}")
        return self

    def to_toml(self) -> str:
        """Return the config with every default written out, as a TOML document."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))


def shipped_configs() -> dict[str, str]:
    """Return the text of each config that ships with the package, by name."""
    folder = resources.files("experiments") / "configs"
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
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{origin}: not valid TOML: {error}") from None
    if quick:
        _apply_quick(values, origin)
    for override in overrides:
        apply_override(values, override)
    return _with_paths(parse_config(values, origin), folder)


def safe_name(text: str) -> str:
    """Turn any text into a name that an experiment may have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "experiment"


def parse_config(values: Mapping[str, Any], origin: str) -> ExperimentConfig:
    """Validate the values of a config; `origin` is what errors call it."""
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


def _with_paths(config: ExperimentConfig, folder: Path) -> ExperimentConfig:
    """Let the relative paths of a config start at its own folder."""
    changes: dict[str, Any] = {}
    if isinstance(config.data, FileData):
        path = str((folder / config.data.path).resolve())
        changes["data"] = config.data.model_copy(update={"path": path})
    if config.sweep is not None and isinstance(paths := config.sweep.over.get("data.path"), list):
        over = {**config.sweep.over, "data.path": [str((folder / p).resolve()) for p in paths]}
        changes["sweep"] = config.sweep.model_copy(update={"over": over})
    return config.model_copy(update=changes)
