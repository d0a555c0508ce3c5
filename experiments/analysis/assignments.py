"""Which component each row belongs to, by each engine, and how certainly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.clustering import adjusted_rand
from experiments.core.types import FloatArray
from experiments.values.clusters import ClassAgreement, ClusterValues, KnownClasses
from experiments.values.roles import posterior_of
from gmm_em.e_step import observed

if TYPE_CHECKING:
    from experiments.datasets.dataset import Dataset
    from experiments.engines.contract import Fit
    from gmm_bayes import MixtureDraws

# A row whose most probable component has a smaller probability than this is called uncertain.
CERTAIN = 0.9
# Draws that responsibilities are averaged over: at most and at least so many, and between these
# as many as this number of responsibilities allows.
MOST_DRAWS = 200
FEWEST_DRAWS = 20
MOST_VALUES = 400_000_000
# Responsibilities that are computed at a time.
BLOCK_VALUES = 1 << 21


@dataclass(frozen=True)
class Assignments:
    """The rows that were fitted, and what each engine says of them.

    Attributes
    ----------
    rows : ndarray of int, shape (N,)
        Of each row its number in the data, counted from 1.
    probabilities : mapping of str to ndarray of shape (N, K)
        Probability of each component given the row, by engine; of a posterior the mean over its
        draws.
    deviations : mapping of str to ndarray of shape (N,)
        Standard deviation over a posterior's draws of the probability of the row's most probable
        component.
    column : str
        Name of the column of known classes; empty where there is none.
    classes : tuple of str or None, length N
        The class of each row, None where it is unknown; empty where there are no classes.
    """

    rows: NDArray[np.int64]
    probabilities: Mapping[str, FloatArray]
    deviations: Mapping[str, FloatArray]
    column: str = ""
    classes: tuple[str | None, ...] = ()

    def labels(self, engine: str) -> NDArray[np.int64]:
        """Return the most probable component of each row, counted from 0, shape (N,)."""
        return np.asarray(self.probabilities[engine].argmax(axis=1), dtype=np.int64)

    @property
    def unanimous(self) -> NDArray[np.bool_]:
        """Of each row, whether all engines assign it to the same component, shape (N,)."""
        every = np.stack([self.labels(engine) for engine in self.probabilities])
        return np.asarray((every == every[0]).all(axis=0))


def assign(dataset: Dataset, fits: Mapping[str, Fit]) -> Assignments:
    """Assign the fitted rows to components.

    Parameters
    ----------
    dataset : Dataset
    fits : mapping of str to Fit
        Components in one order.
    """
    probabilities, deviations = {}, {}
    for name, fit in fits.items():
        probabilities[name], deviation = responsibilities(fit, dataset.X)
        if deviation is not None:
            deviations[name] = deviation
    return Assignments(
        dataset.row_numbers, probabilities, deviations, dataset.label_column, dataset.labels
    )


def responsibilities(fit: Fit, X: FloatArray) -> tuple[FloatArray, FloatArray | None]:
    """Return the probabilities of components given rows, and their spread over draws.

    Parameters
    ----------
    fit : Fit
    X : ndarray of shape (N, D)

    Returns
    -------
    probabilities : ndarray of shape (N, K)
        Of a fit with draws, the mean over `MOST_DRAWS` of them, of fewer where the rows are many.
    deviations : ndarray of shape (N,) or None
        Standard deviation over the draws of the largest; None for a fit without draws.
    """
    if fit.draws is None:
        return observed.responsibilities(fit.mixture, X), None
    k = fit.mixture.n_components
    at_most = int(np.clip(MOST_VALUES // max(1, len(X) * k), FEWEST_DRAWS, MOST_DRAWS))
    draws: MixtureDraws = fit.draws.thin(at_most // fit.draws.n_chains)[0]
    probabilities, deviations = np.empty((len(X), k)), np.empty(len(X))
    step = max(1, BLOCK_VALUES // (len(draws) * k))
    for start in range(0, len(X), step):
        rows = slice(start, start + step)
        every = draws.responsibilities(X[rows], "mar")
        mean = every.mean(axis=(0, 1))
        top = mean.argmax(axis=1)
        probabilities[rows] = mean
        deviations[rows] = every[..., np.arange(len(top)), top].std(axis=(0, 1))
    return probabilities, deviations


def summarise_clusters(
    found: Assignments, fits: Mapping[str, Fit], drawn: Sequence[int]
) -> ClusterValues:
    """Count the rows that are uncertain, and set the components beside known classes.

    Parameters
    ----------
    found : Assignments
    fits : mapping of str to Fit
    drawn : sequence of int
        Places of the rows that the report draws.
    """
    engine = posterior_of(fits) or next(iter(fits))
    return ClusterValues(
        engine=engine,
        threshold=CERTAIN,
        n_rows=len(found.rows),
        n_uncertain=int((found.probabilities[engine].max(axis=1) < CERTAIN).sum()),
        n_disagreeing=int((~found.unanimous).sum()),
        classes=_known_classes(found, drawn) if found.classes else None,
    )


def _known_classes(found: Assignments, drawn: Sequence[int]) -> KnownClasses:
    names = sorted({name for name in found.classes if name is not None})
    place = {name: i for i, name in enumerate(names)}
    known = np.array([name is not None for name in found.classes])
    classes = np.array([place[name] for name in found.classes if name is not None])
    engines = {}
    for engine, probabilities in found.probabilities.items():
        labels = found.labels(engine)[known]
        counts = np.zeros((len(names), probabilities.shape[1]), dtype=int)
        np.add.at(counts, (classes, labels), 1)
        engines[engine] = ClassAgreement(
            adjusted_rand=adjusted_rand(classes, labels), counts=counts.tolist()
        )
    shown = [found.classes[i] for i in drawn]
    return KnownClasses(
        column=found.column,
        names=names,
        n_unknown=int((~known).sum()),
        engines=engines,
        points=[None if name is None else place[name] for name in shown],
    )
