"""The harness: fit one data set by several engines, compare them, and report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.comparison import Comparison, compare, compare_fits
    from experiments.components import ComponentsComparison
    from experiments.config import ExperimentConfig, load_config
    from experiments.errors import UsageError
    from experiments.results_table import SweepResults, load_results, read_results
    from experiments.runner import run_experiment
    from experiments.sweep import run_sweep

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
    "Comparison": "comparison",
    "ComponentsComparison": "components",
    "ExperimentConfig": "config",
    "SweepResults": "results_table",
    "UsageError": "errors",
    "compare": "comparison",
    "compare_fits": "comparison",
    "load_config": "config",
    "load_results": "results_table",
    "read_results": "results_table",
    "run_experiment": "runner",
    "run_sweep": "sweep",
}


def __getattr__(name: str) -> Any:
    # Loaded when first asked for: the command line answers --help without them.
    if name not in _HOMES:
        raise AttributeError(f"module 'experiments' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"experiments.{_HOMES[name]}"), name)
