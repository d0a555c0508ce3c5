"""What the posterior says about EM's optimum.

A posterior draw is a mixture like any other, so none may have a higher likelihood than the global
maximum. A draw above EM's likelihood proves that EM ended in a local optimum; no draw above it
proves nothing, but is what a global optimum looks like.

There is one exception. The likelihood of a mixture is unbounded where a component shrinks onto a
point or onto values that repeat (Day 1969), so a draw that has collapsed there exceeds every
sensible optimum. It says nothing against EM, but that prior and data leave the posterior without
hold; such draws are counted apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from experiments.schema import Certificate
from gmm_em import Mixture

Floats = NDArray[np.float64]

# EM stops within about 1e-6 of its limit, and draws of p parameters lie about p / 2 below it.
TOLERANCE = 1e-3
# A component has collapsed where it is this much thinner than the thinnest of EM's.
COLLAPSED = 1e-2


def certify(
    em: Mixture,
    em_log_likelihood: float,
    covariances: Floats,
    draws: Floats,
    n_parameters: int,
    *,
    tolerance: float = TOLERANCE,
) -> Certificate:
    """Compare EM's log-likelihood with those of posterior draws.

    Parameters
    ----------
    em : Mixture
        EM's estimate.
    em_log_likelihood : float
        Log-likelihood of the training data at EM's estimate.
    covariances : ndarray of shape (..., K, D, D)
        Covariances of the posterior draws.
    draws : ndarray of shape (...)
        Log-likelihood of the same data at each draw.
    n_parameters : int
        Number of free parameters p. Where the posterior is normal, the deviance
        ``2 (em - draw)`` is chi-square with p degrees of freedom (Wilks 1938; van der Vaart
        1998, *Asymptotic Statistics*, theorem 10.1), so its mean is p.
    tolerance : float
        How far a draw must exceed EM's log-likelihood to count.
    """
    collapsed = _thinnest(covariances, em).min(axis=-1) < COLLAPSED * _thinnest(
        em.covariances, em
    ).min(axis=-1)
    sound = draws[~collapsed]
    best = float(sound.max()) if sound.size else None
    return Certificate(
        em=em_log_likelihood,
        best_draw=best,
        margin=None if best is None else em_log_likelihood - best,
        n_draws_above=int((sound > em_log_likelihood + tolerance).sum()),
        n_draws=draws.size,
        n_collapsed=int(collapsed.sum()),
        tolerance=tolerance,
        deviance_mean=None if best is None else float(2 * (em_log_likelihood - sound.mean())),
        n_parameters=n_parameters,
    )


def _thinnest(covariances: Floats, em: Mixture) -> Floats:
    """Return the standard deviation along each component's thinnest axis, in the data's."""
    scale = np.sqrt(np.diagonal(em.covariance))
    eigenvalues = np.linalg.eigvalsh(covariances / np.outer(scale, scale))
    return np.asarray(np.sqrt(np.maximum(eigenvalues[..., 0], 0.0)))
