"""Posteriors of several programs beside each other."""

import numpy as np
import pytest

from experiments.analysis.posteriors import compare_posteriors
from experiments.core.errors import UsageError
from experiments.engines.contract import Fit
from gmm_bayes import MixtureDraws
from gmm_em import Mixture


def posterior(seed, title="", shift=0.0, width=1.0):
    """Two chains of 200 independent draws around one mixture of two components in the plane."""
    rng = np.random.default_rng(seed)
    first = rng.beta(60.0, 40.0, size=(2, 200))
    means = np.array([[0.0, 0.0], [4.0, 1.0]]) + 0.1 * width * rng.normal(size=(2, 200, 2, 2))
    means[..., 0, 0] += 0.1 * shift
    factors = rng.normal(size=(2, 200, 2, 2, 50))
    draws = MixtureDraws(
        np.stack([first, 1.0 - first], axis=-1), means, factors @ factors.swapaxes(-1, -2) / 50.0
    )
    return Fit(draws.mean(), 0.0, draws=draws, title=title)


def test_equal_posteriors_agree_as_often_as_the_level_says():
    # Every pair is a false alarm with a probability of at most 0.002.
    pairs = [
        pair
        for seed in range(4)
        for pair in compare_posteriors({"a": posterior(seed), "b": posterior(seed + 50)}).pairs
    ]
    assert all(pair.agree for pair in pairs)
    assert {len(pair.z) for pair in pairs} == {11}
    # The mean square of 44 standard normal numbers: outside these with a probability of 0.001.
    assert 0.4 < np.mean([pair.z**2 for pair in pairs]) < 1.8


def test_three_programs_that_agree_are_one_sentence():
    titles = {"pymc": "PyMC", "numpyro": "NumPyro", "stan": "Stan"}
    found = compare_posteriors(
        {n: posterior(seed, t) for seed, (n, t) in enumerate(titles.items())}
    )
    assert [pair.names for pair in found.pairs] == [
        ("pymc", "numpyro"),
        ("pymc", "stan"),
        ("numpyro", "stan"),
    ]
    largest = max(float(np.abs(pair.z).max()) for pair in found.pairs)
    expected = f"agree on all 11 parameters to within {largest:.1f} Monte Carlo errors."
    assert str(found) == f"PyMC, NumPyro and Stan {expected}"
    assert found.agree


def test_a_mean_that_is_off_is_named():
    fits = {"pymc": posterior(1), "numpyro": posterior(2, shift=0.7), "stan": posterior(3)}
    found = compare_posteriors(fits)
    assert [pair.agree for pair in found.pairs] == [False, True, False]
    assert "numpyro do not draw the same posterior: mean[1, 1] differs by" in str(found)
    assert found.pairs[0].p_value_of_means < 1e-6
    assert not found.agree


def test_draws_of_another_width_are_told_by_the_energy_distance():
    (pair,) = compare_posteriors({"pymc": posterior(1), "stan": posterior(2, width=4.0)}).pairs
    assert np.abs(pair.z).max() < pair.limit
    assert pair.p_value == pytest.approx(0.001)
    assert pair.energy_distance > 0.1
    assert not pair.agree


def test_the_energy_distance_is_that_of_its_definition():
    from experiments.analysis.posteriors import _energies

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 2)), rng.normal(size=(5, 2)) + 1.0
    pooled = np.concatenate([x, y])
    distances = np.linalg.norm(pooled[:, None] - pooled, axis=-1)
    first = np.repeat([1.0, 0.0], [7, 5])[None]
    across = np.mean([np.linalg.norm(a - b) for a in x for b in y])
    inside = [
        np.sum([np.linalg.norm(a - b) for a in s for b in s]) / (len(s) * (len(s) - 1))
        for s in (x, y)
    ]
    assert _energies(distances, first) == pytest.approx([2.0 * across - sum(inside)])


def test_one_posterior_is_not_enough():
    estimate = Fit(Mixture([1.0], [[0.0]], [[[1.0]]]), 0.0)
    with pytest.raises(UsageError, match="0 of 1 fits have posterior draws"):
        compare_posteriors({"em": estimate})
