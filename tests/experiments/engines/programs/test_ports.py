"""Other programs state the same model: their densities and their posteriors beside ours."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from experiments.core.errors import UsageError
from experiments.engines import check_port, needs
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
from tests.experiments.engines.programs.cases import ROWS
from tests.paths import ROOT


@pytest.mark.parametrize("name", ["numpyro", "blackjax", "gmmx"])
def test_an_engine_whose_library_is_missing_says_what_to_install(monkeypatch, name):
    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    expected = f"needs the library {name}, which is not installed: pip install 'gmm-compare"
    with pytest.raises(UsageError, match=expected) as told:
        load_engine(name)
    assert "\n" not in str(told.value)


def test_no_other_program_is_imported_before_it_is_named():
    code = (
        "import sys, experiments, experiments.engines as e; e.available_engines(); e.check_port\n"
        "print(sorted({'blackjax', 'gmmx', 'jax', 'numpyro', 'stan'} & set(sys.modules)))"
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

    assert not check_port(port, ROWS, 2, right).agrees
    same = check_port(port, ROWS, 2, wrong)
    assert same.agrees
    assert "state the same model" in str(same)
    assert len(same.ours) == 50


def test_a_density_that_is_not_finite_does_not_agree():
    def port(X, mixtures):
        values = log_posterior_density(mixtures, X)
        values[0, 7] = np.nan
        return values

    assert not check_port(port, ROWS, 2).agrees


def test_an_engine_without_a_density_is_refused():
    with pytest.raises(UsageError, match="engine 'kmeans' has no method log_density"):
        check_port("kmeans", ROWS, 2)


def test_starts_are_rows_of_the_data_and_differ_between_chains():
    model = ModelInNumbers.of(ROWS, 2)
    starts = starts_at_rows(model, 3, np.random.SeedSequence(1))
    means = starts.means.reshape(-1, 2)
    assert all((np.abs(model.rows - mean).sum(axis=1) == 0).any() for mean in means)
    assert len(np.unique(means, axis=0)) == 6
    again = starts_at_rows(model, 3, np.random.SeedSequence(1))
    assert np.array_equal(starts.means, again.means)


# The configs whose posteriors each draws.
POSTERIORS = {"numpyro": ("old-faithful", "quickstart"), "blackjax": ("old-faithful",)}


@pytest.fixture(scope="module", params=POSTERIORS)
def program(request, tmp_path_factory):
    """The name of a program, and what a process that sees its library found.

    `make slow` installs the library.
    """
    name = request.param
    module = "tests.experiments.engines.programs.in_program"
    done = subprocess.run(
        [sys.executable, "-m", module, name, *POSTERIORS[name]],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / ".venv" / "engines"),
            # What is fitted twice is compiled once.
            "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("compiled")),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return name, json.loads(done.stdout)


@pytest.mark.slow
def test_a_program_states_the_same_model_under_every_prior(program):
    _, told = program
    found = told["ports"]
    assert len(found) == 6
    assert {name: values for name, values in found.items() if not values[0] <= values[1]} == {}
    assert "VolumeShapePrior is for structures by volume" in told["refusal"]


@pytest.mark.slow
def test_a_program_draws_the_same_posterior(program):
    # Of 39 means in all, one beyond 4 errors is a false alarm in 3 of 1000 seeds.
    name, told = program
    n_parameters = {"old-faithful": 11, "quickstart": 17}
    assert set(told["posteriors"]) == set(POSTERIORS[name])
    for data, found in told["posteriors"].items():
        assert len(found["z"]) == n_parameters[data]
        assert all(map(math.isfinite, found["z"]))
        assert max(map(abs, found["z"])) < 4.0
        assert found["n_divergent"] == 0
        assert found["n_draws"] == 1200


@pytest.mark.slow
def test_the_draws_meet_the_estimate_of_em_as_those_of_engine_bayes_do(program):
    assert program[1]["compared"] == {"agreement": True, "certificate": True}


@pytest.mark.slow
def test_a_program_keeps_to_its_seed_and_leaves_jax_as_it_was(program):
    name, told = program
    assert told["repeated"]
    assert not told["double precision elsewhere"]
    assert list(told["versions"]) == [name]
    assert told["versions"][name].startswith(f"{name}==")
