"""One seed sequence from whatever a user passes as ``random_state``."""

from __future__ import annotations

import numpy as np

from gmm_bayes.core.checks import check_count

RandomState = int | np.random.Generator | np.random.SeedSequence | np.random.RandomState | None
"""What an estimator's ``random_state`` may be."""


def seed_sequence(random_state: RandomState) -> np.random.SeedSequence:
    """Return the one source of randomness that `random_state` stands for.

    Raises
    ------
    TypeError, ValueError
        If it cannot seed anything.
    """
    if isinstance(random_state, np.random.SeedSequence):
        # A sequence counts the children it has spawned. A copy starts from none, so that the same
        # argument gives the same stream every time.
        return np.random.SeedSequence(random_state.entropy, spawn_key=random_state.spawn_key)
    if isinstance(random_state, np.random.Generator):
        return np.random.SeedSequence(random_state.integers(2**63, size=4).tolist())
    if isinstance(random_state, np.random.RandomState):
        return np.random.SeedSequence(random_state.randint(2**31, size=4).tolist())
    if random_state is None:
        return np.random.SeedSequence()
    return np.random.SeedSequence(check_count("random_state", random_state, minimum=0))
