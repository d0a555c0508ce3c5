"""HTML pages and figures. Imports: sweeps, calibration, analysis and the rooms below them.

Pages are drawn from values alone: nothing here fits a mixture or reads data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.report.calibration import write_calibration_report
    from experiments.report.comparison.page import write_comparison_report
    from experiments.report.notebook import comparison_html, components_html
    from experiments.report.provenance import Provenance
    from experiments.report.saving import save_figure
    from experiments.report.selection import write_components_report
    from experiments.report.sweep.page import write_sweep_report

__all__ = [
    "Provenance",
    "comparison_html",
    "components_html",
    "save_figure",
    "write_calibration_report",
    "write_comparison_report",
    "write_components_report",
    "write_sweep_report",
]

_HOMES = {
    "Provenance": "experiments.report.provenance",
    "comparison_html": "experiments.report.notebook",
    "components_html": "experiments.report.notebook",
    "save_figure": "experiments.report.saving",
    "write_calibration_report": "experiments.report.calibration",
    "write_comparison_report": "experiments.report.comparison.page",
    "write_components_report": "experiments.report.selection",
    "write_sweep_report": "experiments.report.sweep.page",
}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
