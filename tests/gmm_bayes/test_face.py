"""The package's face: its names, and what asking for one of them loads."""

import subprocess
import sys

import pytest

import gmm_bayes
from tests.paths import ROOT

HEAVY = ("pymc", "pytensor", "nutpie", "numba", "arviz", "xarray", "pandas", "plotly")
# The function that builds a PyMC model is the one name that needs PyMC at once.
LIGHT = sorted(set(gmm_bayes.__all__) - {"build_model"})


def test_every_name_is_there_and_says_what_it_is():
    assert set(gmm_bayes.__all__) <= set(dir(gmm_bayes))
    for name in gmm_bayes.__all__:
        assert getattr(gmm_bayes, name).__doc__.strip(), name


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="module 'gmm_bayes' has no attribute 'Nuts'"):
        gmm_bayes.Nuts  # noqa: B018 - asking for it is what fails


def test_what_a_newcomer_implements_is_public():
    class Own:
        def default_prior(self):
            return gmm_bayes.NIWPrior()

        def sample(self, task: gmm_bayes.Task) -> gmm_bayes.Sampled:
            raise NotImplementedError

    assert isinstance(Own(), gmm_bayes.Sampler)


def test_names_load_without_heavy_libraries():
    """Estimator and samplers load them when they are first used."""
    code = (
        f"import sys; from gmm_bayes import {', '.join(LIGHT)}\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_a_prior_loads_no_sampler():
    code = (
        "import sys; from gmm_bayes import NIWPrior\n"
        "print([m for m in sys.modules if m.startswith('gmm_bayes.samplers')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
