"""Sweeps and data at their promised size, and a cost model. Imports: api and the rooms below it.

``gmm-compare bench scale`` calls `main`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.benchmarks.scale.tables import main

__all__ = ["main"]

_HOMES = {"main": "experiments.benchmarks.scale.tables"}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
