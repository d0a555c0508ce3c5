"""The map from the unconstrained vector to a mixture in PyTensor's own nodes.

It is that of :class:`gmm_bayes.space.unconstrained.UnconstrainedSpace`, for slopes of what a model
adds to the mixture's parameters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt

from gmm_bayes.space.unconstrained import UnconstrainedSpace


def mixture_of(space: UnconstrainedSpace, theta: Any) -> tuple[Any, Any, Any]:
    """Return weights (K,), means (K, D) and covariances (K, D, D) of the vector (size,)."""
    k, d, g = space.n_components, space.n_features, space.n_covariances
    ends = np.cumsum([k - 1, k * d, g * space.n_sds, g * space.n_correlations])
    ratios, means, log_sds, log_odds = (
        theta[end - size : end] for end, size in zip(ends, np.diff([0, *ends]), strict=True)
    )
    weights = pt.special.softmax(pt.concatenate([ratios, -ratios.sum(keepdims=True)]), axis=0)
    sds = pt.exp(log_sds).reshape((g, space.n_sds, 1))
    factors = sds * _correlation_factors(log_odds.reshape((g, space.n_correlations)), d)
    covariances = pt.matmul(factors, factors.mT)
    return weights, means.reshape((k, d)), pt.broadcast_to(covariances, (k, d, d))


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
