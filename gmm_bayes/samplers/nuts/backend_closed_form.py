"""The No-U-Turn sampler of nutpie on the hand-derived density."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import nutpie
from numpy.typing import NDArray
from nutpie.compiled_pyfunc import from_pyfunc

from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.conversion import own_draws
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.packed import c_copy, c_log_density
from gmm_bayes.samplers.chain_starts import ChainStarts, find_starts
from gmm_bayes.samplers.contract import Sampled, Task
from gmm_bayes.samplers.nuts.hopping import MIN_TUNE, Fitted, Plan, fit_to_pilot, run_chains
from gmm_bayes.samplers.nuts.hops import Hops
from gmm_bayes.samplers.nuts.nutpie_runs import common_length, run_nutpie, statistics
from gmm_bayes.samplers.nuts.output import NUTSSettings, attributes
from gmm_bayes.space.structures import get_structure


def sample(settings: NUTSSettings, task: Task) -> Sampled:
    """Return the draws that `task` asks for."""
    structure = get_structure(task.covariance_type)
    target = LogPosterior(task.X, task.n_components, task.prior, structure)
    starts, task = find_starts(task, target)
    model = _nutpie_model(target, _chain_starts(task, starts))
    if task.n_components > 1 and task.tune >= MIN_TUNE:
        return _sample_with_jumps(settings, task, starts, model)
    trace, interrupted = run_nutpie(settings, task, model)
    kept = common_length(trace)
    theta = trace["posterior"]["theta"].to_numpy()[:, :kept]
    draws = own_draws(target, theta)
    return Sampled(
        draws,
        statistics(trace, kept),
        interrupted,
        attributes(settings, nutpie),
        origins=(starts.origin,) * task.chains,
        population=starts.mixtures,
    )


def _sample_with_jumps(
    settings: NUTSSettings, task: Task, starts: ChainStarts, model: Any
) -> Sampled:
    """Return draws of chains that jump between the modes that a pilot run has found.

    nutpie tunes and makes the pilot run. A metric and what jumps are proposed from are fitted to
    its draws. With them a rehearsal is run, in which chains reach each other's modes. The metric is
    fitted again to its draws, and jumps to its draws and the pilot's. Neither changes any more when
    the first draw is kept.
    """
    target = starts.target
    plan = Plan.of(task.tune)
    total = task.chains * (task.tune + task.draws)
    pilot = replace(
        task,
        tune=plan.tune,
        draws=plan.pilot,
        progress=lambda done, _: task.progress(done, total),
    )
    trace, interrupted = run_nutpie(settings, pilot, model)
    if interrupted:
        raise KeyboardInterrupt  # only tuning was made
    *seeds, first, second = task.seed.spawn(2 * task.chains + 2)
    thetas = trace["posterior"]["theta"].to_numpy()
    lp = trace["sample_stats"]["logp"].to_numpy()
    n_steps = float(trace["sample_stats"]["n_steps"].mean())

    def fit(seed: np.random.SeedSequence, earlier: FloatArray) -> Fitted:
        others = np.concatenate([starts.above(lp.min()), earlier])
        return fit_to_pilot(
            target, thetas, lp, others, n_steps, seed, settings.max_treedepth, starts.peaks
        )

    fitted = fit(first, np.empty((0, target.space.size)))
    stays = fitted.stays
    of_pilot = thetas[stays].reshape(-1, target.space.size)
    rehearsal, interrupted = run_chains(
        settings, task, fitted, plan.rehearsal, seeds[: task.chains], plan.tune + plan.pilot
    )
    if interrupted:
        raise KeyboardInterrupt
    thetas = np.stack([chain.trace.thetas for chain in rehearsal])
    lp = np.stack([chain.trace.lp for chain in rehearsal])
    n_steps = float(np.mean([chain.trace.n_steps for chain in rehearsal]))
    accepted = float(np.mean([chain.trace.jumped for chain in rehearsal]))
    fitted = fit(second, of_pilot).where_accepted(accepted)
    lengths = (task.tune - plan.before_the_last, task.draws)
    chains, interrupted = run_chains(
        settings, task, fitted, lengths, seeds[task.chains :], plan.before_the_last
    )
    kept = min(chain.kept for chain in chains)
    hops = Hops(*(np.stack(v) for v in zip(*(c.trace.rows(0, kept) for c in chains), strict=True)))
    steps = np.exp([chain.steps.log_step[1] for chain in chains])
    stats: dict[str, NDArray[Any]] = {
        "lp": hops.lp,
        "diverging": hops.diverging,
        "energy": hops.energy,
        "tree_depth": hops.depth,
        "reached_max_treedepth": hops.depth >= settings.max_treedepth,
        "n_steps": hops.n_steps,
        "step_size": np.repeat(steps[:, None], kept, axis=1),
        "acceptance_rate": hops.acceptance,
        "chance_jumped": hops.jumped,
    }
    recorded = {
        **attributes(settings, nutpie),
        "jumps": fitted.jumps.n_jumps,
        "local_transitions": fitted.jumps.n_local,
        "log_mass_of_pilot_modes": fitted.log_masses.tolist(),
    }
    return Sampled(
        own_draws(target, hops.thetas),
        stats,
        interrupted,
        recorded,
        origins=tuple(
            starts.origin + ("" if stayed else ", and then where another chain has been")
            for stayed in stays
        ),
        population=starts.mixtures,
    )


def _chain_starts(task: Task, starts: ChainStarts) -> Callable[[int], FloatArray]:
    """Return what gives a chain its start, from the seed that nutpie draws for that chain."""
    entropy = task.seed.generate_state(4).tolist()

    def start(seed: int) -> FloatArray:
        return starts.draw(np.random.default_rng([*entropy, seed]))

    return start


def _nutpie_model(target: LogPosterior, starts: Callable[[int], FloatArray]) -> Any:
    """Return the compiled density in the form that nutpie gives to its own compiled PyMC models.

    nutpie then calls it without the interpreter, so that chains run side by side. A release of
    nutpie that lays out its models differently gets the same density as a Python function: the
    draws are the same, but the chains take turns.
    """
    size = target.space.size
    try:
        # nutpie's own class for a compiled model is not public: another release may lack it.
        from nutpie.compile_pymc import CompiledPyMCModel  # noqa: PLC0415 - may be missing

        return CompiledPyMCModel(
            _n_dim=size,
            _shapes={"theta": (size,)},
            _coords={},
            dims={},
            compiled_logp_func=c_log_density,
            compiled_expand_func=c_copy,
            initial_point_func=starts,
            shared_data={},
            shared_var_keys={},
            user_data=target.packed,
            n_expanded=size,
            shape_info=(["theta"], [slice(0, size)], [(size,)]),
            logp_func=None,
            expand_func=None,
        )
    except (ImportError, TypeError):
        return _nutpie_model_in_python(target, starts)


def _nutpie_model_in_python(target: LogPosterior, starts: Callable[[int], FloatArray]) -> Any:
    """Return the density as a Python function, which any release of nutpie takes."""

    def make_expand(*_: Any) -> Callable[..., dict[str, FloatArray]]:
        return lambda theta: {"theta": np.asarray(theta)}

    return from_pyfunc(
        target.space.size,
        lambda: target,
        make_expand,
        [np.dtype(np.float64)],
        [(target.space.size,)],
        ["theta"],
        make_initial_point_fn=starts,
    )
