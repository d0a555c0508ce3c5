"""What a TOML file may say about an experiment. Imports: core.

Each module is a table of the config; the experiments that ship with the package are in `shipped/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.config.experiment import COVARIANCE_NAMES, ExperimentConfig
    from experiments.config.ignored import NOT_OF_PROGRAMS, OF_A_SWEEP, refuse_ignored
    from experiments.config.keys import allowed_values, known_keys
    from experiments.config.load import (
        apply_override,
        load_config,
        parse_config,
        safe_name,
        shipped_configs,
    )
    from experiments.config.section import Section

__all__ = [
    "COVARIANCE_NAMES",
    "NOT_OF_PROGRAMS",
    "OF_A_SWEEP",
    "ExperimentConfig",
    "Section",
    "allowed_values",
    "apply_override",
    "known_keys",
    "load_config",
    "parse_config",
    "refuse_ignored",
    "safe_name",
    "shipped_configs",
]

_HOMES = {
    "COVARIANCE_NAMES": "experiments.config.experiment",
    "NOT_OF_PROGRAMS": "experiments.config.ignored",
    "OF_A_SWEEP": "experiments.config.ignored",
    "ExperimentConfig": "experiments.config.experiment",
    "Section": "experiments.config.section",
    "allowed_values": "experiments.config.keys",
    "apply_override": "experiments.config.load",
    "known_keys": "experiments.config.keys",
    "load_config": "experiments.config.load",
    "parse_config": "experiments.config.load",
    "refuse_ignored": "experiments.config.ignored",
    "safe_name": "experiments.config.load",
    "shipped_configs": "experiments.config.load",
}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
