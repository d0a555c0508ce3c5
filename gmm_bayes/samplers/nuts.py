"""The No-U-Turn sampler (Hoffman & Gelman 2014) on the marginal posterior."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.core.types import FloatArray
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.priors.lkj import LKJPrior
from gmm_bayes.space.structures import get_structure

if TYPE_CHECKING:
    from gmm_bayes.density.log_posterior import LogPosterior
    from gmm_bayes.samplers.contract import Sampled, Task


_POLL_SECONDS = 0.02

_NUTPIE_STATS = {
    "logp": "lp",
    "diverging": "diverging",
    "energy": "energy",
    "depth": "tree_depth",
    "maxdepth_reached": "reached_max_treedepth",
    "n_steps": "n_steps",
    "step_size": "step_size",
    "mean_tree_accept": "acceptance_rate",
}


@dataclass(frozen=True)
class NUTS:
    """The No-U-Turn sampler, by one of three routes to the same posterior.

    Parameters
    ----------
    backend : {"closed-form", "nutpie", "pymc"}, default "closed-form"
        "closed-form" gives nutpie the hand-derived density and gradient of
        :class:`gmm_bayes.density.log_posterior.LogPosterior`: compiled in seconds the first time on
        a machine and
        read from disk afterwards. "nutpie" compiles the model of :func:`gmm_bayes.build_model` for
        nutpie and "pymc" runs PyMC's own sampler on it; both take a minute or more to compile the
        first time, but once in a process for all data sets of the same width and number of
        components.
    target_accept : float, default 0.9
        Acceptance rate that the step size is tuned to. Above nutpie's 0.8, because a gradient is
        cheap here and a small component's posterior is curved.
    max_treedepth : int, default 10
        A draw costs at most ``2**max_treedepth`` gradients.
    adaptation : {"diag", "low_rank"}, default "diag"
        How nutpie adapts the mass matrix. "low_rank" also follows correlations of the posterior,
        and gives about twice the effective draws a second where components overlap much; but while
        it adapts it may throw a chain into the singularities that the likelihood has where rows are
        tied, which "diag" hardly ever does. The backend "pymc" has "diag" only.

    Raises
    ------
    ValueError
        If a setting is out of range.
    """

    backend: str = "closed-form"
    target_accept: float = 0.9
    max_treedepth: int = 10
    adaptation: str = "diag"

    def __post_init__(self) -> None:
        if self.backend not in _BACKENDS:
            raise ValueError(
                f"backend of NUTS is {self.backend!r}; allowed are "
                f"{', '.join(map(repr, _BACKENDS))}"
            )
        if not 0.0 < self.target_accept < 1.0:
            raise ValueError(f"target_accept must lie in (0, 1), but is {self.target_accept!r}")
        if self.max_treedepth < 1:
            raise ValueError(f"max_treedepth must be at least 1, but is {self.max_treedepth!r}")
        allowed = ["diag"] if self.backend == "pymc" else ["diag", "low_rank"]
        if self.adaptation not in allowed:
            raise ValueError(
                f"adaptation of NUTS is {self.adaptation!r}; allowed with the backend "
                f"{self.backend!r} are {', '.join(map(repr, allowed))}"
            )

    def default_prior(self) -> LKJPrior:
        """Return ``LKJPrior()``."""
        return LKJPrior()

    def sample(self, task: Task) -> Sampled:
        """Return the draws that `task` asks for."""
        return _BACKENDS[self.backend](self, task)


# The hand-derived density -----------------------------------------------------------------------


def _sample_closed_form(nuts: NUTS, task: Task) -> Sampled:
    import nutpie

    from gmm_bayes.density.log_posterior import LogPosterior
    from gmm_bayes.samplers.contract import Sampled

    structure = get_structure(task.covariance_type)
    target = LogPosterior(task.X, task.n_components, task.prior, structure)
    model = _nutpie_model(target, _chain_starts(task, target))
    trace, interrupted = _run_nutpie(nuts, task, model)
    kept = _common_length(trace)
    theta = trace["posterior"]["theta"].to_numpy()[:, :kept]
    weights, means, covariances = target.space.to_mixtures(theta)
    loc, scale = target.scaling.loc, target.scaling.scale
    draws = MixtureDraws(
        weights, loc + scale * means, covariances * scale[:, None] * scale[None, :]
    )
    return Sampled(draws, _nutpie_stats(trace, kept), interrupted, _attributes(nuts, nutpie))


def _chain_starts(task: Task, target: LogPosterior) -> Callable[[int], FloatArray]:
    """Return what gives a chain its start, from the seed that nutpie draws for that chain."""
    from gmm_bayes.samplers.starts import random_start

    entropy = task.seed.generate_state(4).tolist()
    Z = target.scaling.standardise(task.X)

    def start(seed: int) -> FloatArray:
        rng = np.random.default_rng([*entropy, seed])
        return random_start(Z, task.n_components, rng, target.structure)

    return start


def _nutpie_model(target: LogPosterior, starts: Callable[[int], FloatArray]) -> Any:
    """Return the compiled density in the form that nutpie gives to its own compiled PyMC models.

    Nothing of it passes through the interpreter, so that chains run side by side. A nutpie that
    lays out its models differently gets the same density as a Python function: the same draws, but
    the chains take turns.
    """
    size = target.space.size
    try:
        from nutpie.compile_pymc import CompiledPyMCModel

        from gmm_bayes.density.packed import c_copy, c_log_density

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
    from nutpie.compiled_pyfunc import from_pyfunc

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


# The PyMC model ---------------------------------------------------------------------------------


def _sample_nutpie_model(nuts: NUTS, task: Task) -> Sampled:
    import nutpie

    from gmm_bayes.pymc_model.cache import nutpie_model_of
    from gmm_bayes.samplers.contract import Sampled

    trace, interrupted = _run_nutpie(nuts, task, nutpie_model_of(task))
    kept = _common_length(trace)
    draws = _draws_from(trace["posterior"], kept)
    return Sampled(draws, _nutpie_stats(trace, kept), interrupted, _attributes(nuts, nutpie))


def _sample_pymc(nuts: NUTS, task: Task) -> Sampled:
    import pymc as pm

    from gmm_bayes.pymc_model.cache import model_of
    from gmm_bayes.samplers.contract import Sampled, usable_cores

    model = model_of(task)
    total = task.chains * (task.draws + task.tune)
    done = 0

    def count(**_: Any) -> None:
        nonlocal done
        done += 1
        task.progress(done, total)

    try:
        with warnings.catch_warnings():
            # Convergence is this package's own business (diagnostics.py), on aligned draws.
            warnings.simplefilter("ignore")
            trace = pm.sample(
                model=model,
                draws=task.draws,
                tune=task.tune,
                chains=task.chains,
                cores=usable_cores(task),
                random_seed=task.seed.generate_state(task.chains).tolist(),
                nuts_sampler="pymc",
                target_accept=nuts.target_accept,
                nuts={"max_treedepth": nuts.max_treedepth},
                progressbar=False,
                quiet=True,
                compute_convergence_checks=False,
                callback=count,
            )
    except ValueError as error:
        # PyMC takes an interrupt for the end of sampling, and then misses the draws.
        if "Not enough samples" in str(error):
            raise KeyboardInterrupt from error
        raise
    stats = trace["sample_stats"]
    names = [*_NUTPIE_STATS.values()]
    draws = _draws_from(trace["posterior"], trace["posterior"].sizes["draw"])
    return Sampled(
        draws,
        {name: stats[name].to_numpy() for name in names if name in stats},
        len(draws) < task.chains * task.draws,  # PyMC leaves out chains that have too few
        _attributes(nuts, pm),
    )


def _draws_from(posterior: Any, kept: int) -> MixtureDraws:
    names = ("weights", "means", "covariances")
    return MixtureDraws(*(posterior[name].to_numpy()[:, :kept] for name in names))


_BACKENDS: dict[str, Callable[[NUTS, Task], Sampled]] = {
    "closed-form": _sample_closed_form,
    "nutpie": _sample_nutpie_model,
    "pymc": _sample_pymc,
}


# nutpie -----------------------------------------------------------------------------------------


def _run_nutpie(nuts: NUTS, task: Task, model: Any) -> tuple[Any, bool]:
    """Run nutpie in the background, reporting progress; return its trace and if it was interrupted.

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts before every chain has a draw to keep.
    """
    import nutpie

    from gmm_bayes.samplers.contract import usable_cores

    total = task.chains * (task.draws + task.tune)
    finished = 0

    def note(chains: list[Any]) -> None:
        nonlocal finished  # called from nutpie's thread: only an integer is handed over
        finished = sum(chain.finished_draws for chain in chains)

    background = nutpie.sample(
        model,
        draws=task.draws,
        tune=task.tune,
        chains=task.chains,
        cores=usable_cores(task),
        seed=int(task.seed.generate_state(1, np.uint64)[0]),
        target_accept=nuts.target_accept,
        maxdepth=nuts.max_treedepth,
        adaptation=nuts.adaptation,
        progress_bar=False,
        progress_callback=note,
        progress_rate=50,
        blocking=False,
    )
    try:
        trace, interrupted = None, False
        while trace is None:
            try:
                trace = _quietly(background.wait, timeout=_POLL_SECONDS)
            except TimeoutError:
                task.progress(finished, total)
    except KeyboardInterrupt:
        trace, interrupted = _quietly(background.abort), True
        if _common_length(trace) == 0:
            raise
    except BaseException:  # the progress callback failed: leave no sampler running behind its back
        background.cancel()
        raise
    if not interrupted:
        task.progress(total, total)
    return trace, interrupted


def _quietly(function: Callable[..., Any], **options: Any) -> Any:
    """Call without ArviZ's doubts about a trace of fewer draws than chains: that is a fact here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Found .* dimension to be longer than")
        return function(**options)


def _common_length(trace: Any) -> int:
    """Return how many draws every chain has; an interrupted chain's missing ones are NaN."""
    if "posterior" not in trace.children or not trace["posterior"].sizes.get("draw", 0):
        return 0
    values = next(iter(trace["posterior"].data_vars.values())).to_numpy()
    there = np.isfinite(values.reshape(*values.shape[:2], -1)).all(axis=-1)
    return int(there.sum(axis=1).min())


def _nutpie_stats(trace: Any, kept: int) -> Mapping[str, NDArray[Any]]:
    stats = trace["sample_stats"]
    return {new: stats[old].to_numpy()[:, :kept] for old, new in _NUTPIE_STATS.items()}


def _attributes(nuts: NUTS, library: Any) -> dict[str, Any]:
    return {
        "inference_library": library.__name__,
        "inference_library_version": library.__version__,
        "sampler": "nuts",
        "nuts_backend": nuts.backend,
        "target_accept": nuts.target_accept,
        "max_treedepth": nuts.max_treedepth,
        "adaptation": nuts.adaptation,
    }
