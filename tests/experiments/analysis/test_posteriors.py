"""Posteriors of several programs beside each other."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.analysis.posteriors import compare_posteriors
from experiments.core.errors import UsageError
from experiments.engines.contract import Fit
from gmm_bayes import InverseWishartPrior, MixtureDraws, ModelInNumbers
from gmm_em import Mixture

ROWS = np.random.default_rng(7).normal(size=(20, 2))


def posterior(seed, title="", shift=0.0, width=1.0, model=None):
    """Two chains of 200 independent draws around one mixture of two components in the plane."""
    rng = np.random.default_rng(seed)
    first = rng.beta(60.0, 40.0, size=(2, 200))
    means = np.array([[0.0, 0.0], [4.0, 1.0]]) + 0.1 * width * rng.normal(size=(2, 200, 2, 2))
    means[..., 0, 0] += 0.1 * shift
    factors = rng.normal(size=(2, 200, 2, 2, 50))
    draws = MixtureDraws(
        np.stack([first, 1.0 - first], axis=-1), means, factors @ factors.swapaxes(-1, -2) / 50.0
    )
    return Fit(draws.mean(), 0.0, draws=draws, title=title, model=model)


def test_equal_posteriors_agree_as_often_as_the_level_says():
    # Every pair is a false alarm with a probability of at most 0.001.
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
    assert pair.p_value_of_means > 0.01
    assert pair.p_value == pytest.approx(1 / 20_000)
    assert pair.probability == pytest.approx(1e-4)
    assert pair.energy_distance > 0.1
    assert not pair.agree


def test_draws_that_can_be_read_in_two_ways_are_read_in_one():
    # Half of the draws of one program are numbered the other way round.
    one, other = posterior(1), posterior(2)
    order = np.broadcast_to([0, 1], (2, 200, 2)).copy()
    order[:, ::2] = [1, 0]
    turned = replace(other, draws=other.draws.permute(order))
    (as_it_was,) = compare_posteriors({"a": one, "b": other}).pairs
    (found,) = compare_posteriors({"a": one, "b": turned}).pairs
    assert found.max_abs_z == pytest.approx(as_it_was.max_abs_z)
    assert found.agree


def test_posteriors_of_different_models_are_named_and_not_compared():
    models = [ModelInNumbers.of(ROWS, 2, InverseWishartPrior(psi=psi)) for psi in (0.4, 0.8)]
    found = compare_posteriors(
        {"a": posterior(1, "A", model=models[0]), "b": posterior(2, "B", model=models[1])}
    )
    assert not found.pairs
    assert found.apart[0].differences == ("prior's psi",)
    assert str(found) == (
        "A and B are posteriors of different models (prior's psi), and are not compared."
    )


def test_only_two_known_models_are_known_to_be_the_same():
    model = ModelInNumbers.of(ROWS, 2)
    fits = {
        "a": posterior(1, model=model),
        "b": posterior(2, model=ModelInNumbers.of(ROWS, 2)),
        "c": posterior(3),
    }
    pairs = compare_posteriors(fits).pairs
    assert [pair.same_model for pair in pairs] == [True, False, False]


def test_a_parameter_that_does_not_vary_is_left_out():
    fits = {}
    for name, seed in (("a", 1), ("b", 2)):
        draws = posterior(seed).draws
        weights = np.broadcast_to([0.6, 0.4], draws.weights.shape)
        fixed = MixtureDraws(weights, draws.means, draws.covariances)
        fits[name] = Fit(fixed.mean(), 0.0, draws=fixed)
    (pair,) = compare_posteriors(fits).pairs
    assert len(pair.z) == 10
    assert np.isfinite(pair.z).all()


def test_one_posterior_is_not_enough():
    estimate = Fit(Mixture([1.0], [[0.0]], [[[1.0]]]), 0.0)
    with pytest.raises(UsageError, match="0 of 1 fits have posterior draws"):
        compare_posteriors({"em": estimate})


def fixed(fit, weight):
    """The same draws with weights that the program does not draw."""
    weights = np.broadcast_to([weight, 1.0 - weight], fit.draws.weights.shape).copy()
    draws = MixtureDraws(weights, fit.draws.means, fit.draws.covariances)
    return replace(fit, draws=draws, mixture=draws.mean())


def test_a_parameter_that_only_one_program_draws_tells_the_models_apart():
    one, other = posterior(1), posterior(2)
    for first, second, said in (
        (one, fixed(other, 0.6), "b keeps weight[1] at one value"),
        (fixed(one, 0.6), other, "a keeps weight[1] at one value"),
        (fixed(one, 0.6), fixed(other, 0.5), "they keep weight[1] at different values"),
    ):
        found = compare_posteriors({"a": first, "b": second})
        assert found.pairs == ()
        assert str(found) == (
            f"a and b are posteriors of different models ({said}), and are not compared."
        )
        assert not found.apart[0].same_model
    (pair,) = compare_posteriors({"a": fixed(one, 0.6), "b": fixed(other, 0.6)}).pairs
    assert len(pair.z) == 10


def test_draws_that_are_all_the_same_are_not_compared():
    one, other = posterior(1), posterior(2)
    parts = (other.draws.weights, other.draws.means, other.draws.covariances)
    still = MixtureDraws(*(np.broadcast_to(p[:1, :1], p.shape).copy() for p in parts))
    stuck = replace(other, draws=still, mixture=still.mean())
    said = str(compare_posteriors({"a": one, "b": stuck}))
    assert "(b keeps weight[1] and 10 more at one value)" in said
    said = str(compare_posteriors({"a": stuck, "b": stuck}))
    assert "(no parameter varies in either)" in said
