"""Modes of a posterior: found, told apart, weighed, and named where no chain has been."""

import numpy as np
import pytest
from scipy.optimize import minimize

from gmm_bayes import GaussianMixtureBayes, InverseWishartPrior
from gmm_bayes.density.climb import climb_all
from gmm_bayes.density.conversion import own_draws
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.evaluation.mode_search import find_modes
from gmm_bayes.evaluation.modes import unvisited_modes


@pytest.fixture
def two_ends(rng):
    """Rows of which either end may be alone, by symmetry equally often."""
    end = rng.normal(size=(15, 1)) * 0.5
    middle = end[:8] - end[:8].mean()
    return np.concatenate([end - 5.0, middle, -middle, 5.0 - end])


def _around(target, weights, means, sds, rng):
    """200 draws of one chain near a mixture, given in the data's own units."""
    scale = target.scaling.scale[0]
    covariances = (np.array(sds) / scale)[:, None, None] ** 2
    centre = target.space.from_mixture(
        np.array(weights), np.array(means)[:, None] / scale, covariances
    )
    return centre + 0.05 * rng.normal(size=(200, centre.size))


def test_climbs_end_where_scipys_do(two_ends, rng):
    target = LogPosterior(two_ends, 2, InverseWishartPrior())
    start = _around(target, [0.33, 0.67], [-5.0, 2.5], [0.5, 2.6], rng)[0]
    end, value = climb_all(target, start[None], 0.1 * np.eye(start.size), 1)
    expected = minimize(target.negative, start, jac=True, method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(end[0], expected.x, atol=1e-3)
    assert value[0] == pytest.approx(-expected.fun, abs=1e-6)
    assert value[0] == target(end[0])[0]


def test_labels_do_not_make_modes_and_unvisited_modes_are_named(two_ends, rng):
    """Two chains sit in one of two modes that have equal masses; the population knows the other."""
    target = LogPosterior(two_ends, 2, InverseWishartPrior())
    left = _around(target, [0.33, 0.67], [-5.0, 2.5], [0.5, 2.6], rng)
    renumbered = _around(target, [0.67, 0.33], [2.5, -5.0], [2.6, 0.5], rng)
    right = _around(target, [0.67, 0.33], [-2.5, 5.0], [2.6, 0.5], rng)
    chains = own_draws(target, np.stack([left, renumbered]))
    population = own_draws(target, np.concatenate([left[:50], right[:50]])[None])
    here, there = find_modes(target, chains, population, 1)
    assert (here.mass, here.chains, here.mass_by_chain) == (1.0, (0, 1), (1.0, 1.0))
    assert (there.mass, there.chains) == (0.0, ())
    assert here.hits + there.hits == 100
    assert there.laplace_mass == pytest.approx(0.5, abs=0.01)
    assert there.mixture.weights[0] == pytest.approx(here.mixture.weights[0], abs=1e-3)
    assert there.mixture.means[1] == pytest.approx(-here.mixture.means[1], abs=1e-2)
    (sentence,) = unvisited_modes((here, there))
    assert "about 50%" in sentence
    assert not list(unvisited_modes((here,)))


def test_a_fit_weighs_two_far_modes(two_ends):
    """Each has a mass of a half by symmetry. 400 draws were followed, jumps mix them."""
    fitted = GaussianMixtureBayes(2, random_state=0, progressbar=False).fit(two_ends)
    modes = fitted.diagnostics_.modes
    assert len(modes) == 2
    assert modes[0].mass == pytest.approx(0.5, abs=0.1)
    assert sum(mode.mass for mode in modes) == pytest.approx(1.0)
    assert all(mode.chains == (0, 1, 2, 3) for mode in modes)
    assert [m["mass"] for m in fitted.diagnostics_.to_dict()["modes"]] == [m.mass for m in modes]


def test_a_single_component_has_no_modes(two_ends):
    fitted = GaussianMixtureBayes(1, draws=50, tune=50, chains=2, random_state=0).fit(two_ends)
    assert fitted.diagnostics_.modes == ()
