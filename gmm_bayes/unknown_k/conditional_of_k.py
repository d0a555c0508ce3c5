"""The distribution of K given the partition of the rows, compiled."""

from __future__ import annotations

import math

from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.unknown_k.component_density import half_trace


@njit()
def log_weight_of_partition(counts, n_filled, concentration):  # type: ignore[no-untyped-def]
    """Return ``sum_k log Gamma(n_k + c) / Gamma(c)`` over the components with rows."""
    total = 0.0
    constant = math.lgamma(concentration)
    for k in range(n_filled):
        total += math.lgamma(counts[k] + concentration) - constant
    return total


@njit()
def log_conditional_of_k(model, unknown, counts, n_filled, whiteners, out):  # type: ignore[no-untyped-def]
    """Write log p(K | partition, parameters of the filled components) to `out` (M,), unnormalised.

    With c_K the Dirichlet distribution's parameter, the partition of N rows into K+ components has
    the probability ``K! / (K - K+)! Gamma(K c_K) / Gamma(N + K c_K) prod_k Gamma(n_k + c_K) /
    Gamma(c_K)`` given K (Frühwirth-Schnatter et al. 2021, equation 2.6). Where the prior of the
    covariances depends on K, their density does, too.
    """
    n_rows = model.data.shape[1]
    n_covariances = 1 if model.shared else n_filled
    for index in range(out.shape[0]):
        k = index + 1
        if k < n_filled or unknown.log_prior[index] == -math.inf:
            out[index] = -math.inf
            continue
        value = unknown.log_prior[index] + math.lgamma(k + 1.0) - math.lgamma(k - n_filled + 1.0)
        if unknown.dynamic:
            value += log_weight_of_partition(counts, n_filled, model.concentration / k)
        else:
            total = k * model.concentration
            value += math.lgamma(total) - math.lgamma(n_rows + total)
        if unknown.psi.shape[0] > 0:
            value += n_covariances * unknown.covariance_constant[index]
            for j in range(n_covariances):
                value -= half_trace(unknown.psi[index], whiteners[j])
        out[index] = value


@njit()
def log_partition(model, unknown, counts, n_filled, whiteners, logs):  # type: ignore[no-untyped-def]
    """Return the log probability of a partition, K integrated out; ``logs`` (M,) is work space.

    Where the prior of the covariances depends on K, their density is part of it, but for a factor
    that does not.
    """
    log_conditional_of_k(model, unknown, counts, n_filled, whiteners, logs)
    top = logs.max()
    if top == -math.inf:
        return top
    total = 0.0
    for i in range(logs.shape[0]):
        total += math.exp(logs[i] - top)
    value = top + math.log(total)
    if not unknown.dynamic:
        value += log_weight_of_partition(counts, n_filled, model.concentration)
    return value


@njit()
def log_without_k(unknown, reference, value, whiteners):  # type: ignore[no-untyped-def]
    """Return a log density of components less the part that depends on K, taken at one K."""
    if unknown.psi.shape[0] > 0:
        for k in range(whiteners.shape[0]):
            value -= unknown.covariance_constant[reference]
            value += half_trace(unknown.psi[reference], whiteners[k])
    return value


@inlined()
def draw_from_logs(rng, logs):  # type: ignore[no-untyped-def]
    """Return an index with probability proportional to the exponential of its entry."""
    top = logs.max()
    total = 0.0
    for i in range(logs.shape[0]):
        total += math.exp(logs[i] - top)
    left = rng.random() * total
    for i in range(logs.shape[0]):
        left -= math.exp(logs[i] - top)
        if left < 0.0:
            return i
    return logs.argmax()
