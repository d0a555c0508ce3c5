"""Initial mixtures: where the climb begins.

A start is an object that looks at a sample of the rows and proposes a hard or soft assignment
of them to components, or centres; the same M-step then turns any proposal into a mixture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gmm_em.covariance.base import CovarianceStructure
from gmm_em.fitting.starts.base import Rows, Start
from gmm_em.fitting.starts.clustering import KMeans, PlusPlus, Quantiles, Ward, Whitened
from gmm_em.fitting.starts.random import RandomResponsibilities, RandomRows, Textbook
from gmm_em.rows.samples import Parameters, Samples

STARTS: dict[str, Start] = {
    start.name: start
    for start in (
        Ward(),
        Quantiles(),
        KMeans(),
        PlusPlus(),
        RandomResponsibilities(),
        RandomRows(),
        Textbook(),
    )
}

# No single start finds the best maximum on all data: on a dozen data sets each of these was the
# only one to find it somewhere.
_FIXED: tuple[Start, ...] = (Ward(), Whitened(Ward()), Quantiles(), KMeans())
_CYCLE: tuple[Start, ...] = (
    PlusPlus(),
    RandomResponsibilities(),
    RandomRows(),
    PlusPlus(),
    RandomResponsibilities(),
    Whitened(KMeans()),
)


def _sequence(init_params: str, first: int, n: int) -> list[Start]:
    """Return starts number `first` to `first + n - 1` of a named strategy."""
    if init_params == "auto":
        fixed = _FIXED[first : first + n]
        rest = range(max(first, len(_FIXED)) - len(_FIXED), first + n - len(_FIXED))
        return [*fixed, *(_CYCLE[i % len(_CYCLE)] for i in rest)]
    try:
        return [STARTS[init_params]] * n
    except (KeyError, TypeError):
        raise ValueError(
            f"init_params must be one of {['auto', *sorted(STARTS)]}, got {init_params!r}"
        ) from None


def propose(
    samples: Samples,
    n_components: int,
    structure: CovarianceStructure,
    init_params: str,
    rngs: Sequence[np.random.Generator],
    first: int = 0,
) -> list[Parameters]:
    """Propose one mixture per random stream, as starts number `first` and up of the strategy."""
    starts = _sequence(init_params, first, len(rngs))
    rows = Rows.of(samples)
    return [
        start.propose(rows, n_components, structure, rng)
        for start, rng in zip(starts, rngs, strict=True)
    ]
