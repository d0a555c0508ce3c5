import numpy as np
import pytest

from experiments.analysis import draw_densities as densities
from experiments.analysis.draw_densities import map_densities
from gmm_bayes import MixtureDraws
from gmm_em import Mixture
from gmm_em.e_step import observed
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes


def evaluated(draws, X):
    out = np.empty((len(X), len(draws)))
    for rows, found in map_densities(draws, X, np.copy):
        out[rows] = found
    return out


def expected(draws, X):
    return draws.log_prob(X).reshape(len(draws), -1).T


@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (3, 2), (4, 6)])
@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (1e8, 1.0), (0.0, 1e-9), (-5e5, 1e6)])
def test_densities_are_those_of_each_draw_whatever_the_units(
    rng, monkeypatch, n_components, n_features, shift, scale
):
    monkeypatch.setattr(densities, "BLOCK_VALUES", 40 * 17)
    draws = made_bayes(random_mixture(rng, n_components, n_features), rng, n_draws=20).draws
    X = draws[0].sample(50, rng)[0]
    plain = evaluated(draws, X)
    assert np.allclose(plain, expected(draws, X), rtol=0, atol=1e-10)
    moved = MixtureDraws(draws.weights, draws.means * scale + shift, draws.covariances * scale**2)
    # In other units densities change by a constant; rows far from zero have lost their digits.
    lost = np.finfo(float).eps * abs(shift) / scale * 1e3
    shifted = evaluated(moved, X * scale + shift) + n_features * np.log(scale)
    assert np.allclose(shifted, plain, rtol=0, atol=1e-9 + lost)


def test_the_density_of_a_row_with_missing_values_is_that_of_what_was_observed(rng):
    draws = made_bayes(random_mixture(rng, 3, 3), rng, n_draws=20).draws
    X = draws[0].sample(60, rng)[0]
    X[rng.random(X.shape) < 0.3] = np.nan
    X[7] = np.nan
    found = evaluated(draws, X)
    for number, mixture in enumerate(draws):
        assert np.allclose(found[:, number], observed.log_prob(mixture, X), rtol=0, atol=1e-10)


def test_where_the_short_form_cancels_the_long_way_is_taken(rng, monkeypatch):
    tight = Mixture([0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], [np.eye(2), np.eye(2) * 1e-16])
    draws = made_bayes(tight, rng, n_draws=10).draws
    X = tight.sample(30, rng)[0]
    taken = []
    monkeypatch.setattr(
        MixtureDraws,
        "log_prob",
        lambda self, rows, plain=MixtureDraws.log_prob: (
            taken.append(len(rows)) or plain(self, rows)
        ),
    )
    found = evaluated(draws, X)
    assert sum(taken) == 30
    assert np.allclose(found, expected(draws, X))


def test_a_row_beyond_the_range_of_a_double_is_not_lost(rng):
    draws = made_bayes(Mixture([1.0], [[0.0]], [[[1.0]]]), rng, n_draws=10).draws
    X = np.append(rng.normal(size=(40, 1)), [[300.0]], axis=0)
    found = evaluated(draws, X)
    assert np.allclose(found, expected(draws, X), rtol=1e-12)
    assert found[-1].max() < -40_000


def test_the_number_of_threads_changes_nothing(rng, monkeypatch):
    monkeypatch.setattr(densities, "BLOCK_VALUES", 80 * 3)
    draws = made_bayes(random_mixture(rng, 2, 2), rng).draws
    X = draws[0].sample(200, rng)[0]

    plain = densities.run_all

    def run(n):
        with monkeypatch.context() as patch:
            patch.setattr(densities, "run_all", lambda work, items, _: plain(work, items, n))
            return [total for _, total in map_densities(draws, X, lambda part: part.sum(axis=0))]

    assert all(np.array_equal(a, b) for a, b in zip(run(1), run(4), strict=True))
