"""The Gibbs sampler against exact posteriors and against NUTS under the same prior."""

import threading

import numpy as np
import pytest
from arviz_stats.base import array_stats

from experiments.config.load import load_config
from experiments.core.seeds import stream
from experiments.datasets.load import load_dataset
from gmm_bayes import (
    GaussianMixtureBayes,
    Gibbs,
    HierarchicalPrior,
    InverseWishartPrior,
    MixtureDraws,
    NIWPrior,
    relabel,
)
from gmm_em import Mixture

FAST = {"sampler": "gibbs", "draws": 100, "tune": 100, "chains": 2, "random_state": 1}


@pytest.mark.parametrize("d", [1, 3])
def test_one_component_has_its_closed_form_posterior(rng, d):
    """Gelman et al. (2013), section 3.6. With K = 1 the draws are independent.

    At most 12 z-scores below 5: fails for less than one seed in 100 000.
    """
    n, kappa, nu = 40, 0.5, d + 4.0
    X = rng.normal(size=(n, d)) @ np.tril(rng.normal(size=(d, d)) + 2.0 * np.eye(d)) + 3.0
    prior = NIWPrior(2.0, 1.0, kappa, nu, 2.0, "data")
    model = GaussianMixtureBayes(
        1, prior=prior, sampler="gibbs", draws=5000, tune=10, chains=2, random_state=0
    ).fit(X)
    centred, away = X - X.mean(axis=0), X.mean(axis=0) - 1.0
    psi_n = 2.0 * np.eye(d) + centred.T @ centred + kappa * n / (kappa + n) * np.outer(away, away)
    mean = (kappa * 1.0 + n * X.mean(axis=0)) / (kappa + n)
    covariance = psi_n / (nu + n - d - 1.0)
    for draws, expected in [
        (model.draws_.means[:, :, 0], mean),
        (model.draws_.covariances[:, :, 0], covariance),
    ]:
        error = draws.std(axis=(0, 1)) / np.sqrt(10_000)
        assert (np.abs(draws.mean(axis=(0, 1)) - expected) < 5.0 * error).all()
    spread = np.sqrt(np.diag(covariance) / (kappa + n))
    np.testing.assert_allclose(model.draws_.means.std(axis=(0, 1))[0], spread, rtol=0.05)


def _free(draws: MixtureDraws, covariance_type: str) -> np.ndarray:
    """Return every parameter that the structure leaves free, (P, C, S)."""
    lower = np.tri(draws.n_features, dtype=bool)
    d = draws.n_features
    kept = {"diag": np.eye(d, dtype=bool), "spherical": np.arange(d * d).reshape(d, d) == 0}
    covariances = draws.covariances[..., kept.get(covariance_type, lower)]
    if covariance_type == "tied":
        covariances = covariances[:, :, :1]
    parts = (draws.weights, draws.means, covariances)
    flat = [part.reshape(draws.n_chains, draws.n_draws, -1) for part in parts]
    return np.moveaxis(np.concatenate(flat, axis=-1), -1, 0)


def _agree(one: GaussianMixtureBayes, other: GaussianMixtureBayes) -> None:
    """All posterior means and sds within 4 combined Monte Carlo errors, in one labelling."""
    aligned, _ = relabel(other.draws_, one.mixture_)
    both = [_free(draws, one.covariance_type) for draws in (one.draws_, aligned)]
    for method, statistic in {"mean": np.mean, "sd": np.std}.items():
        errors = [array_stats.mcse(v, chain_axis=1, draw_axis=2, method=method) for v in both]
        gap = np.abs(np.subtract(*(statistic(v, axis=(1, 2)) for v in both)))
        assert (gap <= 4.0 * np.hypot(*errors)).all(), (method, gap / np.hypot(*errors))


CONJUGATE = NIWPrior(kappa=0.2, psi=[0.3, 0.2])


def _both(X, k, covariance_type="full", draws=2500, prior=CONJUGATE):
    settings = {
        "covariance_type": covariance_type,
        "prior": prior,
        "draws": draws,
        "tune": 500,
        "random_state": 2,
        "progressbar": False,
    }
    gibbs = GaussianMixtureBayes(k, sampler="gibbs", **settings).fit(X)
    nuts = GaussianMixtureBayes(k, sampler="nuts", **settings).fit(X)
    assert gibbs.diagnostics_.max_r_hat < 1.02
    assert nuts.diagnostics_.max_r_hat < 1.02
    return gibbs, nuts


def test_agrees_with_nuts_under_the_same_prior(faithful):
    """At most 22 z-scores at 4: fails for less than one seed in 700."""
    _agree(*_both(faithful, 2))


@pytest.mark.slow
def test_agrees_with_nuts_on_three_components():
    """At most 36 z-scores at 4: fails for less than one seed in 400."""
    config = load_config("quickstart")
    X = load_dataset(config.data, config.name, stream(config.seed, "data")).X
    _agree(*_both(X, config.n_components))


OVERLAPPING = Mixture([0.4, 0.6], [[0.0, 0.0], [2.0, 1.0]], [np.eye(2)] * 2)


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["tied", "diag", "spherical"])
def test_other_structures_agree_with_nuts_too(covariance_type):
    """Overlapping components. At most 36 z-scores at 4: fails for less than one seed in 400."""
    _agree(*_both(OVERLAPPING.sample(150, 5)[0], 2, covariance_type, draws=4000))


def test_the_hierarchical_prior_agrees_with_nuts(two_clusters):
    """At most 22 z-scores at 4: fails for less than one seed in 700."""
    _agree(*_both(two_clusters, 2, draws=1500, prior=HierarchicalPrior()))


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_the_hierarchical_prior_agrees_where_components_overlap(covariance_type):
    """At most 22 z-scores at 4 for each structure: fails for less than one seed in 170."""
    X = OVERLAPPING.sample(150, 5)[0]
    prior = HierarchicalPrior(rate_rate=[0.5, 1.0])
    _agree(*_both(X, 2, covariance_type, draws=4000, prior=prior))


@pytest.mark.parametrize("covariance_type", ["tied", "diag", "spherical"])
def test_draws_have_the_structure(two_clusters, covariance_type):
    draws = (
        GaussianMixtureBayes(2, covariance_type=covariance_type, **FAST).fit(two_clusters).draws_
    )
    found = draws.covariances
    if covariance_type == "tied":
        np.testing.assert_array_equal(found[:, :, 0], found[:, :, 1])
        return
    assert (found[..., 0, 1] == 0.0).all()
    equal = np.isclose(found[..., 0, 0], found[..., 1, 1], rtol=1e-12).all()
    assert equal == (covariance_type == "spherical")


def test_posterior_is_the_same_tree(two_clusters):
    model = GaussianMixtureBayes(2, **FAST).fit(two_clusters)
    posterior = model.posterior_["posterior"]
    assert posterior["covariances"].dims == (
        "chain", "draw", "component", "feature", "feature_bis"
    )  # fmt: skip
    assert posterior.attrs["sampler"] == "gibbs"
    assert {"posterior", "sample_stats", "observed_data", "log_likelihood"} == set(
        model.posterior_.children
    )
    assert model.diagnostics_.bfmi == ()


def test_same_seed_same_draws_whatever_the_cores(two_clusters):
    one = GaussianMixtureBayes(2, cores=1, **FAST).fit(two_clusters)
    two = GaussianMixtureBayes(2, cores=2, **FAST).fit(two_clusters)
    np.testing.assert_array_equal(one.draws_.means, two.draws_.means)
    assert not np.array_equal(one.draws_.means[0], one.draws_.means[1])


def test_tied_rows_and_empty_components_are_no_trouble(rng):
    """The conjugate prior keeps covariances away from singular ones."""
    X = np.concatenate([np.tile([[2.0, 3.0]], (30, 1)), rng.normal(size=(30, 2))])
    prior = NIWPrior(concentration=0.01)
    model = GaussianMixtureBayes(5, **{**FAST, "prior": prior, "draws": 500}).fit(X)
    assert np.linalg.eigvalsh(model.draws_.covariances).min() > 1e-4
    assert model.posterior_["sample_stats"]["n_empty"].max() > 0


def test_callback_and_interrupt(two_clusters):
    calls = []
    GaussianMixtureBayes(2, **FAST).fit(two_clusters, callback=lambda *c: calls.append(c))
    assert calls[-1] == (400, 400)

    def interrupt(n_done: int, n_total: int) -> None:
        if n_done > 2000:
            raise KeyboardInterrupt

    model = GaussianMixtureBayes(2, **{**FAST, "draws": 1_000_000, "cores": 2})
    model.fit(two_clusters, callback=interrupt)
    assert model.posterior_["posterior"].attrs["interrupted"] == 1
    assert 4 <= model.draws_.n_draws < 1_000_000

    def at_once(n_done: int, n_total: int) -> None:
        raise KeyboardInterrupt

    model = GaussianMixtureBayes(2, **{**FAST, "tune": 1_000_000, "cores": 2})
    with pytest.raises(KeyboardInterrupt):
        model.fit(two_clusters, callback=at_once)
    assert threading.active_count() < 20


def test_default_prior_is_that_of_every_sampler():
    assert Gibbs().default_prior() == InverseWishartPrior()
