"""How a run was made: what repeats it, its data, the versions used, and how long it took."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

from experiments.core.errors import UsageError
from experiments.report.page.blocks import Block, Code, Facts, FileLink, Folded, Note
from experiments.storage.layout import CONFIG, ENVIRONMENT
from experiments.values.comparison import ComparisonValues
from experiments.values.components import ComponentsValues


@dataclass(frozen=True)
class Provenance:
    """What a run directory knows beside the comparison.

    Attributes
    ----------
    environment : mapping
        Contents of `environment.json`.
    config : str, optional
        Text of the resolved config.
    """

    environment: Mapping[str, Any] = field(default_factory=dict)
    config: str | None = None

    @classmethod
    def of_run(cls, directory: Path) -> Self:
        """Read the files of a run directory; those that it lacks are left out.

        Raises
        ------
        UsageError
            If one of them is damaged.
        """
        environment, config = directory / ENVIRONMENT, directory / CONFIG
        return cls(
            environment=_read_environment(environment) if environment.is_file() else {},
            config=_read_config(config) if config.is_file() else None,
        )


def _read_environment(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON: {error}") from None
    refuse_foreign_environment(found, str(path))
    return cast("dict[str, Any]", found)


def refuse_foreign_environment(found: object, origin: str) -> None:
    """Refuse what does not say how a result was made as `experiments.storage.environment` does.

    Raises
    ------
    UsageError
        Where `origin` is what the error calls it.
    """
    kinds = {"command": list, "versions": dict, "python": str, "platform": str, "written": str}
    if not isinstance(found, dict) or not all(
        isinstance(found.get(key, kind()), kind) for key, kind in kinds.items()
    ):
        raise UsageError(
            f"{origin}: does not say how a result was made, allowed is what gmm-compare wrote there"
        )


def _read_config(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
        tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a config in TOML: {error}") from None
    return text


def provenance_blocks(comparison: ComparisonValues, made: Provenance) -> list[Block]:
    """Return the blocks that say how a comparison was made, with a command that repeats it."""
    call = _call(comparison, comparison.n_components, tuple(comparison.engines))
    engines = comparison.engines.values()
    times = [(f"{engine.title}, time", duration(engine.seconds)) for engine in engines]
    facts = [*_facts(comparison), *times, *environment_facts(made.environment)]
    return [*_repeat(call, made), Facts(facts), *_config(made)]


def choice_blocks(found: ComponentsValues, made: Provenance) -> list[Block]:
    """Return the same blocks for a choice of the number of components."""
    engines = tuple(dict.fromkeys(criterion.engine for criterion in found.criteria))
    drawn = found.posterior_of_k is not None
    call = _call(found, "'auto'" if drawn else found.n_components, engines)
    facts = [*_facts(found), *environment_facts(made.environment)]
    return [*_repeat(call, made), Facts(facts), *_config(made)]


def _call(
    values: ComparisonValues | ComponentsValues,
    n_components: int | list[int] | str,
    engines: tuple[str, ...],
) -> str:
    structure = values.covariance_type
    more = "" if structure == "full" else f", covariance_type={structure!r}"
    return f"compare(X, n_components={n_components}, engines={engines!r}{more}, seed={values.seed})"


def _repeat(call: str, made: Provenance) -> list[Block]:
    if made.config is not None:
        return [
            Note("In the folder of this report, this repeats every number:", kind="plain"),
            Code("command", "gmm-compare run config.toml --out repeated", "Copy the command"),
        ]
    note = "Made from Python; with the same rows and the same options, this repeats it:"
    code = f"from experiments import compare\n\ncomparison = {call}"
    return [Note(note, kind="plain"), Code("command", code, "Copy the command")]


def _facts(values: ComparisonValues | ComponentsValues) -> list[tuple[str, str]]:
    data = values.dataset
    return [
        ("seed", str(values.seed)),
        ("data", f"{data.name}: {data.n_samples} rows, {data.n_features} features"),
        ("data, SHA-256", data.sha256),
    ]


def environment_facts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what `environment.json` says: the command, when, where, and with which versions."""
    facts = []
    if "command" in found:
        facts.append(("made by", shlex.join(map(str, found["command"]))))
    if "written" in found:
        facts.append(("made at", str(found["written"])))
    if "python" in found:
        machine = f"Python {found['python']} on {found.get('platform', 'an unknown platform')}"
        facts.append(("machine", f"{machine}, {found.get('cpus', '?')} processors"))
    if "versions" in found:
        versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        facts.append(("versions", versions))
    return facts


def duration(seconds: float) -> str:
    """Write a time in seconds, or in minutes where it is long."""
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def _config(made: Provenance) -> list[Block]:
    if made.config is None:
        return []
    code = Code("config", made.config, "Copy the config")
    return [
        FileLink("config.toml, beside this page", CONFIG),
        Folded("The config, every default written out", [code]),
    ]
