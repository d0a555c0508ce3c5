"""What an experiment or a sweep would do, and about how long it would take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from experiments.analysis.analyse import dataset_info
from experiments.analysis.by_size import (
    ChosenSettings,
    Size,
    rows_scored,
    settings_by_size,
    told_of_scores,
)
from experiments.config.data import Data, SyntheticData
from experiments.config.engines import EMSettings
from experiments.config.experiment import ExperimentConfig
from experiments.config.truth import WrittenTruth
from experiments.core.seeds import stream
from experiments.datasets.dataset import Dataset
from experiments.datasets.load import load_dataset
from experiments.engines.bayes_auto import USUAL_NUMBER
from experiments.engines.contract import ForeseesTime
from experiments.engines.costs import EM_PASS, slowness
from experiments.engines.em import EMEngine
from experiments.engines.fit import check_structures, ready_engines
from experiments.engines.registry import load_engine, make_engine
from experiments.selection.choose import with_evidence
from experiments.selection.structures import MOST_KEPT
from experiments.sweeps.plan import make_plan
from experiments.values.by_size import SizeChoice
from experiments.values.foreseen import Foreseen
from gmm_bayes.core.cores import processors

# What a comparison takes beside its fits: numbers that are compared, and a page that is drawn.
SECONDS_OF_A_COMPARISON, SECONDS_IN_A_CELL = 3.0, 0.1
# What every row adds to that: its component by each engine, and its line of a file.
SECONDS_OF_A_ROW = 8e-6
# Iterations by which EM is started again to see whether its maximum stands: some 33 starts.
PASSES_OF_A_CERTIFICATE = 1500
# Where the number of components is drawn: how many numbers are fitted.
NUMBERS_OF_AUTO = 3
SEARCH = "choice of a structure"
REST = "comparison and page"


def foresee(config: ExperimentConfig, dataset: Dataset | None = None) -> Foreseen:
    """Say what an experiment would do; its data are loaded, and nothing is fitted.

    Parameters
    ----------
    config : ExperimentConfig
        Of one experiment. Everything that a run would refuse before it fits is refused.
    dataset : Dataset, optional
        The config's data, where they are loaded already.

    Raises
    ------
    UsageError
        If the data, an engine, a number or a structure cannot be used.
    """
    if dataset is None:
        count = config.n_components if isinstance(config.n_components, int) else None
        dataset = load_dataset(config.data, config.name, stream(config.seed, "data"), count)
    numbers, structures = _numbers(config), _structures(config)
    check_structures(config.engines, structures)
    chosen = chosen_by_size(config, dataset)
    options = chosen.added_to({name: config.engine_options(name) for name in config.engines})
    usual = [min(USUAL_NUMBER, len(dataset.X))]
    for k in usual if isinstance(numbers, str) else numbers:
        ready_engines(dataset, k, config.engines, options, structures[0])
    size = (len(dataset.X), dataset.X.shape[1])
    comparing = SECONDS_OF_A_COMPARISON + SECONDS_OF_A_ROW * size[0]
    seconds, unknown = _seconds(config, options, size, processors(), comparing)
    return Foreseen(
        config.name,
        dataset_info(dataset),
        numbers,
        structures,
        tuple(config.engines),
        seconds,
        unknown,
        n_processors=processors(),
        choices=(*chosen.choices, *_sampled_rows(config, options, size[0])),
    )


def _sampled_rows(
    config: ExperimentConfig, options: dict[str, dict[str, Any]], n_rows: int
) -> tuple[SizeChoice, ...]:
    """Say that some rows will stand for all in leave-one-out, where they are many."""
    settings = [
        load_engine(name).settings.model_validate(options[name]).model_dump()
        for name in config.engines
    ]
    n_draws = max(table.get("draws", 0) * table.get("chains", 1) for table in settings)
    n_scored = rows_scored(n_rows, n_draws)
    return () if config.full or n_scored == n_rows else (told_of_scores(n_scored),)


def chosen_by_size(config: ExperimentConfig, dataset: Dataset) -> ChosenSettings:
    """Return the settings that an experiment's engines have by the size of its data.

    Raises
    ------
    UsageError
        If a setting is not allowed.
    """
    if config.full:
        return ChosenSettings.none()
    size = Size.of(dataset, config.n_components, config.covariance_type)
    named = {name: config.named_options(name) for name in config.engines}
    return settings_by_size(size, config.engines, named)


def foresee_sweep(config: ExperimentConfig, n_workers: int | None = None) -> Foreseen:
    """Say what a sweep would do: all of its cells, those that are done among them.

    Parameters
    ----------
    config : ExperimentConfig
        With a ``[sweep]`` table; every cell is checked.
    n_workers : int, optional
        Processes, by default one for each processor.

    Raises
    ------
    UsageError
        If a cell's config or its data cannot be used.
    """
    plan = make_plan(config)
    workers = max(1, min(processors() if n_workers is None else n_workers, len(plan.cells)))
    shapes: dict[str, tuple[int, int]] = {}
    seconds: dict[str, float] = {}
    unknown: set[str] = set()
    seeds = Counter(cell.point for cell in plan.cells)
    for cell in {cell.point: cell for cell in plan.cells}.values():
        own = plan.config_of(cell)
        # A cell has one processor, and neither a page nor figures.
        options = {name: own.engine_options(name) for name in own.engines}
        found, missing = _seconds(own, options, _shape(own, shapes), 1, SECONDS_IN_A_CELL)
        unknown.update(missing)
        for part, value in found.items():
            seconds[part] = seconds.get(part, 0.0) + seeds[cell.point] * value / workers
    return Foreseen(
        config.name,
        None,
        _numbers(config),
        _structures(config),
        tuple(config.engines),
        seconds,
        tuple(sorted(unknown)),
        len(plan.cells),
        workers,
    )


def _numbers(config: ExperimentConfig) -> list[int] | str:
    given = config.n_components
    return [given] if isinstance(given, int) else given


def _structures(config: ExperimentConfig) -> list[str]:
    given = config.covariance_type
    return [given] if isinstance(given, str) else list(given)


def _shape(config: ExperimentConfig, known: dict[str, tuple[int, int]]) -> tuple[int, int]:
    """Return the rows and features of a config's data; a file is read once."""
    data: Data = config.data
    if isinstance(data, SyntheticData):
        truth = data.truth
        d = len(truth.means[0]) if isinstance(truth, WrittenTruth) else truth.n_features
        return data.n_samples, d
    key = data.model_dump_json()
    if key not in known:
        dataset = load_dataset(data, config.name, stream(config.seed, "data"), None)
        known[key] = len(dataset.X), dataset.X.shape[1]
    return known[key]


def _seconds(
    config: ExperimentConfig,
    options: dict[str, Any],
    size: tuple[int, int],
    n_processors: int,
    comparing: float,
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return the seconds of each part of an experiment, and engines that do not say theirs."""
    numbers, structures = _numbers(config), _structures(config)
    seconds: dict[str, float] = {}
    if isinstance(numbers, str):
        fitted = [USUAL_NUMBER] * NUMBERS_OF_AUTO
    elif len(structures) > 1:
        settings = EMSettings(**{**options.get("em", {}), "n_bootstrap": 0})
        screen = EMEngine(settings)
        each = [screen.seconds_needed(*size, k, n_processors) for k in numbers]
        seconds[SEARCH] = len(structures) * sum(each)
        # Which numbers are kept is not known before: the largest take longest.
        fitted = sorted(numbers)[-MOST_KEPT:]
    else:
        fitted = numbers
    if len(fitted) > 1 or len(structures) > 1:
        options = dict(with_evidence(config.engines, options))
    unknown = []
    for name in config.engines:
        engine = make_engine(name, options[name])
        if not isinstance(engine, ForeseesTime):
            unknown.append(name)
            continue
        # The posterior of the number of components is drawn once for all numbers.
        counts: Sequence[int] = fitted[:1] if isinstance(numbers, str) and name != "em" else fitted
        seconds[name] = sum(engine.seconds_needed(*size, k, n_processors) for k in counts)
    seconds[REST] = comparing * slowness() * len(fitted)
    if len(config.engines) > 1:
        seconds[REST] += PASSES_OF_A_CERTIFICATE * sum(EM_PASS.seconds(*size, k) for k in fitted)
    return seconds, tuple(unknown)
