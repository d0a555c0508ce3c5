"""The map from the unconstrained vector to a mixture in PyTensor's own nodes.

It is that of :mod:`gmm_bayes.space.unconstrained` and :mod:`gmm_bayes.space.decomposed`, for slopes
of what a model adds to the mixture's parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor.tensor as pt

from gmm_bayes.space.decomposed import DecomposedSpace, contrasts, trace_free
from gmm_bayes.space.spaces import Space
from gmm_bayes.space.unconstrained import UnconstrainedSpace


def mixture_of(space: Space, theta: Any) -> tuple[Any, Any, Any]:
    """Return weights (K,), means (K, D) and covariances (K, D, D) of the vector (size,)."""
    k, d = space.n_components, space.n_features
    ends = np.cumsum([k - 1, k * d, *(rows * width for rows, width in space.blocks)])
    ratios, means, *blocks = (
        theta[end - size : end] for end, size in zip(ends, np.diff([0, *ends]), strict=True)
    )
    weights = pt.special.softmax(pt.concatenate([ratios, -ratios.sum(keepdims=True)]), axis=0)
    shaped = [block.reshape(shape) for block, shape in zip(blocks, space.blocks, strict=True)]
    covariances = _COVARIANCES[type(space)](space, *shaped)
    return weights, means.reshape((k, d)), pt.broadcast_to(covariances, (k, d, d))


def _by_deviations(space: UnconstrainedSpace, log_sds: Any, log_odds: Any) -> Any:
    """Return covariances (G, D, D) of standard deviations and correlations."""
    factors = pt.exp(log_sds)[:, :, None] * _correlation_factors(log_odds, space.n_features)
    return pt.matmul(factors, factors.mT)


def _by_shapes(space: DecomposedSpace, volumes: Any, shapes: Any, matrices: Any) -> Any:
    """Return covariances (G, D, D) of volumes, shapes and orientations."""
    d = space.n_features
    (_, _), (n_shapes, _), (n_matrices, _) = space.blocks
    logs, frames = pt.zeros((1, d)), pt.eye(d)[None]
    if n_matrices and d > 1:
        entries = pt.tensordot(matrices, trace_free(d), axes=1)
        each = [pt.linalg.eigh(entries[k]) for k in range(n_matrices)]
        logs = pt.stack([values for values, _ in each])
        frames = pt.stack([vectors for _, vectors in each])
    if n_shapes:
        logs = pt.matmul(shapes, contrasts(d).T) if d > 1 else pt.zeros((1, d))
    wide = frames * pt.exp(0.5 * (volumes + logs))[:, None, :]
    return pt.matmul(wide, wide.mT)


_COVARIANCES: dict[type, Callable[..., Any]] = {
    UnconstrainedSpace: _by_deviations,
    DecomposedSpace: _by_shapes,
}


def _correlation_factors(log_odds: Any, d: int) -> Any:
    """Return Cholesky factors (G, D, D) of correlation matrices, without a loop.

    Row i of the factor breaks a stick of unit length: entry j takes the share ``z[i, j]`` of what
    the entries before it left, ``prod_{l < j} sqrt(1 - z[i, l]**2)``, and the diagonal takes the
    rest (Lewandowski, Kurowicka & Joe 2009, section 2.4). With ``z = tanh(u / 2)`` the logarithm of
    such a root is ``log 2 - (softplus(u) + softplus(-u)) / 2``.
    """
    rows, columns = np.tril_indices(d, -1)
    g, n = log_odds.type.shape
    if not n:
        return pt.ones((g, 1, 1)) * np.eye(d)
    blank = pt.zeros((g, d, d))
    shares = blank[:, rows, columns].set(pt.tanh(0.5 * log_odds))
    softplus = pt.softplus(log_odds) + pt.softplus(-log_odds)
    log_left = blank[:, rows, columns].set(np.log(2.0) - 0.5 * softplus)
    log_stick = pt.cumsum(log_left, axis=-1) - log_left
    return (shares + np.eye(d)) * pt.exp(log_stick)
