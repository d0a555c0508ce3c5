"""What the posterior says about EM's optimum.

A posterior draw is a mixture like any other, so none may have a higher likelihood than the global
maximum. A draw above EM's likelihood proves that EM ended in a local optimum; no draw above it
proves nothing, but is what a global optimum looks like.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from experiments.schema import Certificate

# EM stops within about 1e-6 of its limit, and draws of p parameters lie about p / 2 below it.
TOLERANCE = 1e-3


def certify(
    em: float, draws: NDArray[np.float64], n_parameters: int, *, tolerance: float = TOLERANCE
) -> Certificate:
    """Compare EM's log-likelihood with those of posterior draws.

    Parameters
    ----------
    em : float
        Log-likelihood of the training data at EM's estimate.
    draws : ndarray
        Log-likelihood of the same data at each posterior draw; any shape.
    n_parameters : int
        Number of free parameters p. Where the posterior is normal, the deviance
        ``2 (em - draw)`` is chi-square with p degrees of freedom (Wilks 1938; van der Vaart
        1998, *Asymptotic Statistics*, theorem 10.1), so its mean is p.
    tolerance : float
        How far a draw must exceed EM's log-likelihood to count.
    """
    best = float(draws.max())
    return Certificate(
        em=em,
        best_draw=best,
        margin=em - best,
        n_draws_above=int((draws > em + tolerance).sum()),
        n_draws=draws.size,
        tolerance=tolerance,
        deviance_mean=float(2 * (em - draws.mean())),
        n_parameters=n_parameters,
    )
