import json
import os
import shutil
import signal
import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from experiments.analysis.agreement import z_score_errors
from experiments.api.comparing import compare
from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.engines import registry
from experiments.engines.registry import available_engines, load_engine
from gmm_bayes import LKJPrior
from gmm_em import Mixture
from tests.paths import ROOT

PLUGIN = ROOT / "docs" / "engine-plugin"


@pytest.fixture(scope="module")
def X():
    truth = Mixture([0.6, 0.4], [[0.0, 0.0], [5.0, 5.0]], [np.eye(2), np.eye(2)])
    return truth.sample(200, 8)[0]


def test_every_engine_of_this_package_loads():
    names = available_engines()
    own = ["em", "bayes", "bayes-auto", "sklearn", "sklearn-bayes", "kmeans"]
    assert list(names)[-11:] == [*own, "numpyro", "blackjax", "stan", "mclust", "gmmx"]
    for name in ("em", "bayes", "bayes-auto", "sklearn", "sklearn-bayes", "kmeans"):
        assert load_engine(name).settings.model_validate({})


def test_a_plug_in_that_cannot_be_imported_is_told(monkeypatch):
    broken = {"ours": EntryPoint("ours", "no_such_module:Engine", registry.GROUP)}
    monkeypatch.setattr(registry, "available_engines", lambda: broken)
    with pytest.raises(UsageError, match=r"'ours' \(no_such_module:Engine\) cannot be loaded"):
        load_engine("ours")


def test_baselines_give_what_their_library_gives(X):
    comparison = compare(X, 2, engines=["sklearn", "sklearn-bayes", "kmeans"], seed=4)
    seed = int(stream(4, "sklearn").generate_state(1)[0])
    expected = GaussianMixture(2, random_state=seed).fit(X)
    found = comparison.fits["sklearn"].mixture
    assert np.allclose(np.sort(found.means, axis=0), np.sort(expected.means_, axis=0))
    for name, engine in comparison.engines.items():
        assert np.allclose(engine.mixture.weights, [0.6, 0.4], atol=0.1), name
        assert engine.uncertainty is None
        assert engine.intervals is None
    assert comparison.agreement is None


def test_hard_assignment_underestimates_overlapping_covariances():
    truth = Mixture([0.5, 0.5], [[0.0], [2.0]], np.ones((2, 1, 1)))
    X = truth.sample(4000, 1)[0]
    comparison = compare(X, 2, truth=truth, engines=["em", "kmeans"], seed=1)
    hard = np.ravel(comparison.engines["kmeans"].mixture.covariances)
    soft = np.ravel(comparison.engines["em"].mixture.covariances)
    assert np.all(hard < 0.75)
    assert np.all(np.abs(soft - 1) < 0.25)


def test_options_reach_the_engines_and_priors_may_be_objects(X):
    comparison = compare(
        X,
        2,
        engines=["em", "bayes"],
        em={"n_init": 3, "n_bootstrap": 5},
        bayes={"draws": 50, "tune": 150, "chains": 2, "prior": LKJPrior(eta=2.0)},
    )
    assert comparison.engines["em"].diagnostics["n_init"] == 3
    assert comparison.fits["bayes"].draws.weights.shape == (2, 50, 2)


def test_gibbs_and_nuts_draw_the_same_posterior(X):
    drawn = {
        sampler: compare(
            X,
            2,
            engines=["bayes"],
            bayes={"sampler": sampler, "prior": {"kind": "niw"}, "draws": 1000, "chains": 2},
        ).fits["bayes"]
        for sampler in ("nuts", "gibbs")
    }
    nuts, gibbs = drawn["nuts"], drawn["gibbs"]
    errors = [z_score_errors(fit.draws, fit.uncertainty).means for fit in (nuts, gibbs)]
    # 4 means at 4.5 combined Monte Carlo errors: a false alarm in 30 000.
    allowed = 4.5 * np.hypot(*errors) * nuts.uncertainty.means
    assert np.all(np.abs(nuts.mixture.means - gibbs.mixture.means) < allowed)


def test_an_engine_of_another_engines_order_or_number_changes_no_stream(X):
    alone = compare(X, 2, engines=["sklearn"], seed=9)
    among = compare(X, 2, engines=["kmeans", "sklearn"], seed=9)
    assert alone.fits["sklearn"].mixture == among.fits["sklearn"].mixture


@pytest.mark.slow
def test_a_third_party_engine_is_installed_and_compared(tmp_path):
    source = shutil.copytree(PLUGIN, tmp_path / "source")
    site = tmp_path / "site"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--offline",
            "--no-build-isolation",
            "--python",
            sys.executable,
            "--target",
            site,
            source,
        ],
        check=True,
    )
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import numpy as np; "
        "from experiments import compare; X = np.random.default_rng(0).normal(size=(80, 2)); "
        "c = compare(X, 1, engines=['em', 'moments'], moments={'shrinkage': 0.0}, "
        "em={'n_bootstrap': 4}); "
        "print(np.allclose(c.engines['em'].mixture.means, c.engines['moments'].mixture.means))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, site], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"
    # The template's own tests: its port states the same model, and draws the same posterior.
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:cacheprovider", "tests"],
        check=True,
        cwd=source,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])},
    )
    # As its README says, by name from the command line, with its own settings.
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "experiments",
            "run",
            "quickstart",
            "--json",
            "--set",
            'engines=["moments"]',
            "--set",
            "settings.moments.shrinkage=1.0",
            "--out",
            tmp_path / "run",
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])},
    )
    covariances = json.loads(done.stdout)["engines"]["moments"]["mixture"]["covariances"]
    assert all(covariance[0][1] == 0 for covariance in covariances), "shrunk to the diagonal"
    wrong = subprocess.run(
        [
            sys.executable,
            "-m",
            "experiments",
            "run",
            "quickstart",
            "--set",
            'engines=["moments"]',
            "--set",
            "settings.moments.shrinkage=2.0",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])},
    )
    assert wrong.returncode == 2
    assert "shrinkage = 2.0: allowed is" in wrong.stderr


def test_an_interrupted_posterior_does_not_pass_for_a_whole_one(X):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt(stage, done, total):
        if done > 2000:
            signal.raise_signal(signal.SIGINT)

    try:
        with pytest.raises(KeyboardInterrupt):
            compare(X, 2, engines=["bayes"], bayes={"draws": 500_000}, progress=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)
