"""One experiment: from a config to a comparison, and to a run directory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from experiments.analysis.analyse import Terms, analyse
from experiments.analysis.thresholds import thresholds_with
from experiments.api.comparison import Comparison
from experiments.api.components import ComponentsComparison
from experiments.api.foreseeing import chosen_by_size, foresee
from experiments.api.saving import write_run
from experiments.config.experiment import ExperimentConfig
from experiments.core.progress import Report, silent
from experiments.core.seeds import stream
from experiments.datasets.load import load_dataset
from experiments.engines.fit import fit_engines
from experiments.selection.any_choice import choose_any
from experiments.storage.runs import check_target
from experiments.values.foreseen import Foreseen


def run_experiment(
    config: ExperimentConfig,
    directory: str | Path,
    progress: Report = silent,
    told: Callable[[Foreseen], None] | None = None,
) -> Comparison | ComponentsComparison:
    """Load the data, fit every engine, compare, and write the run directory.

    Parameters
    ----------
    config : ExperimentConfig
    directory : str or Path
        Where the run directory goes; it appears once everything is done.
    progress : callable
        Called with (stage, done, total) as the work goes on.
    told : callable, optional
        Called once the data are loaded, with what will be done and how long it will take.

    Raises
    ------
    UsageError
        If the data, the config or the directory cannot be used.
    """
    directory = Path(directory)
    check_target(directory)
    thresholds_with(config.thresholds)
    comparison = compare_config(config, progress, told)
    progress("Report", 0, 1)
    chosen = [key for choice in comparison.choices for key in choice.usual]
    write_run(directory, comparison, config.to_toml(without=chosen))
    progress("Report", 1, 1)
    return comparison


def compare_config(
    config: ExperimentConfig,
    progress: Report = silent,
    told: Callable[[Foreseen], None] | None = None,
) -> Comparison | ComponentsComparison:
    """Load the data of a config, fit every engine, and compare; nothing is written.

    Parameters
    ----------
    config : ExperimentConfig
    progress : callable
        Called with (stage, done, total) as the work goes on.
    told : callable, optional
        Called once the data are loaded, with what will be done and how long it will take.

    Raises
    ------
    UsageError
        If the data or the config cannot be used.
    """
    # A truth that is drawn at random has as many components as are fitted, unless the config says
    # how many. Where several numbers are fitted, the config has to say it.
    count = config.n_components if isinstance(config.n_components, int) else None
    dataset = load_dataset(config.data, config.name, stream(config.seed, "data"), count)
    if told is not None:
        told(foresee(config, dataset))
    n_components, structure = config.n_components, config.covariance_type
    chosen = chosen_by_size(config, dataset)
    options = chosen.added_to({name: config.engine_options(name) for name in config.engines})
    terms = Terms(
        config.name,
        config.seed,
        thresholds=config.thresholds,
        full=config.full,
        choices=chosen.choices,
    )
    if not (isinstance(n_components, int) and isinstance(structure, str)):
        choice = choose_any(
            dataset, n_components, structure, config.engines, options, terms, progress
        )
        return ComponentsComparison.of(choice)
    terms = replace(terms, covariance_type=structure)
    how = (config.seed, progress, structure)
    fits = fit_engines(dataset, n_components, config.engines, options, *how)
    return Comparison.of(analyse(dataset, fits, terms))
