"""Moments of rows with missing values, completed exactly, compiled.

A row's density is the marginal density of what was observed of it. Its part in the slope of the
log-likelihood is, by Fisher's identity, the expected score of the completed row. So all that is
needed are the expected moments of completed rows (Ghahramani & Jordan 1994, equations 12 to 17).

Let L be the Cholesky factor of a covariance S, with W its inverse, and ``L_o`` its rows of the
observed features. Let V be the whitener of the observed part, ``S_oo^-1 = V' V``. Given the
observed residual r, the whitened completed residual has the mean ``A V r`` with ``A = L_o' V'``,
whose columns are orthonormal, and the covariance ``I - A A'``.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from gmm_bayes.core.jit import njit
from gmm_bayes.density.by_address import ADD_INCOMPLETE, call
from gmm_bayes.density.entries import Entry, load
from gmm_bayes.density.moments import FactorisedMixture, Sums, whitened_moments, zero_sums
from gmm_bayes.density.triangular import cholesky, invert_lower


@njit()
def observed_part(factor, features, whitener, mixing):  # type: ignore[no-untyped-def]
    """Write V (O, O) to `whitener` and A (D, O) to `mixing`; return the log determinant of V.

    `factor` is L (D, D), and `features` (O,) are the numbers of the observed features.
    """
    d, n = factor.shape[0], features.shape[0]
    part = np.zeros((n, n))
    for a in range(n):
        for b in range(a + 1):
            i, j = features[a], features[b]
            for m in range(min(i, j) + 1):
                part[a, b] += factor[i, m] * factor[j, m]
    cholesky(part)
    whitener[:] = 0.0
    invert_lower(part, whitener)
    log_det = 0.0
    for a in range(n):
        log_det += math.log(whitener[a, a])
        for m in range(d):
            mixing[m, a] = 0.0
            for b in range(a + 1):
                if m <= features[b]:
                    mixing[m, a] += factor[features[b], m] * whitener[a, b]
    return log_det


@njit()
def observed_features(pattern):  # type: ignore[no-untyped-def]
    """Return the numbers of the observed features of a line of the table of patterns."""
    n = 0
    for d in range(1, pattern.shape[0]):
        n += pattern[d] > 0.0
    features = np.empty(n, dtype=np.int64)
    n = 0
    for d in range(1, pattern.shape[0]):
        if pattern[d] > 0.0:
            features[n] = d - 1
            n += 1
    return features


@njit()
def observed_mixture(log_weights, means, factors, features, mixing):  # type: ignore[no-untyped-def]
    """Return the mixture of the observed features; write each component's A to `mixing`.

    ``factors`` (G, D, D) are Cholesky factors, one for each component or one for all; ``mixing`` is
    (K, D, O).
    """
    n_components, n = means.shape[0], features.shape[0]
    log_const = np.empty(n_components)
    centres, whiteners = np.empty((n_components, n)), np.zeros((n_components, n, n))
    for k in range(n_components):
        factor = factors[min(k, factors.shape[0] - 1)]
        log_det = observed_part(factor, features, whiteners[k], mixing[k])
        log_const[k] = log_weights[k] + log_det
        for a in range(n):
            centres[k, a] = means[k, features[a]]
    return FactorisedMixture(log_const, centres, whiteners)


@njit()
def add_incomplete(patterns, values, log_weights, means, factors, sums):  # type: ignore[no-untyped-def]
    """Add the expected whitened moments of incomplete rows to `sums`; return the log-likelihood.

    ``patterns`` (P, 1 + D) has in each line a number of rows and which features were observed of
    them, ``values`` their observed values: one block (O, n) for each pattern after the other. The
    log-likelihood lacks the constant ``-log(2 pi) / 2`` for each value.
    """
    sizes = (patterns.shape[0], *means.shape, factors.shape[0], values.shape[0])
    return call(ADD_INCOMPLETE, (sizes, patterns, values, log_weights, means, factors, sums))


@njit()
def _complete(k, part, mixing, sums):  # type: ignore[no-untyped-def]
    """Add a component's moments of the observed parts to those of whole rows.

    With f and M the first and second moments: ``A f``, and ``A M A' + count (I - A A')``.
    """
    d, n = mixing.shape
    count, moments = part.counts[k], part.second[k]
    sums.counts[k] += count
    half = np.zeros((d, n))
    for i in range(d):
        for a in range(n):
            sums.first[k, i] += mixing[i, a] * part.first[k, a]
            for b in range(n):
                m = moments[a, b] if b <= a else moments[b, a]
                half[i, b] += mixing[i, a] * (m - (count if a == b else 0.0))
        for j in range(i + 1):
            acc = count if i == j else 0.0
            for b in range(n):
                acc += half[i, b] * mixing[j, b]
            sums.second[k, i, j] += acc


@njit()
def _add_incomplete(patterns, values, log_weights, means, factors, sums):  # type: ignore[no-untyped-def]
    """Do what :func:`add_incomplete` does, in the one compiled copy."""
    n_components, n_features = means.shape
    value = 0.0
    at = 0
    for p in range(patterns.shape[0]):
        features = observed_features(patterns[p])
        n_rows, n = int(patterns[p, 0]), features.shape[0]
        data = values[at : at + n_rows * n].reshape(n, n_rows)
        at += n_rows * n
        mixing = np.empty((n_components, n_features, n))
        components = observed_mixture(log_weights, means, factors, features, mixing)
        part = zero_sums(n_components, n)
        value += whitened_moments(data, components, part, True)
        for k in range(n_components):
            _complete(k, part, mixing[k], sums)
    return value


def _add_incomplete_at(  # type: ignore[no-untyped-def]  # noqa: PLR0913 - arrays by their addresses
    n_patterns,
    k,
    d,
    n_factors,
    n_values,
    patterns,
    values,
    log_weights,
    means,
    factors,
    counts,
    first,
    second,
):
    """Call :func:`_add_incomplete`."""
    return _add_incomplete(
        numba.carray(patterns, (n_patterns, 1 + d)),
        numba.carray(values, (n_values,)),
        numba.carray(log_weights, (k,)),
        numba.carray(means, (k, d)),
        numba.carray(factors, (n_factors, d, d)),
        Sums(
            numba.carray(counts, (k,)),
            numba.carray(first, (k, d)),
            numba.carray(second, (k, d, d)),
        ),
    )


_ADD_INCOMPLETE = Entry(ADD_INCOMPLETE, _add_incomplete_at, "iiiiipppppppp")


def load_incomplete() -> None:
    """Let compiled code find what adds incomplete rows."""
    load(_ADD_INCOMPLETE)
