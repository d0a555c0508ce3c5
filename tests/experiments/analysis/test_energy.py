"""The energy distance and its permutation test."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from experiments.analysis.energy import energies, energy_test


def test_the_energy_distance_is_that_of_its_definition():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 2)), rng.normal(size=(5, 2)) + 1.0
    pooled = np.concatenate([x, y])
    first = np.repeat([1.0, 0.0], [7, 5])[None]
    across = cdist(x, y).mean()
    inside = [cdist(s, s).sum() / (len(s) * (len(s) - 1)) for s in (x, y)]
    assert energies(cdist(pooled, pooled), first) == pytest.approx([2.0 * across - sum(inside)])


def test_p_values_of_equal_distributions_are_uniform():
    rng = np.random.default_rng(1)
    found = [
        energy_test(rng.normal(size=(20, 2)), rng.normal(size=(15, 2)), rng)[1] for _ in range(200)
    ]
    # A count of 200 with the probability 0.1, 0.5: outside these in less than 1 of 1000 cases.
    assert 6 <= sum(p <= 0.1 for p in found) <= 36
    assert 76 <= sum(p <= 0.5 for p in found) <= 124


def test_samples_of_different_widths_are_told_apart():
    rng = np.random.default_rng(2)
    distance, p_value = energy_test(rng.normal(size=(80, 3)), 3.0 * rng.normal(size=(80, 3)), rng)
    assert distance > 0.1
    assert p_value == pytest.approx(1 / 20_000)


def test_a_division_that_equals_the_samples_counts():
    # Two points each: 6 divisions, of which 2 are the samples'.
    x, y = np.array([[0.0], [1.0]]), np.array([[10.0], [11.0]])
    assert energy_test(x, y, np.random.default_rng(3))[1] == pytest.approx(1 / 3, abs=0.06)
