"""The harness: fit one data set by several engines, compare them, and report.

A name is imported when it is first asked for, so that the command line answers ``--help`` without
waiting for the fits, the figures and the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.analysis.posteriors import (
        PosteriorPair,
        PosteriorsCompared,
        compare_posteriors,
    )
    from experiments.api.comparing import compare, compare_fits
    from experiments.api.comparison import Comparison
    from experiments.api.components import ComponentsComparison
    from experiments.api.run import run_experiment
    from experiments.api.saved import read_run
    from experiments.config.experiment import ExperimentConfig
    from experiments.config.load import load_config
    from experiments.core.errors import UsageError
    from experiments.sweeps.results import SweepResults, load_results, read_results
    from experiments.sweeps.run import run_sweep

__all__ = [
    "Comparison",
    "ComponentsComparison",
    "ExperimentConfig",
    "PosteriorPair",
    "PosteriorsCompared",
    "SweepResults",
    "UsageError",
    "compare",
    "compare_fits",
    "compare_posteriors",
    "load_config",
    "load_results",
    "read_results",
    "read_run",
    "run_experiment",
    "run_sweep",
]

_HOMES = {
    "Comparison": "experiments.api.comparison",
    "ComponentsComparison": "experiments.api.components",
    "ExperimentConfig": "experiments.config.experiment",
    "PosteriorPair": "experiments.analysis.posteriors",
    "PosteriorsCompared": "experiments.analysis.posteriors",
    "SweepResults": "experiments.sweeps.results",
    "UsageError": "experiments.core.errors",
    "compare": "experiments.api.comparing",
    "compare_fits": "experiments.api.comparing",
    "compare_posteriors": "experiments.analysis.posteriors",
    "load_config": "experiments.config.load",
    "load_results": "experiments.sweeps.results",
    "read_results": "experiments.sweeps.results",
    "read_run": "experiments.api.saved",
    "run_experiment": "experiments.api.run",
    "run_sweep": "experiments.sweeps.run",
}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
