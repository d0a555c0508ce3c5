"""Numbers laid out like a mixture's parameters: gradients, standard errors, ends of intervals."""

from __future__ import annotations

from dataclasses import dataclass

from gmm_em.core.types import FloatArray


@dataclass(frozen=True, eq=False)
class ParameterArrays:
    """One number per parameter, in a mixture's own layout.

    Attributes
    ----------
    weights : ndarray, shape (K,)
    means : ndarray, shape (K, D)
    covariances : ndarray, shape (K, D, D)
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray


def check_level(level: float) -> float:
    """Return an interval's level.

    Raises
    ------
    ValueError
        If it does not lie between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}")
    return level
