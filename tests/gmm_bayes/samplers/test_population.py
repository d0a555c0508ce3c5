"""The population that looks for modes: against quadrature, on two far modes, and interrupted."""

import numpy as np
import pytest

from gmm_bayes import GaussianMixtureBayes, InverseWishartPrior
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.samplers.population import populate


def _nothing(_: float) -> None:
    """Report nothing."""


@pytest.fixture
def two_ends(rng):
    """Rows of which either end may be alone, by symmetry equally often."""
    end = rng.normal(size=(15, 1)) * 0.5
    middle = end[:8] - end[:8].mean()
    return np.concatenate([end - 5.0, middle, -middle, 5.0 - end])


def _is_left(target, thetas):
    """Whether the component with the lower mean has fewer rows."""
    weights, means, _ = target.space.to_mixtures(thetas)
    lower = np.take_along_axis(weights, np.argsort(means[..., 0], axis=-1), axis=-1)
    return lower[..., 0] < lower[..., 1]


def test_particles_draw_the_posterior_that_quadrature_gives(rng):
    """Mean and variance of both coordinates, of 2000 particles that are about independent.

    4 z-scores below 5 with errors taken 1.5 times as large: for one seed in a million.
    """
    target = LogPosterior(rng.normal(size=(30, 1)), 1, InverseWishartPrior())
    thetas = populate(target, 2000, np.random.SeedSequence(3), 1, _nothing).thetas[-1]
    grid = np.stack(np.meshgrid(np.linspace(-1.4, 1.4, 300), np.linspace(-1.0, 1.2, 300)), -1)
    points = grid.reshape(-1, 2)
    weights = np.exp([target(point)[0] - target(np.zeros(2))[0] for point in points])
    weights /= weights.sum()
    for j in range(2):
        mean = weights @ points[:, j]
        for power in (1, 2):
            values = (thetas[:, j] - mean) ** power
            expected = weights @ (points[:, j] - mean) ** power
            assert abs(values.mean() - expected) < 7.5 * values.std() / np.sqrt(len(values))


def test_particles_fall_into_far_modes_as_often_as_their_masses_say(two_ends):
    """Either half gets between 35 % and 65 % of 512 particles: 5 errors at 275 effective ones."""
    target = LogPosterior(two_ends, 2, InverseWishartPrior())
    found = populate(target, 512, np.random.SeedSequence(5), 2, _nothing)
    assert 0.35 < _is_left(target, found.thetas[-1]).mean() < 0.65
    assert found.thetas.shape[1:] == (512, target.space.size)
    values = [target(theta)[0] for theta in found.thetas[0]]
    np.testing.assert_allclose(found.lp[0], values, rtol=1e-12)


def test_particles_do_not_depend_on_the_number_of_threads(two_ends):
    target = LogPosterior(two_ends, 2, InverseWishartPrior())
    one, three = (
        populate(target, 70, np.random.SeedSequence(1), cores, _nothing) for cores in (1, 3)
    )
    np.testing.assert_array_equal(one.thetas, three.thetas)
    np.testing.assert_array_equal(one.on_the_way, three.on_the_way)


@pytest.mark.parametrize("sampler", ["nuts", "gibbs"])
def test_progress_and_interrupts_reach_the_population(two_ends, sampler):
    calls = []

    def callback(n_done: int, n_total: int) -> None:
        calls.append((n_done, n_total))
        raise KeyboardInterrupt

    model = GaussianMixtureBayes(2, sampler=sampler, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(two_ends, callback=callback)
    assert not hasattr(model, "draws_")
    assert len(calls) == 1
    assert 0 <= calls[0][0] <= 1000  # a quarter of the tuning iterations is the population's
    assert calls[0][1] == 8000


@pytest.mark.parametrize(
    ("tune", "words"), [(1000, "a population of 512 particles"), (20, "k-means")]
)
def test_chains_say_where_they_came_from(two_ends, tune, words):
    model = GaussianMixtureBayes(2, tune=tune, draws=50, chains=2, random_state=0).fit(two_ends)
    origins = model.diagnostics_.origins
    assert len(origins) == 2
    assert all(words in origin for origin in origins)
    assert model.diagnostics_.to_dict()["origins"] == list(origins)
