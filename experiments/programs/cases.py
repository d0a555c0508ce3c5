"""The posteriors that are drawn: data, and a number of components."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from experiments.config.experiment import ExperimentConfig
from experiments.config.load import load_config
from experiments.config.programs import ProgramsSettings
from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.datasets.dataset import Dataset
from experiments.datasets.load import load_dataset


@dataclass(frozen=True)
class PosteriorCase:
    """One posterior.

    Attributes
    ----------
    label : str
        What tables call its data.
    config : ExperimentConfig
        Of the data.
    n_components : int
    """

    label: str
    config: ExperimentConfig
    n_components: int

    def dataset(self) -> Dataset:
        """Return the rows."""
        seed = stream(self.config.seed, "data")
        return load_dataset(self.config.data, self.label, seed, self.n_components)


def programs_of(config: ExperimentConfig) -> ProgramsSettings:
    """Return the `[programs]` table of a config.

    Raises
    ------
    UsageError
        If there is none.
    """
    if config.programs is None:
        raise UsageError(f"{config.name} has no table [programs], allowed is a config with one")
    return config.programs


def cases_of(config: ExperimentConfig) -> dict[str, PosteriorCase]:
    """Return the posteriors that a config asks for, by label, its own data first.

    Raises
    ------
    UsageError
        If another config is not found, or two have one label.
    """
    found: dict[str, PosteriorCase] = {}
    for case in _cases(config):
        if case.label in found:
            raise UsageError(f"programs.also: two data sets are called {case.label}")
        found[case.label] = case
    return found


def _cases(config: ExperimentConfig) -> Iterator[PosteriorCase]:
    settings = programs_of(config)
    assert isinstance(config.n_components, int)
    yield PosteriorCase(settings.label or config.name, config, config.n_components)
    for source, n_components in settings.also.items():
        other = load_config(source)
        yield PosteriorCase(other.name, other, n_components)
