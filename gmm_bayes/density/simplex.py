"""The weights of a mixture and their Dirichlet prior on unconstrained space, compiled."""

from __future__ import annotations

import math

from gmm_bayes.core.jit import inlined


@inlined()
def write_log_weights(theta, log_weights):  # type: ignore[no-untyped-def]
    """Write to `log_weights` (K,) the log softmax of the first K - 1 entries of `theta`.

    The K-th entry of the softmax's argument is minus the sum of the others.
    """
    n_components = log_weights.shape[0]
    last = 0.0
    for k in range(n_components - 1):
        log_weights[k] = theta[k]
        last -= theta[k]
    log_weights[n_components - 1] = last
    high = -math.inf
    for k in range(n_components):
        high = max(high, log_weights[k])
    total = 0.0
    for k in range(n_components):
        total += math.exp(log_weights[k] - high)
    norm = high + math.log(total)
    for k in range(n_components):
        log_weights[k] -= norm


@inlined()
def log_weights(theta, concentration, logs, weights):  # type: ignore[no-untyped-def]
    """Write the log weights and the weights; return their log density but for a constant.

    The weights are the softmax of (theta, -sum theta), as in PyMC's SimplexTransform, whose log
    Jacobian is ``sum log w``.
    """
    write_log_weights(theta, logs)
    value = 0.0
    for k in range(logs.shape[0]):
        weights[k] = math.exp(logs[k])
        value += concentration * logs[k]
    return value


@inlined()
def weight_gradient(counts, n_samples, concentration, weights, gradient):  # type: ignore[no-untyped-def]
    """Write the slopes in the K - 1 log-ratios of the weights.

    With ``a_k = counts[k] + concentration``, the slope of ``sum a_k log w_k`` in v_k is ``a_k -
    w_k sum a``; the last v is minus the sum of the others.
    """
    n_components = counts.shape[0]
    mass = n_samples + concentration * n_components
    last_slope = counts[-1] + concentration - mass * weights[-1]
    for k in range(n_components - 1):
        gradient[k] = counts[k] + concentration - mass * weights[k] - last_slope
