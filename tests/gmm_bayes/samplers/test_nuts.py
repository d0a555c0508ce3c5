import io
import signal
import sys
import threading
import time

import arviz as az
import numpy as np
import nutpie
import pymc as pm
import pytest

from gmm_bayes import NUTS, GaussianMixtureBayes, Gibbs
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.priors.inverse_wishart import InverseWishartPrior
from gmm_bayes.priors.lkj import LKJPrior
from gmm_bayes.priors.niw import NIWPrior
from gmm_bayes.samplers.contract import Task
from gmm_bayes.samplers.registry import get_sampler
from gmm_bayes.samplers.starts import random_start


def test_samplers_are_found_by_name():
    assert get_sampler("nuts") == NUTS()
    own = NUTS(target_accept=0.7)
    assert get_sampler(own) is own
    assert get_sampler("gibbs") == Gibbs()
    with pytest.raises(ValueError, match="'hmc'; allowed are 'nuts', 'gibbs'"):
        get_sampler("hmc")
    with pytest.raises(TypeError, match="sampler must be a name"):
        get_sampler(NUTS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"backend": "stan"}, "'closed-form', 'nutpie', 'pymc'"),
        ({"target_accept": 1.0}, "target_accept must lie in"),
        ({"max_treedepth": 0}, "max_treedepth must be at least 1"),
        ({"adaptation": "dense"}, "'dense'; allowed with the backend 'closed-form' are 'diag', 'l"),
        ({"adaptation": "low_rank", "backend": "pymc"}, "allowed with the backend 'pymc' are 'd"),
    ],
)
def test_impossible_settings_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        NUTS(**change)


def test_log_density_in_the_stats_is_the_targets(fitted, two_clusters):
    """`lp` must be the value of the density at the very draws that are returned."""
    target = LogPosterior(two_clusters, 2, InverseWishartPrior())
    loc, scale = target.scaling.loc, target.scaling.scale
    lp = fitted.posterior_["sample_stats"]["lp"]
    for chain, draw in [(0, 0), (1, 100)]:
        # The density on unconstrained space does not depend on labels.
        mixture = fitted.draws_[chain, draw].affine(-loc / scale, 1.0 / scale)
        theta = target.space.from_mixture(mixture.weights, mixture.means, mixture.covariances)
        np.testing.assert_allclose(target(theta)[0], lp[chain, draw], rtol=1e-8)


def test_starts_are_plausible_and_differ(two_clusters):
    target = LogPosterior(two_clusters, 2, LKJPrior())
    Z = target.scaling.standardise(two_clusters)
    starts = [random_start(Z, 2, np.random.default_rng(seed)) for seed in range(20)]
    assert len({s.tobytes() for s in starts}) == 20
    values = np.array([target(s)[0] for s in starts])
    one_blob = target.space.from_mixture(
        np.full(2, 0.5), np.zeros((2, 2)), np.tile(np.eye(2), (2, 1, 1))
    )
    assert values.min() > target(one_blob)[0]


def test_starts_exist_for_awkward_data(rng):
    tied = np.repeat(np.eye(2), 5, axis=0)
    for Z, k in [(rng.normal(size=(3, 2)), 3), (tied, 4), (rng.normal(size=(9000, 1)), 2)]:
        assert np.isfinite(random_start(Z, k, rng)).all()


def test_callback_counts_every_iteration_in_the_calling_thread(two_clusters):
    calls = []

    def callback(n_done: int, n_total: int) -> None:
        calls.append((n_done, n_total, threading.current_thread()))

    model = GaussianMixtureBayes(2, draws=300, tune=100, chains=2, random_state=0)
    model.fit(two_clusters, callback=callback)
    assert calls[-1][:2] == (800, 800)
    assert [c[0] for c in calls] == sorted(c[0] for c in calls)
    assert {c[2] for c in calls} == {threading.current_thread()}


def test_a_failing_callback_stops_the_sampler(two_clusters):
    def callback(n_done: int, n_total: int) -> None:
        raise RuntimeError("the caller's own trouble")

    model = GaussianMixtureBayes(2, draws=50_000, chains=2, random_state=0)
    before = time.perf_counter()
    with pytest.raises(RuntimeError, match="own trouble"):
        model.fit(two_clusters, callback=callback)
    assert not hasattr(model, "draws_")
    assert time.perf_counter() - before < 60.0


@pytest.fixture
def ctrl_c_works():
    """A process started in the background of a script ignores the signal; a terminal's does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_works")
def test_interrupting_keeps_what_was_drawn(two_clusters):
    def callback(n_done: int, n_total: int) -> None:
        if n_done > 4000:
            signal.raise_signal(signal.SIGINT)

    model = GaussianMixtureBayes(2, draws=500_000, tune=100, chains=2, cores=2, random_state=0)
    model.fit(two_clusters, callback=callback)
    posterior = model.posterior_["posterior"]
    assert posterior.attrs["interrupted"] == 1
    assert 4 <= posterior.sizes["draw"] < 500_000
    assert np.isfinite(posterior["means"]).all()


@pytest.mark.usefixtures("ctrl_c_works")
def test_interrupting_before_any_draw_is_an_interrupt(two_clusters):
    def callback(n_done: int, n_total: int) -> None:
        signal.raise_signal(signal.SIGINT)

    model = GaussianMixtureBayes(2, draws=10, tune=200_000, chains=2, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(two_clusters, callback=callback)
    assert not hasattr(model, "draws_")


def test_another_layout_of_nutpies_models_changes_nothing_but_speed(two_clusters, monkeypatch):
    settings = {"draws": 50, "tune": 100, "chains": 2, "random_state": 0}
    expected = GaussianMixtureBayes(2, **settings).fit(two_clusters)

    def refuse(**_: object) -> None:
        raise TypeError("unexpected keyword argument")

    monkeypatch.setattr("nutpie.compile_pymc.CompiledPyMCModel", refuse)
    model = GaussianMixtureBayes(2, **settings).fit(two_clusters)
    np.testing.assert_allclose(model.draws_.means, expected.draws_.means, rtol=1e-6)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_drawn_on_a_terminal_only(two_clusters, monkeypatch):
    model = GaussianMixtureBayes(2, draws=200, tune=100, chains=2, random_state=0)
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    model.fit(two_clusters)
    assert pipe.getvalue() == ""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    model.fit(two_clusters)
    assert "Sampling" in terminal.getvalue()
    silent = _Terminal()
    monkeypatch.setattr(sys, "stderr", silent)
    model.set_params(progressbar=False).fit(two_clusters)
    assert silent.getvalue() == ""


def made_trace(chains, draws):
    rng = np.random.default_rng(5)
    shape = (chains, draws)
    posterior = {
        "weights": rng.dirichlet([1.0, 1.0], size=shape),
        "means": rng.normal(size=(*shape, 2, 2)),
        "covariances": np.broadcast_to(np.eye(2), (*shape, 2, 2, 2)),
    }
    stats = {"lp": rng.normal(size=shape), "diverging": rng.random(shape) < 0.5, "other": 0.0}
    parts = {"posterior": posterior, "sample_stats": {**stats, "other": np.zeros(shape)}}
    return az.from_dict(parts)


@pytest.mark.parametrize("draws", [30, 20])
def test_pymc_s_sampler_is_asked_for_the_task_and_its_trace_is_taken(
    two_clusters, monkeypatch, draws
):
    """PyMC itself takes a minute to compile; a chain that was interrupted has fewer draws."""
    asked, counted = {}, []
    trace = made_trace(2, draws)

    def sample(**options):
        asked.update(options)
        for _ in range(3):
            options["callback"](trace=None, draw=None)
        return trace

    monkeypatch.setattr("pymc.sample", sample)
    monkeypatch.setattr("gmm_bayes.samplers.nuts.backend_pymc.model_of", lambda *kind: "the model")
    seed = np.random.SeedSequence(4)
    task = Task(two_clusters, 2, LKJPrior(), 30, 10, 2, 1, seed, lambda *call: counted.append(call))
    sampled = NUTS(backend="pymc", target_accept=0.8, max_treedepth=6).sample(task)
    assert (asked["model"], asked["nuts_sampler"]) == ("the model", "pymc")
    assert (asked["draws"], asked["tune"], asked["chains"], asked["cores"]) == (30, 10, 2, 1)
    assert asked["random_seed"] == np.random.SeedSequence(4).generate_state(2).tolist()
    assert (asked["target_accept"], asked["nuts"]) == (0.8, {"max_treedepth": 6})
    assert counted == [(1, 80), (2, 80), (3, 80)]
    np.testing.assert_array_equal(sampled.draws.means, trace["posterior"]["means"])
    np.testing.assert_array_equal(sampled.draws.weights, trace["posterior"]["weights"])
    assert set(sampled.stats) == {"lp", "diverging"}
    np.testing.assert_array_equal(sampled.stats["lp"], trace["sample_stats"]["lp"])
    assert sampled.interrupted is (draws < 30)
    assert sampled.attributes["inference_library"] == "pymc"
    assert sampled.attributes["nuts_backend"] == "pymc"


@pytest.mark.parametrize(
    ("message", "raised"),
    [("Not enough samples to build a trace.", KeyboardInterrupt), ("other", ValueError)],
)
def test_pymc_s_word_for_an_early_interrupt_is_one(two_clusters, monkeypatch, message, raised):
    def sample(**options):
        raise ValueError(message)

    monkeypatch.setattr("pymc.sample", sample)
    monkeypatch.setattr("gmm_bayes.samplers.nuts.backend_pymc.model_of", lambda *kind: "the model")
    task = Task(
        two_clusters, 2, LKJPrior(), 30, 10, 2, 1, np.random.SeedSequence(4), lambda *call: None
    )
    with pytest.raises(raised):
        NUTS(backend="pymc").sample(task)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "owner", "compiler", "eta", "long"),
    [
        ("nutpie", nutpie, "compile_pymc_model", 1.0, 20_000),
        ("pymc", pm.Model, "logp_dlogp_function", 2.0, 400),
    ],
)
def test_backends_agree_and_compile_once(
    two_clusters, monkeypatch, backend, owner, compiler, eta, long
):
    """On the second data set of its shape: compiled for another one, with other rows and units.

    Each backend has a prior of its own, so that no other test has compiled its model before.
    z-scores over 12 parameters below 5: fails for less than one seed in 10 000.
    """
    compiled = []

    original = getattr(owner, compiler)

    def counting(*args: object, **options: object) -> object:
        compiled.append(args)
        return original(*args, **options)

    monkeypatch.setattr(owner, compiler, counting)
    sampler = NUTS(backend=backend)
    prior = LKJPrior(eta=eta)
    settings = {"prior": prior, "draws": 1000, "tune": 500, "chains": 2, "random_state": 0}
    own = GaussianMixtureBayes(2, **settings).fit(two_clusters).diagnostics_.parameters
    others = 50.0 - 7.0 * two_clusters[:90]
    short = {"prior": prior, "draws": 10, "tune": 20, "chains": 2, "cores": 1}
    GaussianMixtureBayes(2, sampler=sampler, **short).fit(others)
    model = GaussianMixtureBayes(2, sampler=sampler, **settings).fit(two_clusters)
    assert len(compiled) == 1
    other = model.diagnostics_.parameters
    error = np.hypot(own["mcse_mean"], other["mcse_mean"])
    assert (np.abs(own["mean"] - other["mean"]) < 5.0 * error).all()
    assert {"lp", "diverging", "energy", "tree_depth", "step_size"} <= set(
        model.posterior_["sample_stats"].data_vars
    )
    with pytest.raises(ValueError, match="column 0, 1 of X is constant"):
        GaussianMixtureBayes(2, sampler=sampler).fit(np.ones((9, 2)))

    def interrupt(after: float):
        def callback(n_done: int, n_total: int) -> None:
            if n_done > after:
                raise KeyboardInterrupt

        return callback

    one = GaussianMixtureBayes(
        2, sampler=sampler, prior=prior, draws=long, tune=20, chains=2, cores=1, random_state=0
    )
    with pytest.raises(KeyboardInterrupt):
        one.fit(others, callback=interrupt(0))
    assert not hasattr(one, "draws_")
    one.fit(others, callback=interrupt(1.25 * long))
    assert one.posterior_["posterior"].attrs["interrupted"] == 1
    assert len(one.draws_) < 2 * long
    assert len(compiled) == 1


@pytest.mark.slow
def test_low_rank_adaptation_agrees(two_clusters):
    """z-scores over 12 parameters below 5: fails for less than one seed in 10 000."""
    settings = {"draws": 1000, "tune": 500, "chains": 4, "random_state": 0}
    own, other = (
        GaussianMixtureBayes(2, sampler=NUTS(adaptation=adaptation), **settings)
        .fit(two_clusters)
        .diagnostics_.parameters
        for adaptation in ("diag", "low_rank")
    )
    error = np.hypot(own["mcse_mean"], other["mcse_mean"])
    assert (np.abs(own["mean"] - other["mean"]) < 5.0 * error).all()


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_agrees_with_gibbs_under_the_same_prior(two_clusters, covariance_type):
    """Two samplers that share no line of the posterior's density, in every structure.

    z-scores over at most 12 distinct parameters below 5: fails for less than one seed in 10 000.
    """
    settings = {"covariance_type": covariance_type, "prior": NIWPrior(kappa=0.5, psi=[0.2, 0.4])}
    models = [
        GaussianMixtureBayes(2, sampler=s, draws=2000, random_state=0, **settings).fit(two_clusters)
        for s in ("nuts", "gibbs")
    ]
    own, other = (model.diagnostics_.parameters for model in models)
    free = own["verdict"] != "constant"
    error = np.hypot(own["mcse_mean"], other["mcse_mean"])[free]
    assert (np.abs(own["mean"] - other["mean"])[free] < 5.0 * error).all()
    assert (other["verdict"][~free] == "constant").all()
    assert models[0].diagnostics_.converged
