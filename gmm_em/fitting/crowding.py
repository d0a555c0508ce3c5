"""Whether rows crowd somewhere as rows of a mixture would not.

A narrow group inside a wide component is found by few starts, so that the others may agree on a
maximum without it. Its rows are seen at once by their neighbours: where a ball around a row holds
many rows, as many rows drawn from the mixture hardly put one there.
"""

from __future__ import annotations

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.fitting.starts.base import Rows
from gmm_em.rows.samples import Parameters

# A ball that holds this many rows beside the one in its middle is crowded where it holds at most
# so many of as many rows that were drawn from the mixture. If the rows follow the mixture, the two
# samples are equally likely to put the next row into the ball, so that this happens with
# probability 17 / 2^17, one in 7700.
_ROWS, _DRAWN = 16, 1
# Rows whose balls are looked at.
_BALLS = 256
# Elements of the distances that are held at a time, for the caches.
_ELEMENTS = 1 << 15


def crowded(rows: Rows, mixture: Parameters, rng: np.random.Generator) -> bool:
    """Return whether some rows lie closer together than rows of the mixture would.

    Parameters
    ----------
    rows : Rows
        At least 17.
    mixture : Parameters
        In the samples' inner units.
    rng : numpy.random.Generator
    """
    X = rows.white
    n = X.shape[0]
    middles = X[:: max(1, n // _BALLS)]
    try:
        drawn = _draw(rows, mixture, n, rng)
    except np.linalg.LinAlgError:
        # Rows are not drawn of a component that is singular in these coordinates.
        return True
    return _some_crowded(X, middles, drawn)


def _some_crowded(X: FloatArray, middles: FloatArray, drawn: FloatArray) -> bool:
    """Whether a ball around some row holds many rows before it holds more than one that is drawn.

    The ball that just misses the second nearest of the drawn rows is looked at.
    """
    size = max(1, _ELEMENTS // X.shape[0])
    # The squared distance of x from m, less m^2, is (x, x^2) (-2 m, 1)^T.
    X, drawn = _with_squares(X), _with_squares(drawn)
    middles = np.column_stack([-2.0 * middles, np.ones(middles.shape[0])])
    for start in range(0, middles.shape[0], size):
        some = middles[start : start + size]
        distances = some @ drawn.T
        for _ in range(_DRAWN):
            distances[np.arange(some.shape[0]), distances.argmin(axis=1)] = np.inf
        radii = distances.min(axis=1)
        held = (some @ X.T < radii[:, None]).sum(axis=1)
        # The row in the middle is one of them.
        if held.max() > _ROWS:
            return True
    return False


def _with_squares(X: FloatArray) -> FloatArray:
    return np.column_stack([X, np.einsum("nd,nd->n", X, X)])


def _draw(rows: Rows, mixture: Parameters, n: int, rng: np.random.Generator) -> FloatArray:
    """Draw rows of a mixture in the coordinates of ``rows.white``, shape (n, D)."""
    seen, axes = rows.seen(mixture), rows.whitener
    means, covariances = seen.means @ axes, axes.T @ seen.covariances @ axes
    labels = np.repeat(np.arange(len(seen.weights)), rng.multinomial(n, seen.weights))
    noise = rng.standard_normal((n, means.shape[1], 1))
    factors = np.linalg.cholesky(covariances)
    return np.asarray(means[labels] + (factors[labels] @ noise)[:, :, 0])
