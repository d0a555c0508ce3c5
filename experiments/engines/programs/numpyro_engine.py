"""The posterior by NumPyro, as an engine. Importing this file imports JAX."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import numpy as np
from numpyro.infer import MCMC, NUTS
from numpyro.infer.util import log_density, unconstrain_fn

from experiments.config.section import Section
from experiments.core.progress import Report
from experiments.core.types import FloatArray
from experiments.engines.contract import Fit
from experiments.engines.drawn import fit_of_draws
from experiments.engines.programs.numpyro_models import MODELS
from experiments.engines.programs.numpyro_sites import SITES
from experiments.engines.programs.settings import ProgramSettings, model_in_numbers
from experiments.engines.programs.starts import starts_at_rows
from gmm_bayes import MixtureDraws, ModelInNumbers


@dataclass(frozen=True)
class NumPyroEngine:
    """The posterior by NumPyro's NUTS, from a model that shares no code with engine `bayes`.

    JAX computes in single precision by default. It is set to double precision while the engine
    works, and left as it was.
    """

    options: ProgramSettings
    settings: ClassVar[type[Section]] = ProgramSettings

    def fit(
        self,
        X: FloatArray,
        n_components: int,
        seed: np.random.SeedSequence,
        progress: Report,
    ) -> Fit:
        """Draw the posterior, align and diagnose the draws, and summarise them.

        Raises
        ------
        ValueError
            If the model is not stated for that prior, or the data cannot be fitted.
        """
        start = time.perf_counter()
        options = self.options
        total = options.chains * (options.tune + options.draws)
        progress("posterior draws", 0, total)
        model = model_in_numbers(X, n_components, options)
        with jax.enable_x64(True):
            draws, stats = _draw(model, options, seed)
        progress("posterior draws", total, total)
        seconds = time.perf_counter() - start
        own = model.to_own_units(draws)
        return fit_of_draws("NumPyro", own, X, stats=stats, seconds=seconds, model=model)

    def log_density(self, X: FloatArray, draws: MixtureDraws) -> FloatArray:
        """Return the log of the unnormalised posterior density at mixtures.

        It is that of NumPyro's model with respect to weights, means and entries of covariances.

        Parameters
        ----------
        X : ndarray of shape (N, D)
        draws : MixtureDraws of C chains and S draws
            The mixtures, in the data's own units.

        Returns
        -------
        ndarray of shape (C, S)
        """
        model = model_in_numbers(X, draws.n_components, self.options)
        sites = SITES[model.kind](model.standardise(draws), model.hyperparameters)
        with jax.enable_x64(True):
            arguments = _arguments(model)

            def at(values: dict[str, Any]) -> Any:
                return log_density(MODELS[model.kind], arguments, {}, values)[0]

            found = np.asarray(jax.jit(jax.vmap(at))(sites.values))
        return np.asarray(found + sites.log_correction).reshape(draws.weights.shape[:2])


def _draw(
    model: ModelInNumbers, options: ProgramSettings, seed: np.random.SeedSequence
) -> tuple[MixtureDraws, dict[str, FloatArray]]:
    """Return draws on the standardised scale, and statistics of the sampler, each (C, S)."""
    of_starts, of_chains = np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key).spawn(2)
    sampler = MCMC(
        NUTS(MODELS[model.kind], target_accept_prob=options.target_accept),
        num_warmup=options.tune,
        num_samples=options.draws,
        num_chains=options.chains,
        chain_method="vectorized",
        progress_bar=False,
    )
    # JAX takes integers of 64 bits with a sign.
    key = jax.random.PRNGKey(int(of_chains.generate_state(1, np.uint64)[0] >> np.uint64(1)))
    sampler.run(
        key,
        *_arguments(model),
        init_params=_starts(model, options.chains, of_starts),
        extra_fields=("diverging", "energy"),
    )
    found = sampler.get_samples(group_by_chain=True)
    stats = sampler.get_extra_fields(group_by_chain=True)
    parts = [np.asarray(found[name]) for name in ("weights", "means", "covariances")]
    return MixtureDraws(*parts), {name: np.asarray(values) for name, values in stats.items()}


def _starts(model: ModelInNumbers, n_chains: int, seed: np.random.SeedSequence) -> dict[str, Any]:
    """Return an unconstrained start for every chain, by name and with the chains first."""
    sites = SITES[model.kind](starts_at_rows(model, n_chains, seed), model.hyperparameters)
    arguments = _arguments(model)
    chains = [
        unconstrain_fn(
            MODELS[model.kind], arguments, {}, {k: v[i] for k, v in sites.values.items()}
        )
        for i in range(n_chains)
    ]
    if n_chains == 1:
        return dict(chains[0])
    return {name: np.stack([chain[name] for chain in chains]) for name in chains[0]}


def _arguments(model: ModelInNumbers) -> tuple[Any, ...]:
    """Return the arguments of the functions in `MODELS`."""
    return model.rows, model.n_components, model.hyperparameters
