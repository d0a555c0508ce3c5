"""What an engine of yours has to pass: run by ``pytest``, once the package is installed."""

import numpy as np
import pytest

from experiments import compare
from experiments.engines import available_engines, check_port
from gmm_em import Mixture

TRUTH = Mixture([0.6, 0.4], [[0.0], [5.0]], [[[1.0]], [[1.5]]])
X = TRUTH.sample(60, 1)[0]
SHORT = {"draws": 250, "tune": 100, "chains": 4, "thin": 40}


def test_both_are_registered():
    assert {"moments", "metropolis"} <= set(available_engines())


@pytest.mark.parametrize("n_features", [1, 2, 3])
def test_the_port_states_the_same_model(n_features):
    rows = np.random.default_rng(2).normal(size=(50, n_features)) @ np.triu(np.ones(n_features))
    found = check_port("metropolis", rows, 3)
    assert found.agrees, str(found)


def test_the_draws_are_those_of_the_posterior():
    # A false alarm in 1 of 100 seeds.
    found = compare(
        X,
        2,
        engines=("bayes", "metropolis"),
        bayes={"sampler": "gibbs", "draws": 500, "tune": 300},
        metropolis=SHORT,
    )
    said = {finding.id: finding for finding in found.verdict}
    assert said["posteriors"].level == "ok", said["posteriors"].text


def test_the_same_seed_gives_the_same_draws():
    short = {**SHORT, "draws": 10, "tune": 5}
    first, again = (
        compare(X, 2, engines=("metropolis",), metropolis=short, seed=3) for _ in range(2)
    )
    assert np.array_equal(
        first.fits["metropolis"].draws.means, again.fits["metropolis"].draws.means
    )
