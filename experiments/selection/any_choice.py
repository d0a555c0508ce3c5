"""Whatever is to be chosen: a number of components, a structure of covariances, or both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from experiments.analysis.analyse import Terms
from experiments.core.errors import UsageError
from experiments.core.progress import Report
from experiments.datasets.dataset import Dataset
from experiments.selection.auto import choose_by_posterior
from experiments.selection.choose import Choice, choose
from experiments.selection.structures import choose_with_structure

# Stands for a number of components that is drawn from its posterior.
AUTO = "auto"


def is_choice(n_components: object, covariance_type: object) -> bool:
    """Whether there is anything to choose: not one number and one structure."""
    several = isinstance(n_components, Iterable) and not isinstance(n_components, str)
    return several or n_components == AUTO or not isinstance(covariance_type, str)


def choose_any(
    dataset: Dataset,
    n_components: int | Sequence[int] | str,
    covariance_type: str | Sequence[str],
    engines: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    terms: Terms,
    progress: Report,
) -> Choice:
    """Choose as the number of components and the structure ask for it.

    Parameters
    ----------
    dataset : Dataset
    n_components, covariance_type, engines, options
        As `experiments.compare` takes them, and something to choose: see :func:`is_choice`.
    terms : Terms
        The structure in it is not used.
    progress : callable
        Called with (stage, done, total) as the work goes on.

    Raises
    ------
    UsageError
        If a number, a structure, an engine or an option is not allowed, or a structure is to be
        chosen beside a number that is drawn from its posterior.
    FitError
        If nothing could be fitted.
    """
    if isinstance(covariance_type, str):
        own = replace(terms, covariance_type=covariance_type)
        if isinstance(n_components, str):
            return choose_by_posterior(dataset, engines, options, own, progress)
        return choose(dataset, _several(n_components), engines, options, own, progress)
    if isinstance(n_components, str):
        raise UsageError(f'n_components = "{AUTO}": allowed with one covariance_type')
    numbers, kinds = _several(n_components), list(covariance_type)
    return choose_with_structure(dataset, numbers, kinds, engines, options, terms, progress)


def _several(given: int | Sequence[int]) -> list[int]:
    return list(given) if isinstance(given, Iterable) else [given]
