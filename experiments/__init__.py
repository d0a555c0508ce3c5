"""The harness: fit one data set by several engines, compare them, and report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.api.comparing import compare, compare_fits
    from experiments.api.comparison import Comparison
    from experiments.api.components import ComponentsComparison
    from experiments.api.run import run_experiment
    from experiments.config.experiment import ExperimentConfig
    from experiments.config.load import load_config
    from experiments.core.errors import UsageError
    from experiments.sweeps.results import SweepResults, load_results, read_results
    from experiments.sweeps.run import run_sweep

__all__ = [
    "Comparison",
    "ComponentsComparison",
    "ExperimentConfig",
    "SweepResults",
    "UsageError",
    "compare",
    "compare_fits",
    "load_config",
    "load_results",
    "read_results",
    "run_experiment",
    "run_sweep",
]

_HOMES = {
    "Comparison": "api.comparison",
    "ComponentsComparison": "api.components",
    "ExperimentConfig": "config.experiment",
    "SweepResults": "sweeps.results",
    "UsageError": "core.errors",
    "compare": "api.comparing",
    "compare_fits": "api.comparing",
    "load_config": "config.load",
    "load_results": "sweeps.results",
    "read_results": "sweeps.results",
    "run_experiment": "api.run",
    "run_sweep": "sweeps.run",
}


def __getattr__(name: str) -> Any:
    # Loaded when first asked for: the command line answers --help without them.
    if name not in _HOMES:
        raise AttributeError(f"module 'experiments' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"experiments.{_HOMES[name]}"), name)
