"""The posterior by BlackJAX, as an engine. Importing this file imports JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import blackjax
import jax
import jax.numpy as jnp
import numpy as np

from experiments.core.types import FloatArray
from experiments.engines.programs.blackjax_models import (
    Covariances,
    Position,
    constrain,
    log_posterior,
    unconstrain,
)
from experiments.engines.programs.program import ProgramEngine
from experiments.engines.programs.settings import ProgramSettings
from gmm_bayes import MixtureDraws, ModelInNumbers


@dataclass(frozen=True)
class BlackJAXEngine(ProgramEngine):
    """The posterior by BlackJAX's NUTS, from a density that shares no code with engine `bayes`.

    Steps and masses are tuned in windows, as Stan does. JAX computes in single precision by
    default. It is set to double precision while the engine works, and left as it was.
    """

    title: ClassVar[str] = "BlackJAX"

    def draw(
        self, model: ModelInNumbers, starts: MixtureDraws, seed: np.random.SeedSequence
    ) -> tuple[MixtureDraws, Mapping[str, FloatArray]]:
        """Draw from all chains at once."""
        with jax.enable_x64(True):
            target = log_posterior(model.kind, model.rows, model.hyperparameters)

            def log_density(position: Position) -> Any:
                *parameters, log_volume = constrain(position)
                return target(*parameters) + log_volume

            first = (part[:, 0] for part in (starts.weights, starts.means, starts.covariances))
            positions = jax.vmap(unconstrain)(*first)
            # JAX takes integers of 64 bits with a sign.
            key = jax.random.key(int(seed.generate_state(1, np.uint64)[0] >> np.uint64(1)))
            keys = jax.random.split(key, len(starts.weights))
            chain = _chain(log_density, self.options)
            *parts, diverging, energy = map(np.asarray, jax.jit(jax.vmap(chain))(keys, positions))
        return MixtureDraws(*parts), {"diverging": diverging, "energy": energy}

    def log_densities(self, model: ModelInNumbers, mixtures: MixtureDraws) -> FloatArray:
        """Evaluate the density at all mixtures at once."""
        parts = (mixtures.weights, mixtures.means, mixtures.covariances)
        with jax.enable_x64(True):
            target = log_posterior(model.kind, model.rows, model.hyperparameters)

            def at(weights: Any, means: Any, covariances: Any) -> Any:
                return target(weights, means, Covariances.of(jnp.linalg.cholesky(covariances)))

            flat = (part.reshape(-1, *part.shape[2:]) for part in parts)
            return np.asarray(jax.jit(jax.vmap(at))(*flat))


def _chain(
    log_density: Callable[[Position], Any], options: ProgramSettings
) -> Callable[[Any, Position], tuple[Any, ...]]:
    """Return a function that draws one chain from a key and a position."""
    warmup = blackjax.window_adaptation(
        blackjax.nuts, log_density, target_acceptance_rate=options.target_accept
    )

    def chain(key: Any, position: Position) -> tuple[Any, ...]:
        of_warmup, of_draws = jax.random.split(key)
        (state, tuned), _ = warmup.run(of_warmup, position, num_steps=options.tune)
        kernel = blackjax.nuts(log_density, **tuned)

        def step(state: Any, key: Any) -> tuple[Any, tuple[Any, ...]]:
            state, info = kernel.step(key, state)
            weights, means, covariances, _ = constrain(state.position)
            kept = (weights, means, covariances.matrices, info.is_divergent, info.energy)
            return state, kept

        _, kept = jax.lax.scan(step, state, jax.random.split(of_draws, options.draws))
        return tuple(kept)

    return chain
