"""How the rows are divided among the components, as plain values."""

from __future__ import annotations

from typing import Annotated

from pydantic import FiniteFloat

from experiments.values.base import Value
from experiments.values.nulls import Null


class ClassAgreement(Value):
    """The components of one engine beside classes that were known before."""

    adjusted_rand: FiniteFloat
    """Of the classes and the components (Hubert & Arabie 1985): 1 for the same partition."""
    counts: list[list[int]]
    """Rows of each class, in the order of `KnownClasses.names`, in each component."""


class KnownClasses(Value):
    """Classes that the data name for their rows, which no fit was told."""

    column: str
    """The column that has them."""
    names: list[str]
    """Every class, in the order of the alphabet."""
    n_unknown: int
    """Rows without a class, which are not counted."""
    engines: dict[str, ClassAgreement]
    points: list[int | None]
    """Of each row of `illustration.points` the place in `names`; null where the class is unknown.
    Empty where no row is drawn."""


class ClusterValues(Value):
    """Which component each fitted row belongs to: `assignments.csv` has the rows one by one."""

    engine: str
    """Whose probabilities say which rows are uncertain: the posterior's, where there is one."""
    threshold: FiniteFloat
    """A row is uncertain if its most probable component has a smaller probability."""
    n_rows: int
    n_uncertain: int
    n_disagreeing: int
    """Rows that not all engines assign to the same component."""
    classes: Annotated[
        KnownClasses | None,
        Null("no column of labels was named", items="the class of this row is unknown"),
    ] = None
    """The components beside classes that are known."""
