"""Simulation-based calibration of a posterior.

Imports: engines, datasets, config, storage, values, core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.calibration.result import PAGE, Calibrated
    from experiments.calibration.run import run_calibration

__all__ = [
    "PAGE",
    "Calibrated",
    "run_calibration",
]

_HOMES = {
    "Calibrated": "experiments.calibration.result",
    "PAGE": "experiments.calibration.result",
    "run_calibration": "experiments.calibration.run",
}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
