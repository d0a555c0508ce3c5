"""What a TOML file may say about an experiment. Imports: core.

Each module is a table of the config; the experiments that ship with the package are in `shipped/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.config.experiment import ExperimentConfig
    from experiments.config.load import load_config
    from experiments.config.section import Section

__all__ = [
    "ExperimentConfig",
    "Section",
    "load_config",
]

_HOMES = {
    "ExperimentConfig": "experiments.config.experiment",
    "Section": "experiments.config.section",
    "load_config": "experiments.config.load",
}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
