"""Engines: what one owes, those that ship, fitting. Imports: datasets, config, values, core.

A package that brings its own engine needs `Fit` to return and `Section` for its settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.config.section import Section
    from experiments.engines.contract import Engine, Fit
    from experiments.engines.drawn import fit_of_draws
    from experiments.engines.fit import fit_engines
    from experiments.engines.programs.ports import PortCheck, check_port
    from experiments.engines.programs.settings import ProgramSettings, model_in_numbers
    from experiments.engines.registry import available_engines

__all__ = [
    "Engine",
    "Fit",
    "PortCheck",
    "ProgramSettings",
    "Section",
    "available_engines",
    "check_port",
    "fit_engines",
    "fit_of_draws",
    "model_in_numbers",
]

_HOMES = {
    "Engine": "experiments.engines.contract",
    "Fit": "experiments.engines.contract",
    "PortCheck": "experiments.engines.programs.ports",
    "ProgramSettings": "experiments.engines.programs.settings",
    "Section": "experiments.config.section",
    "available_engines": "experiments.engines.registry",
    "check_port": "experiments.engines.programs.ports",
    "fit_engines": "experiments.engines.fit",
    "fit_of_draws": "experiments.engines.drawn",
    "model_in_numbers": "experiments.engines.programs.settings",
}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
