"""One seed sequence from whatever a user passes as ``random_state``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gmm_bayes.core.checks import (
    check_count,
)

if TYPE_CHECKING:
    pass


RandomState = int | np.random.Generator | np.random.SeedSequence | np.random.RandomState | None


def seed_sequence(random_state: RandomState) -> np.random.SeedSequence:
    """Return the one source of randomness that `random_state` stands for.

    Raises
    ------
    TypeError, ValueError
        If it cannot seed anything.
    """
    if isinstance(random_state, np.random.SeedSequence):
        # Children are counted by the sequence: a copy gives the same stream every time.
        return np.random.SeedSequence(random_state.entropy, spawn_key=random_state.spawn_key)
    if isinstance(random_state, np.random.Generator):
        return np.random.SeedSequence(random_state.integers(2**63, size=4).tolist())
    if isinstance(random_state, np.random.RandomState):
        return np.random.SeedSequence(random_state.randint(2**31, size=4).tolist())
    if random_state is None:
        return np.random.SeedSequence()
    return np.random.SeedSequence(check_count("random_state", random_state, minimum=0))
