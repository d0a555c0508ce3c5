"""How the Gibbs sampler's moves learn the shape of the posterior while tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.optimize import minimize

from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.samplers.gibbs.coordinates import Coordinates
from gmm_bayes.samplers.gibbs.marginal_density import (
    log_density_and_gradient,
    new_mixture,
    pack,
)
from gmm_bayes.samplers.gibbs.moves import Moves
from gmm_bayes.samplers.gibbs.sweep import ConjugateModel, State
from gmm_bayes.samplers.jumps import assign, fit_proposals

MIN_TUNE = 40
"""With less tuning there is nothing to learn from, and the sampler makes sweeps only."""

ENOUGH_INFORMATION = 0.5
"""Sweeps mix well where the data's information, in the direction where it is least, is more than
this share of what it would be with known labels."""

_LEAST_INFORMATION = 1e-3
"""Least share of that information: the observed one may be indefinite."""

_FIRST_KICKS = 3
"""Kicks of a turn in the first window."""

_MOST_KICKS = 12
"""Kicks of a turn at most."""

_MOST_JUMPS = 4
"""Jumps after a sweep at most."""

_MOST_PROPOSALS = 4
"""Components of the mixture that jumps are proposed from, at most."""

_TURN_WORTH = 0.25
"""What an accepted turn is worth in accepted jumps: a turn follows the posterior's bends, while a
jump forgets where it was."""

_LEAST_REFRESHED = 0.02
"""If moves refresh the chain less often than this, it is left to its sweeps."""

_SWEEP_COST = 1.5
"""Time of a sweep, in evaluations of the density."""

_GRADIENT_COST = 1.7
"""Time of a gradient, in evaluations of the density."""

_MAX_CLIMB = 200
"""Iterations of the climb to a mode at most."""

_STEP = 0.1
"""Of differences of gradients, in standard deviations with labels known."""


@dataclass(frozen=True)
class Schedule:
    """How the tuning iterations are shared out.

    Parameters
    ----------
    sweeps : int
        Iterations by sweeps alone, in which a chain finds the posterior.
    windows : tuple of int
        Iterations of each window, from whose draws the moves are fitted anew.
    """

    sweeps: int
    windows: tuple[int, ...]

    @classmethod
    def of(cls, tune: int) -> Schedule:
        """Share out `tune` iterations; the rest are made with the moves as they will stay."""
        eighth = tune // 8
        return cls(eighth, (eighth, eighth, 2 * eighth, 2 * eighth))


@dataclass(frozen=True)
class NormalAtMode:
    """A normal distribution at a mode of the posterior, with the curvature there.

    Attributes
    ----------
    mean : ndarray of shape (P,)
    factor : ndarray of shape (P, P)
        Lower Cholesky factor of the covariance.
    information : float
        The observed information as a share of what it would be with known labels, in the direction
        where that share is least. One minus it is the rate at which EM converges (Dempster, Laird &
        Rubin 1977) and the autocorrelation of successive sweeps (Sahu & Roberts 1999).
    """

    mean: FloatArray
    factor: FloatArray
    information: float


def no_moves(coordinates: Coordinates) -> Moves:
    """Return what leaves a chain to its sweeps."""
    p, k, d = coordinates.size, coordinates.n_components, coordinates.n_features
    return Moves(
        n_kicks=0,
        angle=0.0,
        mean=np.zeros(p),
        factor=np.eye(p),
        n_jumps=0,
        jump_log_const=np.zeros(1),
        jump_cumulative=np.ones(1),
        jump_means=np.zeros((1, p)),
        jump_factors=np.eye(p)[None],
        pivot=np.zeros((k, 1 + d)),
        pivot_precision=np.ones((k, 1 + d)),
    )


def normal_at_mode(model: ConjugateModel, coordinates: Coordinates, state: State) -> NormalAtMode:
    """Return the normal distribution at the posterior mode that a climb from `state` reaches.

    The information is the observed one, from differences of gradients. In directions where it is
    not positive, a thousandth of what known labels would give stands for it.
    """
    k, d = coordinates.n_components, coordinates.n_features
    start = np.empty(coordinates.size)
    pack(model, *state[:3], start)
    n = model.n_rows
    # The prior is worth a row, which keeps the information of an empty component positive.
    shares = (n * state.weights + 1.0) / (n + k)
    known = coordinates.complete_information(shares, state.whiteners, n + k)
    # In theta = start + scale x, every entry of x would have variance 1 with known labels.
    scale = np.linalg.inv(np.linalg.cholesky(known)).T
    mixture = new_mixture(k, d)

    def negative_log_density(x: FloatArray) -> tuple[float, FloatArray]:
        gradient = np.empty(x.size)
        value = log_density_and_gradient(start + scale @ x, model, mixture, gradient)
        if not np.isfinite(value):
            return np.inf, np.zeros(x.size)
        return -value, -scale.T @ gradient

    found = minimize(
        negative_log_density,
        np.zeros(start.size),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _MAX_CLIMB, "maxcor": 20, "gtol": 1e-2, "ftol": 1e-9},
    )
    x = found.x if np.isfinite(found.fun) else np.zeros(start.size)
    mean = start + scale @ x
    steps = _STEP * np.eye(x.size)
    slopes = [
        negative_log_density(x + step)[1] - negative_log_density(x - step)[1] for step in steps
    ]
    information = np.stack(slopes) / (2.0 * _STEP)
    information = 0.5 * (information + information.T)
    if not np.isfinite(information).all():
        information = np.eye(x.size) * _LEAST_INFORMATION
    values, vectors = np.linalg.eigh(information)
    spread = scale @ vectors / np.sqrt(np.maximum(values, _LEAST_INFORMATION))
    return NormalAtMode(mean, _lower(spread), float(values.min()))


def with_turns(coordinates: Coordinates, moves: Moves, found: NormalAtMode) -> Moves:
    """Return moves that turn around a chain's own mode, with components in that mode's order."""
    k, d = coordinates.n_components, coordinates.n_features
    log_weights, means = coordinates.weights_and_means(found.mean)
    covariance = found.factor @ found.factor.T
    of_ratios = np.append(np.diag(covariance)[: k - 1], covariance[: k - 1, : k - 1].sum())
    of_means = np.diag(covariance)[k - 1 : k - 1 + k * d].reshape(k, d)
    return with_kicks(
        moves._replace(
            mean=found.mean,
            factor=found.factor,
            pivot=np.column_stack([log_weights, means]),
            pivot_precision=1.0 / np.column_stack([np.maximum(of_ratios, 1e-12), of_means]),
        ),
        _FIRST_KICKS,
    )


def with_kicks(moves: Moves, n_kicks: int) -> Moves:
    """Return moves that make their quarter turn with so many kicks."""
    return moves._replace(n_kicks=n_kicks, angle=0.5 * np.pi / max(n_kicks, 1))


def renumber(coordinates: Coordinates, moves: Moves, pivot: Moves) -> tuple[Moves, IntArray]:
    """Return moves in another pivot's order of components, and that order."""
    away = moves.pivot[None] - pivot.pivot[:, None]
    costs = (pivot.pivot_precision[:, None] * away * away).sum(axis=-1)
    order = np.empty(len(costs), dtype=np.int64)
    assign(costs, order)
    changed = moves._replace(
        mean=coordinates.permute(moves.mean, order),
        factor=_lower(coordinates.permute(moves.factor.T, order).T),
        pivot=pivot.pivot,
        pivot_precision=pivot.pivot_precision,
    )
    return changed, order


def fit_jumps(moves: Moves, thetas: FloatArray, seed: np.random.SeedSequence) -> Moves:
    """Return moves with jumps from a mixture fitted to draws (n, P) of all chains.

    Draws are whitened by the moves' reference, to whose covariance those of the mixture are shrunk.
    """
    mixture = fit_proposals(
        np.linalg.solve(moves.factor, (thetas - moves.mean).T).T, seed, _MOST_PROPOSALS
    )
    if mixture is None:
        return moves._replace(n_jumps=0)
    factors = moves.factor @ np.linalg.cholesky(mixture.covariances)
    log_dets = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    return moves._replace(
        n_jumps=1,
        jump_log_const=np.log(mixture.weights) - log_dets,
        jump_cumulative=np.cumsum(mixture.weights),
        jump_means=moves.mean + mixture.means @ moves.factor.T,
        jump_factors=np.ascontiguousarray(factors),
    )


def with_jumps(moves: Moves, fitted: Moves) -> Moves:
    """Return moves with the jumps of others."""
    return moves._replace(
        n_jumps=fitted.n_jumps,
        jump_log_const=fitted.jump_log_const,
        jump_cumulative=fitted.jump_cumulative,
        jump_means=fitted.jump_means,
        jump_factors=fitted.jump_factors,
    )


def adapt_kicks(moves: Moves, turned: float) -> Moves:
    """Return moves with more kicks if few turns were accepted, with fewer if nearly all were."""
    if turned < 0.5:
        return with_kicks(moves, min(2 * moves.n_kicks, _MOST_KICKS))
    return with_kicks(moves, max(1, moves.n_kicks - 1)) if turned > 0.9 else moves


def choose_moves(moves: Moves, turned: float, jumped: float) -> Moves:
    """Return the moves that refresh the chain most often for their work, given how they did."""

    def refreshed(turns: bool, n_jumps: int) -> float:
        return float(1.0 - (1.0 - _TURN_WORTH * turned * turns) * (1.0 - jumped) ** n_jumps)

    def per_cost(plan: tuple[bool, int]) -> float:
        turns, n_jumps = plan
        work = _GRADIENT_COST * (moves.n_kicks + 1) * turns + n_jumps + (n_jumps > 0)
        return refreshed(*plan) / (_SWEEP_COST + work)

    plans = product((False, True), range(_MOST_JUMPS + 1))
    turns, n_jumps = max(plans, key=per_cost)
    if refreshed(turns, n_jumps) < _LEAST_REFRESHED:
        turns, n_jumps = False, 0
    return with_kicks(moves, moves.n_kicks if turns else 0)._replace(n_jumps=n_jumps)


def last_draws(windows: Sequence[Sequence[FloatArray]]) -> FloatArray:
    """Return the draws of the last two windows, all chains', one under the other."""
    return np.concatenate([thetas for window in windows[-2:] for thetas in window])


def _lower(root: FloatArray) -> FloatArray:
    """Return the lower Cholesky factor of ``root root'``."""
    upper = np.linalg.qr(root.T, mode="r")
    return np.ascontiguousarray((upper * np.sign(np.diag(upper))[:, None]).T)
