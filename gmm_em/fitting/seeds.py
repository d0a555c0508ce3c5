"""Random streams of a search, which depend on the seed and on their number only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmm_em.core.types import Seed


@dataclass(frozen=True)
class Streams:
    """Independent streams of random numbers by number.

    Attributes
    ----------
    seed : numpy.random.SeedSequence
        Never spawned from, so that it gives the same streams at every use.
    """

    seed: np.random.SeedSequence

    @classmethod
    def of(cls, random_state: Seed) -> Streams:
        """Return the streams of a seed; a Generator gives other streams at every use."""
        if isinstance(random_state, np.random.Generator):
            own = random_state.bit_generator.seed_seq
            if not isinstance(own, np.random.SeedSequence):
                raise TypeError(
                    "random_state must be a Generator with a SeedSequence, got one with "
                    f"{type(own).__name__}"
                )
            seed, use = own, own.n_children_spawned
            seed.spawn(1)
        elif isinstance(random_state, np.random.SeedSequence):
            seed, use = random_state, 0
        else:
            seed, use = np.random.SeedSequence(random_state), 0
        return cls(_child(seed, use))

    def start(self, number: int) -> np.random.Generator:
        """Return the stream of a start."""
        return np.random.default_rng(_child(self.seed, 0, number))

    def rows(self) -> np.random.Generator:
        """Return the stream that chooses a sample of the rows."""
        return np.random.default_rng(_child(self.seed, 1))

    def check(self) -> np.random.Generator:
        """Return the stream of the rows that are drawn to check a mixture."""
        return np.random.default_rng(_child(self.seed, 2))


def _child(seed: np.random.SeedSequence, *numbers: int) -> np.random.SeedSequence:
    key = (*seed.spawn_key, *numbers)
    return np.random.SeedSequence(seed.entropy, spawn_key=key, pool_size=seed.pool_size)
