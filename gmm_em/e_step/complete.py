"""The E-step over complete rows, wherever they are: in memory, in a file, or on a device."""

from __future__ import annotations

from gmm_em.core.types import Second
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.e_step.foreign import ForeignEStep
from gmm_em.rows.foreign_samples import ForeignSamples
from gmm_em.rows.samples import Samples


def complete_estep(
    samples: Samples,
    n_components: int,
    second: Second,
    *,
    strict: bool = False,
    n_threads: int | None = None,
) -> BlockedEStep | ForeignEStep:
    """Return the E-step that sums where the rows are.

    Parameters
    ----------
    samples : Samples
    n_components : int
    second : {"full", "diagonal", "pooled"}
    strict : bool, default False
        See :class:`gmm_em.e_step.blocked.BlockedEStep`.
    n_threads : int, optional
        Of this process; other libraries decide for themselves.
    """
    if isinstance(samples, ForeignSamples):
        return ForeignEStep(samples, n_components, second, strict=strict)
    return BlockedEStep(samples, n_components, second, strict=strict, n_threads=n_threads)
