"""The kinds of starts by name, and which of them a search makes in which order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmm_em.covariance.base import CovarianceStructure
from gmm_em.fitting.starts.agglomeration import Agglomeration
from gmm_em.fitting.starts.base import Rows, Start
from gmm_em.fitting.starts.clustering import KMeans, PlusPlus, Quantiles, Ward, Whitened
from gmm_em.fitting.starts.random import (
    Neighbourhoods,
    Nested,
    RandomResponsibilities,
    RandomRows,
    Textbook,
    TightRows,
)
from gmm_em.rows.samples import Parameters

STARTS: dict[str, Start] = {
    start.name: start
    for start in (
        Ward(),
        Agglomeration(),
        Quantiles(),
        KMeans(),
        PlusPlus(),
        RandomResponsibilities(),
        RandomRows(),
        TightRows(),
        Neighbourhoods(),
        Nested(),
        Textbook(),
    )
}

# No single kind finds the best maximum on all data: on a few hundred fits each of these was the
# only one to find it somewhere.
_FIRST: tuple[Start, ...] = (
    Ward(),
    Neighbourhoods(),
    TightRows(),
    PlusPlus(),
    Whitened(Ward()),
    Nested(),
    RandomResponsibilities(),
    Quantiles(),
    KMeans(),
    RandomRows(),
    Agglomeration(),
)
# On many rows the first few starts may be enough: the kinds that are fast and differ most.
_FIRST_LOOK: tuple[Start, ...] = (
    Ward(),
    Neighbourhoods(),
    TightRows(),
    RandomResponsibilities(),
    KMeans(),
    Quantiles(),
    Whitened(Ward()),
    PlusPlus(),
    Nested(),
    RandomRows(),
    Agglomeration(),
)
_CYCLE: tuple[Start, ...] = (
    Neighbourhoods(),
    TightRows(),
    Nested(),
    PlusPlus(),
    RandomResponsibilities(),
    Whitened(KMeans()),
    Neighbourhoods(),
    TightRows(),
    Nested(),
    RandomRows(),
)


def check_kind(init_params: object) -> None:
    """Refuse what is not the name of a strategy."""
    names = ["auto", *sorted(STARTS)]
    if init_params not in names:
        raise ValueError(f"init_params must be one of {names}, got {init_params!r}")


def kinds(init_params: str, first: int, n: int, *, look: bool = False) -> list[Start]:
    """Return the kinds of starts number `first` to `first + n - 1` of a named strategy.

    `look` says whether the first few may be enough.
    """
    if init_params == "auto":
        begin = _FIRST_LOOK if look else _FIRST
        fixed = begin[first : first + n]
        rest = range(max(first, len(begin)) - len(begin), first + n - len(begin))
        return [*fixed, *(_CYCLE[i % len(_CYCLE)] for i in rest)]
    return [STARTS[init_params]] * n


def propose(
    rows: Rows,
    n_components: int,
    structure: CovarianceStructure,
    starts: Sequence[Start],
    rngs: Sequence[np.random.Generator],
) -> list[Parameters]:
    """Propose one mixture per kind and random stream, in the samples' inner units."""
    return [
        rows.inner(start.propose(rows, n_components, structure, rng))
        for start, rng in zip(starts, rngs, strict=True)
    ]
