"""The posterior by NumPyro, as an engine. Importing this file imports JAX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import numpy as np
from numpyro.infer import MCMC, NUTS
from numpyro.infer.util import log_density, unconstrain_fn

from experiments.core.types import FloatArray
from experiments.engines.programs.numpyro_models import MODELS
from experiments.engines.programs.program import ProgramEngine
from experiments.engines.programs.settings import ProgramSettings
from experiments.engines.programs.sites import SITES
from gmm_bayes import MixtureDraws, ModelInNumbers


@dataclass(frozen=True)
class NumPyroEngine(ProgramEngine):
    """The posterior by NumPyro's NUTS, from a model that shares no code with engine `bayes`.

    JAX computes in single precision by default. It is set to double precision while the engine
    works, and left as it was.
    """

    title: ClassVar[str] = "NumPyro"

    def draw(
        self, model: ModelInNumbers, starts: MixtureDraws, seed: np.random.SeedSequence
    ) -> tuple[MixtureDraws, Mapping[str, FloatArray]]:
        """Draw from all chains at once."""
        with jax.enable_x64(True):
            return _draw(model, self.options, starts, seed)

    def log_densities(self, model: ModelInNumbers, mixtures: MixtureDraws) -> FloatArray:
        """Evaluate NumPyro's density at all mixtures at once."""
        sites = SITES[model.kind](mixtures, model.hyperparameters)
        with jax.enable_x64(True):
            arguments = _arguments(model)

            def at(values: dict[str, Any]) -> Any:
                return log_density(MODELS[model.kind], arguments, {}, values)[0]

            found = np.asarray(jax.jit(jax.vmap(at))(sites.values))
        return np.asarray(found + sites.log_correction)


def _draw(
    model: ModelInNumbers,
    options: ProgramSettings,
    starts: MixtureDraws,
    seed: np.random.SeedSequence,
) -> tuple[MixtureDraws, dict[str, FloatArray]]:
    """Return draws on the standardised scale, and statistics of the sampler, each (C, S)."""
    sampler = MCMC(
        NUTS(MODELS[model.kind], target_accept_prob=options.target_accept),
        num_warmup=options.tune,
        num_samples=options.draws,
        num_chains=options.chains,
        chain_method="vectorized",
        progress_bar=False,
    )
    # JAX takes integers of 64 bits with a sign.
    key = jax.random.PRNGKey(int(seed.generate_state(1, np.uint64)[0] >> np.uint64(1)))
    sampler.run(
        key,
        *_arguments(model),
        init_params=_unconstrained(model, starts),
        extra_fields=("diverging", "energy"),
    )
    found = sampler.get_samples(group_by_chain=True)
    stats = sampler.get_extra_fields(group_by_chain=True)
    parts = [np.asarray(found[name]) for name in ("weights", "means", "covariances")]
    return MixtureDraws(*parts), {name: np.asarray(values) for name, values in stats.items()}


def _unconstrained(model: ModelInNumbers, starts: MixtureDraws) -> dict[str, Any]:
    """Return an unconstrained start for every chain, by name and with the chains first."""
    n_chains = len(starts.weights)
    sites = SITES[model.kind](starts, model.hyperparameters)
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
