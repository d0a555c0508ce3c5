"""Engines: what one owes, those that ship, fitting. Imports: datasets, config, values, core.

A package that brings its own engine needs `Fit` to return and `Section` for its settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.config.section import Section
    from experiments.engines.contract import Engine, Fit
    from experiments.engines.fit import fit_engines
    from experiments.engines.programs.ports import PortCheck, check_port
    from experiments.engines.registry import available_engines

__all__ = [
    "Engine",
    "Fit",
    "PortCheck",
    "Section",
    "available_engines",
    "check_port",
    "fit_engines",
]

_HOMES = {
    "Engine": "experiments.engines.contract",
    "Fit": "experiments.engines.contract",
    "PortCheck": "experiments.engines.programs.ports",
    "Section": "experiments.config.section",
    "available_engines": "experiments.engines.registry",
    "check_port": "experiments.engines.programs.ports",
    "fit_engines": "experiments.engines.fit",
}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
