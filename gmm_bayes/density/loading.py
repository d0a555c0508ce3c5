"""The compiled densities, each compiled or read from disk when a posterior first needs it."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numba

from gmm_bayes.core.jit import cached_on_disk, njit
from gmm_bayes.density.by_address import SIGNATURE, set_address
from gmm_bayes.density.closed_form import log_density, mixture_at
from gmm_bayes.density.decomposed import decomposed_log_density, decomposed_mixture_at
from gmm_bayes.density.incomplete import load_incomplete
from gmm_bayes.density.packed import AT_SIZE, HEADER, unpacked_prior, unpacked_rows
from gmm_bayes.density.row_loops import load_moments
from gmm_bayes.density.shared_scale import load_shared_scale


class Needs(NamedTuple):
    """What of the compiled code a posterior's density needs.

    Parameters
    ----------
    decomposed : bool
        Whether covariances share some of volume, shape and orientation.
    shared_scale : bool, default False
        Whether the prior has a scale matrix that all covariances share.
    incomplete : bool, default False
        Whether rows have missing values.
    """

    decomposed: bool
    shared_scale: bool = False
    incomplete: bool = False


def _closed_form(n, theta, packed, gradient, n_weights, row_weights, row_log_prob):  # type: ignore[no-untyped-def]
    """Call :func:`log_density` with what `packed` holds."""
    numbers = numba.carray(packed, (int(numba.carray(packed, (HEADER,))[AT_SIZE]),))
    prior, first = unpacked_prior(numbers)
    return log_density(
        numba.carray(theta, (n,)),
        unpacked_rows(numbers, first),
        numbers[2] > 0.0,
        prior,
        numba.carray(gradient, (n,)),
        numba.carray(row_weights, (n_weights,)),
        numba.carray(row_log_prob, (n_weights,)),
    )


def _decomposed(n, theta, packed, gradient, n_weights, row_weights, row_log_prob):  # type: ignore[no-untyped-def]
    """Call :func:`decomposed_log_density` with what `packed` holds."""
    numbers = numba.carray(packed, (int(numba.carray(packed, (HEADER,))[AT_SIZE]),))
    prior, first = unpacked_prior(numbers)
    return decomposed_log_density(
        numba.carray(theta, (n,)),
        unpacked_rows(numbers, first),
        prior,
        numba.carray(gradient, (n,)),
        numba.carray(row_weights, (n_weights,)),
        numba.carray(row_log_prob, (n_weights,)),
    )


@cache
def _compiled(decomposed: bool) -> Any:
    """Return the process's one compiled density of a kind, which lives as long as the process."""
    function = _decomposed if decomposed else _closed_form
    return cached_on_disk(numba.cfunc, SIGNATURE, error_model="numpy")(function)


def load_density(needs: Needs) -> None:
    """Let compiled code find a density, which is compiled or read from disk the first time."""
    load_moments()
    if needs.shared_scale:
        load_shared_scale()
    if needs.incomplete:
        load_incomplete()
    set_address(int(needs.decomposed), _compiled(needs.decomposed).address)


@njit()
def packed_mixture(theta, packed):  # type: ignore[no-untyped-def]
    """Return weights (K,), means (K, D) and covariances (K, D, D) at `theta` (n,).

    For covariances that are common or each component's own.
    """
    prior = unpacked_prior(packed)[0]
    return mixture_at(theta, int(packed[1]), packed[2] > 0.0, prior)


@njit()
def packed_decomposed_mixture(theta, packed):  # type: ignore[no-untyped-def]
    """Do what :func:`packed_mixture` does where covariances share volume, shape or orientation."""
    return decomposed_mixture_at(theta, int(packed[1]), unpacked_prior(packed)[0])
