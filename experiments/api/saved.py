"""Runs read back from the folders that `experiments.api.saving` wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.api.comparison import Comparison
from experiments.api.components import ComponentsComparison
from experiments.core.errors import UsageError
from experiments.storage.layout import COMPARISON, COMPONENTS, folder_of
from experiments.values.consistency import refuse_disagreeing, refuse_disagreeing_choice


def read_run(directory: str | Path) -> Comparison | ComponentsComparison:
    """Read what a run directory holds.

    Parameters
    ----------
    directory : str or Path
        As `run_experiment`, `Comparison.save` or ``gmm-compare run`` wrote it.

    Returns
    -------
    Comparison
        If the run fitted one number of components.
    ComponentsComparison
        If it fitted several, with the comparison at each number that could be fitted.

    Raises
    ------
    UsageError
        If the directory holds no comparison, or one that this version cannot read.
    """
    directory = Path(directory)
    if not (directory / COMPONENTS).is_file():
        return read_comparison(directory)
    path = directory / COMPONENTS
    found = ComponentsComparison.read(path)
    with _named(path):
        refuse_disagreeing_choice(found)
    fitted = [k for k in found.n_components if str(k) not in found.failures]
    return found.with_comparisons({k: read_comparison(directory / folder_of(k)) for k in fitted})


def read_comparison(directory: Path) -> Comparison:
    """Read the comparison of a directory.

    Raises
    ------
    UsageError
        If the directory holds no comparison, or one that this version cannot read.
    """
    path = directory / COMPARISON
    if not path.is_file():
        raise UsageError(f"{directory}: no {COMPARISON} in it, allowed is a run directory")
    found = Comparison.read(path)
    with _named(path):
        refuse_disagreeing(found)
    return found.in_folder(directory)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in an error about what it holds."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{path}: its numbers do not go together: {error}") from None
