"""One seed, many independent streams of random numbers."""

from __future__ import annotations

import numpy as np


def stream(seed: int, name: str) -> np.random.SeedSequence:
    """Return the stream of that name under a seed.

    A stream depends on nothing but the seed and its own name, so that adding an engine or
    running fits in another order leaves every other number as it was.
    """
    return np.random.SeedSequence(seed, spawn_key=tuple(name.encode()))
