"""What a run or a sweep would do, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

from experiments.values.by_size import SizeChoice
from experiments.values.comparison import DatasetInfo


@dataclass(frozen=True)
class Foreseen:
    """What a run or a sweep would do.

    Attributes
    ----------
    name : str
    dataset : DatasetInfo or None
        None of a sweep, whose cells may have data of their own.
    numbers : list of int, or "auto"
        Of components; of a sweep those of its config, where no axis has others.
    structures : list of str
        Of the covariances.
    engines : tuple of str
    seconds : dict of str to float
        About how long each part takes, right to a factor of two or three.
    unknown : tuple of str
        Engines that do not say how long they take.
    n_cells : int
        Of a sweep; 0 of a single experiment.
    n_processors : int
        That are used.
    choices : tuple of SizeChoice
        What is done otherwise than usual because the rows are many.
    """

    name: str
    dataset: DatasetInfo | None
    numbers: list[int] | str
    structures: list[str]
    engines: tuple[str, ...]
    seconds: dict[str, float] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    n_cells: int = 0
    n_processors: int = 1
    choices: tuple[SizeChoice, ...] = ()

    @property
    def total(self) -> float:
        """About how many seconds all of it takes."""
        return sum(self.seconds.values())
