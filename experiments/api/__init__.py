"""What a notebook holds. Imports: every room below.

A `Comparison` knows its values, its fits, its pages and its folders. No room below knows all of
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.analysis.headline import conclusion_of_comparison
    from experiments.api.comparing import compare, compare_fits
    from experiments.api.comparison import Comparison
    from experiments.api.components import ComponentsComparison
    from experiments.api.foreseeing import foresee, foresee_sweep
    from experiments.api.run import compare_config, run_experiment
    from experiments.api.saved import read_comparison, read_run
    from experiments.api.saving import write_run, write_run_report

__all__ = [
    "Comparison",
    "ComponentsComparison",
    "compare",
    "compare_config",
    "compare_fits",
    "conclusion_of_comparison",
    "foresee",
    "foresee_sweep",
    "read_comparison",
    "read_run",
    "run_experiment",
    "write_run",
    "write_run_report",
]

_HOMES = {
    "Comparison": "experiments.api.comparison",
    "ComponentsComparison": "experiments.api.components",
    "compare": "experiments.api.comparing",
    "compare_config": "experiments.api.run",
    "compare_fits": "experiments.api.comparing",
    "conclusion_of_comparison": "experiments.analysis.headline",
    "foresee": "experiments.api.foreseeing",
    "foresee_sweep": "experiments.api.foreseeing",
    "read_comparison": "experiments.api.saved",
    "read_run": "experiments.api.saved",
    "run_experiment": "experiments.api.run",
    "write_run": "experiments.api.saving",
    "write_run_report": "experiments.api.saving",
}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
