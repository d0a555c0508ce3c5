"""Exponentials of log-responsibilities, of which no more are taken than the sums need.

NumPy takes exponentials eight at a time on processors with AVX-512, and one at a time on others,
where they are a third of an E-step.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.e_step.features import LEAST_LOG

# Log-responsibilities below this are left out where that saves time. Together, the shares of 1e9
# rows in a component are then 1e-19 of a row, far below the count of a component that is empty.
NEGLIGIBLE = -64.0
# Exponentials of no more than this share of an array are taken one by one.
_FEW = 0.4
# Fewer values than this are not worth more calls of NumPy.
_SMALLEST = 1 << 12
# The names that NumPy gives to processors with AVX-512, from version 2.4 on and before.
_WIDE = ("X86_V4", "AVX512")


@cache
def exp_is_slow() -> bool:
    """Whether NumPy takes exponentials of float64 one at a time on this processor."""
    found = np.lib.introspect.opt_func_info(func_name="^exp$", signature="float64")
    # Where NumPy has one loop for all processors, it names none.
    kinds = found.get("exp", {}).values()
    return not any(kind["current"].startswith(_WIDE) for kind in kinds)


def exponentiate(values: FloatArray) -> None:
    """Replace log-responsibilities, which are at most 0, by their exponentials.

    No result is so small that processors are slow on it. Where most values are below -64, zeros
    may take their places, which changes no digit of a sum.

    Parameters
    ----------
    values : ndarray, shape (K, n)
        Contiguous.
    """
    if values.size >= _SMALLEST and exp_is_slow():
        counts = values > NEGLIGIBLE
        if np.count_nonzero(counts) < _FEW * values.size:
            flat, index = values.reshape(-1), np.flatnonzero(counts)
            few = flat.take(index)
            flat.fill(0.0)
            flat[index] = np.exp(few, out=few)
            return
    np.maximum(values, LEAST_LOG, out=values)
    np.exp(values, out=values)
