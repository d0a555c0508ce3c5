"""What is only looked at is written short, and still tells apart what a picture shows."""

import numpy as np
import pytest

from experiments.analysis.illustrate_posterior import _short


@pytest.mark.parametrize("size", [1e-9, 1e-3, 1.0, 37.0, 1e4, 1e9])
def test_draws_keep_six_digits(rng, size):
    values = size * rng.uniform(-1, 1, size=(50, 3))
    found = np.array(_short(values))
    assert np.abs(found - values).max() <= 1e-6 * size
    # Shorter than the numbers themselves, whatever their unit.
    assert len(repr(found.tolist())) < 0.8 * len(repr(values.tolist()))


def test_zeros_are_zeros():
    assert _short(np.zeros(3)) == [0.0, 0.0, 0.0]
