"""Responsibilities and whitened moments of all rows, for compiled code.

The loops themselves are those of :mod:`gmm_bayes.density.row_loops`, which are called by address.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gmm_bayes.core.jit import inlined, njit
from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.by_address import (
    ALLOCATE,
    LOG_LIKELIHOOD,
    WHITENED_MOMENTS,
    call,
)

BLOCK_ROWS = 128
"""Rows handled at a time: a block's arrays then stay in the processor's first-level cache."""


class FactorisedMixture(NamedTuple):
    """A mixture as the compiled loops read it.

    Parameters
    ----------
    log_const : ndarray of shape (K,)
        Log weight plus log determinant of the whitener.
    means : ndarray of shape (K, D)
    whiteners : ndarray of shape (K, D, D)
        Inverse Cholesky factors of the covariances, lower triangular.
    """

    log_const: FloatArray
    means: FloatArray
    whiteners: FloatArray


class Block(NamedTuple):
    """Arrays for one block of B rows, reused from block to block.

    Parameters
    ----------
    residual : ndarray of shape (D, B)
        Rows less a component's mean.
    white : ndarray of shape (K, D, B)
        Whitened residuals.
    log_prob : ndarray of shape (K, B)
        Log densities, which :func:`allocate` replaces by differences from `top`.
    resp : ndarray of shape (K, B)
        Densities relative to the largest component of each row.
    top : ndarray of shape (B,)
        Log density of the largest component of each row.
    total : ndarray of shape (B,)
        Sum of `resp` over components.
    """

    residual: FloatArray
    white: FloatArray
    log_prob: FloatArray
    resp: FloatArray
    top: FloatArray
    total: FloatArray


class Sums(NamedTuple):
    """Sufficient statistics to which rows are added.

    Parameters
    ----------
    counts : ndarray of shape (K,)
    first : ndarray of shape (K, D)
    second : ndarray of shape (K, D, D)
        Only the lower triangle is used.
    """

    counts: FloatArray
    first: FloatArray
    second: FloatArray


@inlined()
def new_block(n_components, n_features):  # type: ignore[no-untyped-def]
    """Return a :class:`Block` whose values are not set."""
    return Block(
        np.empty((n_features, BLOCK_ROWS)),
        np.empty((n_components, n_features, BLOCK_ROWS)),
        np.empty((n_components, BLOCK_ROWS)),
        np.empty((n_components, BLOCK_ROWS)),
        np.empty(BLOCK_ROWS),
        np.empty(BLOCK_ROWS),
    )


@inlined()
def zero_sums(n_components, n_features):  # type: ignore[no-untyped-def]
    """Return :class:`Sums` of no rows."""
    return Sums(
        np.zeros(n_components),
        np.zeros((n_components, n_features)),
        np.zeros((n_components, n_features, n_features)),
    )


@njit()
def allocate(data, start, n, components, block):  # type: ignore[no-untyped-def]
    """Compute the whitened residuals and unnormalised responsibilities of one block of rows.

    They are written to `block`, for the n columns of `data` (D, N) from `start`.
    """
    n_features, n_samples = data.shape
    sizes = (n_samples, n_features, components.log_const.shape[0])
    call(ALLOCATE, (sizes, data, start, n, components, block))


@njit()
def moments_of_part(  # type: ignore[no-untyped-def]
    data, row_weights, row_log_prob, start, stop, components, sums, products
):
    """Add the moments of some rows' whitened residuals to `sums`; return their log-likelihood.

    The rows are the columns of ``data`` (D, N) from ``start`` to ``stop``. They are weighted by
    their responsibilities and by ``row_weights`` (N,), unless that is empty. Where it is not, each
    row's log density, unweighted, is written to ``row_log_prob`` (N,), unless that is empty. Off
    the diagonal, second moments are added up only if ``products``. The log-likelihood lacks the
    constant ``-D log(2 pi) / 2`` of each row.
    """
    n_features, n_samples = data.shape
    sizes = (n_samples, n_features, components.log_const.shape[0])
    weights = (row_weights, row_weights.shape[0], row_log_prob, row_log_prob.shape[0])
    return call(WHITENED_MOMENTS, (sizes, data, weights, start, stop, components, sums, products))


@njit()
def whitened_moments(data, components, sums, products):  # type: ignore[no-untyped-def]
    """Do what :func:`moments_of_part` does for all rows, without weights."""
    none = np.empty(0)
    return moments_of_part(data, none, none, 0, data.shape[1], components, sums, products)


@njit()
def weighted_moments(data, components, weights, log_prob, sums, products):  # type: ignore[no-untyped-def]
    """Do what :func:`moments_of_part` does for all rows, with weights and their log densities."""
    return moments_of_part(data, weights, log_prob, 0, data.shape[1], components, sums, products)


@njit()
def log_likelihood(data, components):  # type: ignore[no-untyped-def]
    """Return the log-likelihood of the rows (D, N), without the constant ``-N D log(2 pi) / 2``."""
    n_features, n_samples = data.shape
    sizes = (n_samples, n_features, components.log_const.shape[0])
    return call(LOG_LIKELIHOOD, (sizes, data, components))
