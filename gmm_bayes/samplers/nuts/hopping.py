"""Chains that jump between modes: fitted to a pilot run of NUTS, then run on several threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from gmm_bayes.core.types import BoolArray, FloatArray, IntArray
from gmm_bayes.density.conversion import standardised_draws
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.peaks import Peak
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.labels.relabelling import relabel
from gmm_bayes.samplers.contract import Task, usable_cores
from gmm_bayes.samplers.jumps import fit_proposals, in_order
from gmm_bayes.samplers.nuts.hops import Hops, Jumps, Steps, hop, new_hops, write_permuted
from gmm_bayes.samplers.nuts.output import NUTSSettings
from gmm_bayes.samplers.nuts.transition import Target

MIN_TUNE = 100
"""With less tuning there is too little to fit jumps to."""

_MOST_PROPOSALS = 20
"""Components of the mixture that jumps are proposed from, at most."""

_JUMPS_PER_STEP = 1.0
"""Jumps after each transition, for each of the steps that it takes on average."""

_MOST_JUMPS = 80
"""Jumps after each transition at most."""

_FEW_ACCEPTED = 0.05
"""Where a smaller share of jumps is accepted, chains make more local transitions."""

_MORE_LOCAL = 3
"""Local transitions in each iteration there; otherwise there is one."""

_TO_PEAKS = 0.3
"""Share of the jumps that lead to peaks."""

_MOST_PEAKS = 10
"""Peaks that jumps lead to at most."""

_WIDER = 1.0
"""Times which jumps to a peak spread more than the normal distribution there."""

_IN_REACH = 10.0
"""A pilot chain counts where the estimated log mass of its mode is this close to the best one's."""

_TRANSITIONS_AT_ONCE = 20
"""Iterations before a chain looks whether it is to stop."""

_POLL_SECONDS = 0.02
"""Time between two reports of progress."""

_FIRST_STEP = 0.5
"""In units of the posterior's standard deviations."""


class Plan(NamedTuple):
    """How the tuning iterations are shared out.

    Parameters
    ----------
    tune, pilot : int
        nutpie's tuning, and the draws of its pilot run.
    rehearsal : tuple of int
        Iterations of the rehearsal that adapt the step, and its draws.
    adapt : int
        Iterations that adapt the step once more.
    """

    tune: int
    pilot: int
    rehearsal: tuple[int, int]
    adapt: int

    @property
    def before_the_last(self) -> int:
        """Iterations before those that adapt the step once more."""
        return self.tune + self.pilot + sum(self.rehearsal)

    @classmethod
    def of(cls, tune: int) -> Plan:
        """Share out `tune` iterations."""
        first, pilot, drawn = 3 * tune // 8, tune // 4, 3 * tune // 16
        adapt = tune // 16
        return cls(first, pilot, (adapt, drawn), tune - first - pilot - adapt - drawn)


@dataclass(frozen=True)
class Fitted:
    """What all chains share once the pilot run is over.

    Parameters
    ----------
    target : Target
    jumps : Jumps
    starts : ndarray of shape (C, P)
        Where the pilot chains ended, with components in the pivot's order. A chain whose mode has a
        negligible share of the posterior starts where another one has been.
    log_masses : ndarray of shape (C,)
        Of the mode of each pilot chain, relative to the largest; rough.
    """

    target: Target
    jumps: Jumps
    starts: FloatArray
    log_masses: FloatArray

    @property
    def stays(self) -> BoolArray:
        """Which chains (C,) go on from where their pilots ended."""
        return np.asarray(self.log_masses >= -_IN_REACH)

    def where_accepted(self, share: float) -> Fitted:
        """Return the same for jumps of which so many were accepted in a rehearsal."""
        if self.jumps.n_jumps == 0 or share >= _FEW_ACCEPTED:
            return self
        return replace(self, jumps=self.jumps._replace(n_local=_MORE_LOCAL))


def fit_to_pilot(
    posterior: LogPosterior,
    thetas: FloatArray,
    lp: FloatArray,
    others: FloatArray,
    n_steps: float,
    seed: np.random.SeedSequence,
    max_depth: int,
    peaks: Sequence[Peak] = (),
) -> Fitted:
    """Fit the metric to a pilot run, and the jumps to it and to other draws.

    Some jumps lead to the peaks. A chain that reached a mode which hardly any of the draws are in
    could not leave it for long, because jumps from there would be accepted in proportion to how
    often they lead there.

    Parameters
    ----------
    posterior : LogPosterior
    thetas : ndarray of shape (C, S, P)
    lp : ndarray of shape (C, S)
        Their log densities.
    others : ndarray of shape (n, P)
        Of a population and of earlier runs, to which jumps are fitted together with the draws.
    n_steps : float
        Steps of a transition on average.
    seed : numpy.random.SeedSequence
    max_depth : int
    peaks : sequence of Peak
        Maxima of the posterior.
    """
    space = posterior.space
    blocks = [size for block in space.blocks for size in block]
    layout = np.array([space.n_components, space.n_features, *blocks], dtype=np.int64)
    highest = lp.mean(axis=1).argmax()
    pivot = _pivot(standardised_draws(posterior, thetas[highest : highest + 1]))
    empty = Jumps(
        0, 0, np.zeros(1), np.ones(1), np.zeros((1, 1)), np.zeros((1, 1, 1)), *pivot, layout
    )
    ordered = _in_order(thetas, empty)
    log_masses = _log_masses(ordered, lp)
    inside = log_masses >= -_IN_REACH
    reach = ordered[inside]
    centre, factor = _metric(reach)
    drawn = np.concatenate([reach.reshape(-1, space.size), _in_order(others[None], empty)[0]])
    z = np.linalg.solve(factor, (drawn - centre).T).T
    mixture = fit_proposals(z, seed, _MOST_PROPOSALS)
    jumps = empty
    if mixture is not None:
        near = Normals(
            mixture.weights,
            centre + mixture.means @ factor.T,
            factor @ np.linalg.cholesky(mixture.covariances),
        )
        jumps = _leading_to(_with_peaks(near, peaks, empty), empty, n_steps)
    starts = ordered[:, -1].copy()
    rng = np.random.default_rng(seed)
    starts[~inside] = rng.choice(reach.reshape(-1, space.size), size=int((~inside).sum()))
    return Fitted(Target(posterior.packed, factor, max_depth), jumps, starts, log_masses)


class Normals(NamedTuple):
    """Weights (M,), means (M, P) and lower Cholesky factors (M, P, P) of normal distributions."""

    weights: FloatArray
    means: FloatArray
    factors: FloatArray


def _leading_to(normals: Normals, empty: Jumps, n_steps: float) -> Jumps:
    """Return jumps that are proposed from t distributions like some normal ones."""
    # A distribution without draws has the weight 0.
    normals = Normals(*(values[normals.weights > 0.0] for values in normals))
    log_dets = np.log(np.diagonal(normals.factors, axis1=1, axis2=2)).sum(axis=1)
    return empty._replace(
        n_local=1,
        n_jumps=int(np.clip(round(_JUMPS_PER_STEP * n_steps), 2, _MOST_JUMPS)),
        jump_log_const=np.log(normals.weights) - log_dets,
        jump_cumulative=np.cumsum(normals.weights),
        jump_means=normals.means,
        jump_factors=np.ascontiguousarray(normals.factors),
    )


def _with_peaks(normals: Normals, peaks: Sequence[Peak], jumps: Jumps) -> Normals:
    """Add the normal distributions at the highest hills, each as often as any other."""
    masses = np.array([peak.log_mass for peak in peaks])
    chosen = [i for i in np.argsort(-masses)[:_MOST_PEAKS] if masses[i] > masses.max() - _IN_REACH]
    if not chosen:
        return normals
    means, factors = [], []
    for peak in (peaks[i] for i in chosen):
        # What puts components into the pivot's order is linear in the vector.
        put = _ordering(peak.normal.mean, jumps)
        moved = put @ peak.normal.factor
        means.append(put @ peak.normal.mean)
        factors.append(np.linalg.cholesky(_WIDER**2 * moved @ moved.T))
    share = np.full(len(chosen), _TO_PEAKS / len(chosen))
    return Normals(
        np.concatenate([(1.0 - _TO_PEAKS) * normals.weights, share]),
        np.concatenate([normals.means, means]),
        np.concatenate([normals.factors, factors]),
    )


def _log_masses(thetas: FloatArray, lp: FloatArray) -> FloatArray:
    """Return the log mass of the mode of each chain (C,), relative to the largest.

    It is that of a normal distribution with the chain's covariance whose mean log density is the
    chain's: the mean log density plus half the log determinant, but for a constant.
    """
    log_dets = [np.log(np.diag(_metric(chain[None])[1])).sum() for chain in thetas]
    masses = lp.mean(axis=1) + np.array(log_dets)
    return np.asarray(masses - masses.max())


def _pivot(draws: MixtureDraws) -> tuple[FloatArray, FloatArray]:
    """Return what gives components their order: log weights and means (K, 1 + D); precisions."""
    aligned = relabel(draws)[0]
    values = np.concatenate([np.log(aligned.weights)[..., None], aligned.means], axis=-1)
    return values.mean(axis=(0, 1)), 1.0 / np.maximum(values.var(axis=(0, 1)), 1e-12)


def _in_order(thetas: FloatArray, jumps: Jumps) -> FloatArray:
    """Return the vectors (C, S, P) with components in the pivot's order."""
    out = np.empty_like(thetas)
    for source, target in zip(
        thetas.reshape(-1, thetas.shape[-1]), out.reshape(-1, thetas.shape[-1]), strict=True
    ):
        write_permuted(source, _order(source, jumps), jumps.layout, target)
    return out


def _order(theta: FloatArray, jumps: Jumps) -> IntArray:
    """Return the order (K,) that the components of a vector (P,) have to be put into."""
    k, d = int(jumps.layout[0]), int(jumps.layout[1])
    ratios = np.append(theta[: k - 1], -theta[: k - 1].sum())
    log_weights = ratios - np.logaddexp.reduce(ratios)
    order = np.empty(k, dtype=np.int64)
    in_order(jumps, log_weights, theta[k - 1 : k - 1 + k * d].reshape(k, d), order)
    return order


def _ordering(theta: FloatArray, jumps: Jumps) -> FloatArray:
    """Return the matrix (P, P) that puts the components of a vector into the pivot's order."""
    order, columns = _order(theta, jumps), np.eye(len(theta))
    for column in columns:
        write_permuted(column.copy(), order, jumps.layout, column)
    return columns.T


def _metric(thetas: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean (P,), and the Cholesky factor (P, P) of the covariance within chains.

    The covariance is shrunk to its diagonal as if that had as many draws as there are parameters.
    """
    n_chains, n, p = thetas.shape
    within = (thetas - thetas.mean(axis=1, keepdims=True)).reshape(-1, p)
    covariance = within.T @ within / (n_chains * n)
    share = n_chains * n / (n_chains * n + p)
    covariance = share * covariance + (1.0 - share) * np.diag(np.diag(covariance))
    covariance += 1e-12 * np.eye(p)
    return thetas.reshape(-1, p).mean(axis=0), np.linalg.cholesky(covariance)


@dataclass
class HoppingChain:
    """One chain and what it has kept.

    Attributes
    ----------
    trace : Hops
        Of the kept iterations; the first `kept` rows are filled.
    kept, done : int
        Kept iterations so far, and all iterations.
    """

    fitted: Fitted
    theta: FloatArray
    rng: np.random.Generator
    n_kept: int
    accept: float
    kept: int = 0
    done: int = 0
    trace: Hops = field(init=False)
    steps: Steps = field(init=False)

    def __post_init__(self) -> None:
        first = float(np.log(_FIRST_STEP))
        self.trace = new_hops(self.n_kept, self.theta.size)
        self.steps = Steps(np.array([first, first, 0.0, 0.0]), first + np.log(2.0), self.accept)

    def run(self, n_adapt: int, stop: threading.Event) -> None:
        """Adapt the step, then make the iterations that are kept."""
        self._iterate(new_hops(n_adapt, self.theta.size), stop, adapting=True)
        self._iterate(self.trace, stop, adapting=False)

    def _iterate(self, trace: Hops, stop: threading.Event, *, adapting: bool) -> None:
        """Fill the trace."""
        total = len(trace.lp)
        for start in range(0, total, _TRANSITIONS_AT_ONCE):
            if stop.is_set():
                return
            end = min(start + _TRANSITIONS_AT_ONCE, total)
            rows = trace.rows(start, end)
            fitted = self.fitted
            hop(self.rng, fitted.target, fitted.jumps, self.steps, self.theta, adapting, rows)
            self.done += end - start
            self.kept += 0 if adapting else end - start


def run_chains(
    settings: NUTSSettings,
    task: Task,
    fitted: Fitted,
    lengths: tuple[int, int],
    seeds: list[np.random.SeedSequence],
    before: int,
) -> tuple[list[HoppingChain], bool]:
    """Run all chains; return them and whether the user interrupted.

    Parameters
    ----------
    settings : NUTSSettings
    task : Task
    fitted : Fitted
    lengths : tuple of int
        Iterations that adapt the step, and iterations that are kept.
    seeds : list of numpy.random.SeedSequence
        One for each chain.
    before : int
        Iterations that each chain has made already.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts before every chain has a draw to keep.
    """
    chains = [
        HoppingChain(fitted, start, np.random.default_rng(seed), lengths[1], settings.target_accept)
        for start, seed in zip(fitted.starts, seeds, strict=True)
    ]
    total = task.chains * (task.tune + task.draws)
    stop = threading.Event()
    with ThreadPoolExecutor(usable_cores(task)) as threads:
        jobs = [threads.submit(chain.run, lengths[0], stop) for chain in chains]
        try:
            unfinished = set(jobs)
            while unfinished:
                _, unfinished = wait(jobs, timeout=_POLL_SECONDS, return_when=FIRST_EXCEPTION)
                if any(job.done() and job.exception() for job in jobs):
                    stop.set()
                task.progress(task.chains * before + sum(chain.done for chain in chains), total)
        except KeyboardInterrupt:
            stop.set()
            wait(jobs)
            if min(chain.kept for chain in chains) == 0:
                raise
            return chains, True
        except BaseException:  # the progress callback failed: leave no chain running behind it
            stop.set()
            raise
    for job in jobs:
        job.result()
    return chains, False
