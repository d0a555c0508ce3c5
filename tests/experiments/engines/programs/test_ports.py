"""Other programs state the same model: their densities and their posteriors beside ours."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from experiments.core.errors import UsageError
from experiments.engines import check_port, registry
from experiments.engines.programs.starts import starts_at_rows
from experiments.engines.registry import load_engine
from gmm_bayes import (
    HierarchicalPrior,
    InverseWishartPrior,
    LKJPrior,
    ModelInNumbers,
    NIWPrior,
    log_posterior_density,
)
from gmm_em import Mixture
from tests.paths import ROOT

TRUTH = Mixture([0.6, 0.4], [[0.0, 0.0], [3.0, 1.0]], [np.eye(2), [[1.0, 0.5], [0.5, 0.8]]])
X = TRUTH.sample(80, 3)[0]


def test_an_engine_whose_library_is_missing_says_what_to_install(monkeypatch):
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    expected = "needs the library numpyro, which is not installed: pip install 'gmm-compare"
    with pytest.raises(UsageError, match=expected) as told:
        load_engine("numpyro")
    assert "\n" not in str(told.value)


def test_no_other_program_is_imported_before_it_is_named():
    code = (
        "import sys, experiments, experiments.engines as e; e.available_engines(); e.check_port\n"
        "print(sorted({'jax', 'numpyro'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (InverseWishartPrior(nu=4.0, psi=0.4), InverseWishartPrior(nu=4.0, psi=0.8)),
        (InverseWishartPrior(nu=4.0), InverseWishartPrior(nu=8.0)),
        (InverseWishartPrior(mean_scale=1.0), InverseWishartPrior(mean_scale=2.0)),
        (InverseWishartPrior(concentration=2.0), InverseWishartPrior(concentration=1.0)),
        (NIWPrior(kappa=0.1), NIWPrior(kappa=0.2)),
        (LKJPrior(sd_scale=1.0), LKJPrior(sd_scale=2.0)),
        (LKJPrior(eta=1.0), LKJPrior(eta=2.0)),
        (HierarchicalPrior(rate_rate=2.0), HierarchicalPrior(rate_rate=4.0)),
    ],
    ids=repr,
)
def test_a_prior_that_is_off_by_a_factor_of_two_is_caught(right, wrong):
    def port(X, mixtures):
        # A constant of its own, as a program that leaves out normalising constants has.
        return log_posterior_density(mixtures, X, wrong) + 17.0

    assert not check_port(port, X, 2, right).agrees
    same = check_port(port, X, 2, wrong)
    assert same.agrees
    assert "state the same model" in str(same)
    assert len(same.ours) == 50


def test_a_density_that_is_not_finite_does_not_agree():
    def port(X, mixtures):
        values = log_posterior_density(mixtures, X)
        values[0, 7] = np.nan
        return values

    assert not check_port(port, X, 2).agrees


def test_an_engine_without_a_density_is_refused():
    with pytest.raises(UsageError, match="engine 'kmeans' has no method log_density"):
        check_port("kmeans", X, 2)


def test_starts_are_rows_of_the_data_and_differ_between_chains():
    model = ModelInNumbers.of(X, 2)
    starts = starts_at_rows(model, 3, np.random.SeedSequence(1))
    means = starts.means.reshape(-1, 2)
    assert all((np.abs(model.rows - mean).sum(axis=1) == 0).any() for mean in means)
    assert len(np.unique(means, axis=0)) == 6
    again = starts_at_rows(model, 3, np.random.SeedSequence(1))
    assert np.array_equal(starts.means, again.means)


@pytest.fixture(scope="module")
def in_numpyro():
    """What a process that sees NumPyro found; `make slow` installs it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.experiments.engines.programs.in_numpyro"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / ".venv" / "engines")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_numpyro_states_the_same_model_under_every_prior(in_numpyro):
    found = in_numpyro["ports"]
    assert len(found) == 6
    assert {name: values for name, values in found.items() if not values[0] <= values[1]} == {}
    assert "VolumeShapePrior is for structures by volume" in in_numpyro["refusal"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "n_parameters"), [("old-faithful", 11), ("quickstart", 17)])
def test_numpyro_draws_the_same_posterior(in_numpyro, name, n_parameters):
    # Of 28 means in all, one beyond 4 errors is a false alarm in 2 of 1000 seeds.
    found = in_numpyro["posteriors"][name]
    assert len(found["z"]) == n_parameters
    assert max(map(abs, found["z"])) < 4.0
    assert all(map(math.isfinite, found["z"]))
    assert found["n_divergent"] == 0
    assert found["n_draws"] == 1200


@pytest.mark.slow
def test_the_draws_meet_the_estimate_of_em_as_those_of_engine_bayes_do(in_numpyro):
    assert in_numpyro["compared"] == {"agreement": True, "certificate": True}


@pytest.mark.slow
def test_numpyro_keeps_to_its_seed_and_leaves_jax_as_it_was(in_numpyro):
    assert in_numpyro["repeated"]
    assert not in_numpyro["double precision elsewhere"]
    assert list(in_numpyro["versions"]) == ["numpyro"]
    assert in_numpyro["versions"]["numpyro"].startswith("numpyro==")
