"""How a run was made: what repeats it, from what, with which versions, and how long it took."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from experiments.report.page.blocks import Block, Code, Facts, Folded, Note
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
        """Read what a run directory says; what it does not have is left out."""
        environment, config = directory / ENVIRONMENT, directory / CONFIG
        return cls(
            json.loads(environment.read_bytes()) if environment.is_file() else {},
            config.read_text(encoding="utf-8") if config.is_file() else None,
        )


def provenance_blocks(comparison: ComparisonValues, made: Provenance) -> list[Block]:
    """Return what tells how a comparison was made, and a button that copies what repeats it."""
    call = _call(comparison, comparison.n_components, tuple(comparison.engines))
    times = [(f"{engine.title}, time", duration(engine.seconds))
             for engine in comparison.engines.values()]  # fmt: skip
    facts = [*_facts(comparison), *times, *environment_facts(made.environment)]
    return [*_repeat(call, made), Facts(facts), *_config(made)]


def choice_blocks(found: ComponentsValues, made: Provenance) -> list[Block]:
    """Return the same for a choice of the number of components."""
    engines = tuple(dict.fromkeys(criterion.engine for criterion in found.criteria))
    call = _call(found, found.n_components, engines)
    facts = [*_facts(found), *environment_facts(made.environment)]
    return [*_repeat(call, made), Facts(facts), *_config(made)]


def _call(
    values: ComparisonValues | ComponentsValues,
    n_components: int | list[int],
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
    return [
        Note("Made from Python; with the same rows and the same options, this repeats it:",
             kind="plain"),
        Code("command", f"from experiments import compare\n\ncomparison = {call}",
             "Copy the command"),
    ]  # fmt: skip


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
    """Write a time as a reader would say it."""
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def _config(made: Provenance) -> list[Block]:
    if made.config is None:
        return []
    code = Code("config", made.config, "Copy the config")
    return [Folded("The config, every default written out", [code])]
