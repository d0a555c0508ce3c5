"""What the report draws of a posterior's energies, and of rows that are left out."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.analysis.illustrate_posterior import (
    MAX_LARGEST,
    MAX_LEFT_OUT,
    energies_of,
    left_out_rows,
)
from experiments.analysis.prediction import LeaveOneOut, RowSample, Scores
from experiments.datasets.dataset import Dataset
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, with_energies


def scores_of(k, sample=None):
    return Scores(np.zeros((1, 1)), np.zeros(len(k)), LeaveOneOut(np.zeros(len(k)), 1.0, k), sample)


def test_energies_and_their_changes_are_of_the_same_draws(rng):
    fit = with_energies(made_bayes(random_mixture(rng, 2, 1), rng, n_chains=3), rng)
    energy = fit.posterior["sample_stats"]["energy"].to_numpy()
    found = energies_of(fit)
    centred = energy - energy.mean(axis=1, keepdims=True)
    assert np.allclose(found.energies, centred[:, 1:], atol=1e-4)
    assert np.allclose(found.changes, np.diff(energy, axis=1), atol=1e-4)
    squares = (np.diff(energy, axis=1) ** 2).sum(axis=1)
    assert np.allclose(found.bfmi, squares / (centred**2).sum(axis=1), rtol=0.05)


def test_samplers_without_energies_have_none(rng):
    fit = made_bayes(random_mixture(rng, 2, 1), rng)
    assert energies_of(fit) is None
    known = with_energies(fit, rng)
    still = known.posterior.map_over_datasets(lambda data: data * 0)
    assert energies_of(replace(known, posterior=still)) is None


def test_every_row_has_the_k_of_its_own(rng):
    X = rng.normal(size=(50, 1))
    dataset = Dataset("made", X, ("x",))
    k = rng.normal(0.3, 0.2, size=50)
    k[7] = np.inf
    found = left_out_rows(dataset, scores_of(k), np.array([3, 7, 20]))
    assert found.rows == dataset.row_numbers.tolist()
    assert found.pareto_k[7] is None
    assert np.allclose(np.delete(found.pareto_k, 7).astype(float), np.delete(k, 7), atol=1e-4)
    assert [place for place, point in enumerate(found.points) if point is not None] == [3, 7, 20]
    assert [found.points[i] for i in (3, 7, 20)] == [0, 1, 2]
    assert left_out_rows(dataset, replace(scores_of(k), loo=None), np.arange(50)) is None


@pytest.mark.parametrize("sampled", [False, True])
def test_of_many_rows_the_largest_are_kept(rng, sampled):
    n = 3 * MAX_LEFT_OUT
    dataset = Dataset("made", rng.normal(size=(2 * n, 1)), ("x",))
    sample = RowSample(np.arange(0, 2 * n, 2), np.zeros(2 * n)) if sampled else None
    k = rng.normal(0.3, 0.2, size=n)
    found = left_out_rows(dataset, scores_of(k, sample), np.arange(10))
    assert len(found.rows) <= MAX_LEFT_OUT
    assert found.n_rows == n
    assert found.rows == sorted(found.rows)
    worst = np.argsort(-k)[:MAX_LARGEST]
    assert set(dataset.row_numbers[worst * (2 if sampled else 1)]) <= set(found.rows)
