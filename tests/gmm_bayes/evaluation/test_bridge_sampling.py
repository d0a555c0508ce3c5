"""Log marginal likelihoods against closed forms, and against each other."""

import math

import numpy as np
import pytest

from gmm_bayes import (
    SMC,
    GaussianMixtureBayes,
    HierarchicalPrior,
    InverseWishartPrior,
    NIWPrior,
)
from gmm_em import Mixture
from tests.gmm_bayes.exact import (
    every_allocation,
    hierarchical_evidence,
    one_gaussian,
    one_semi_conjugate,
)

ONE = NIWPrior(2.0, 1.0, 0.5, 5.0, 2.0, "data")
TWO = NIWPrior(1.5, 0.3, 0.3, 4.0, 1.2, "data")


def _one_cloud() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 2)) @ np.array([[2.0, 0.0], [1.0, 1.0]]) + 3.0


def _ten_rows(rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([rng.normal(size=5) - 2.0, rng.normal(size=5) + 2.0])[:, None]


def _agrees(found: tuple[float, float], expected: float, most: float) -> None:
    value, error = found
    assert 0.0 < error < most
    assert abs(value - expected) < 5.0 * error


@pytest.mark.parametrize("sampler", ["nuts", "gibbs"])
def test_one_gaussian_in_closed_form(sampler):
    """One comparison at 5 errors: fails for less than one seed in 100 000."""
    X = _one_cloud()
    model = GaussianMixtureBayes(1, prior=ONE, sampler=sampler, chains=2, random_state=1).fit(X)
    _agrees(model.log_marginal_likelihood(), one_gaussian(X, ONE), 0.02)


@pytest.mark.parametrize("sampler", ["nuts", "gibbs"])
def test_every_allocation_of_ten_rows(sampler):
    """Components overlap until labels mean little: one labelling must still be exact. As above."""
    X = _ten_rows(np.random.default_rng(4))
    model = GaussianMixtureBayes(2, prior=TWO, sampler=sampler, draws=2000, random_state=2).fit(X)
    _agrees(model.log_marginal_likelihood(), every_allocation(X, 2, TWO), 0.02)


@pytest.mark.parametrize("sampler", ["nuts", "gibbs"])
def test_the_default_family_on_eight_rows(sampler):
    """All 256 allocations, the variances by quadrature. At 5 errors, as above."""
    X = np.concatenate([np.linspace(-2.5, -1.5, 4), [1.0, 1.0, 1.0, 2.5]])[:, None]
    prior = InverseWishartPrior(2.0, 0.2, 1.5, 3.0, 0.4, "data")
    model = GaussianMixtureBayes(2, prior=prior, sampler=sampler, draws=2000, random_state=3)
    exact = every_allocation(X, 2, prior, one_semi_conjugate)
    _agrees(model.fit(X).log_marginal_likelihood(), exact, 0.03)


@pytest.mark.parametrize("sampler", ["nuts", "gibbs", pytest.param("smc", marks=pytest.mark.slow)])
def test_the_hierarchical_prior_on_seven_rows(sampler):
    """All 128 allocations, variances and their scale by quadrature. At 5 errors, as above."""
    X = np.array([-2.5, -2.0, -1.6, 1.0, 1.0, 1.3, 2.5])[:, None]
    prior = HierarchicalPrior(2.0, 0.2, 1.5, 2.5, 1.5, 2.0, "data")
    model = GaussianMixtureBayes(2, prior=prior, sampler=sampler, draws=2000, random_state=3)
    exact = hierarchical_evidence(X, 2, prior)
    _agrees(model.fit(X).log_marginal_likelihood(), exact, 0.1 if sampler == "smc" else 0.03)


def test_three_components_on_six_rows():
    """More components than the rows can tell apart. As above."""
    X = np.random.default_rng(5).normal(size=(6, 1))
    model = GaussianMixtureBayes(3, prior=TWO, sampler="gibbs", draws=2000, random_state=2).fit(X)
    _agrees(model.log_marginal_likelihood(), every_allocation(X, 3, TWO), 0.05)


@pytest.mark.slow
def test_smc_gives_its_own():
    """Two exact answers at 5 errors with 3 degrees of freedom each: fails for one seed in 30."""
    X = _ten_rows(np.random.default_rng(4))
    settings = {"sampler": "smc", "draws": 500, "chains": 4}
    model = GaussianMixtureBayes(2, prior=TWO, random_state=1, **settings).fit(X)
    _agrees(model.log_marginal_likelihood(), every_allocation(X, 2, TWO), 0.2)
    attributes = model.posterior_["posterior"].attrs
    by_chain = np.array(attributes["log_marginal_likelihood_by_chain"])
    assert by_chain.shape == (4,)
    value = np.log(np.exp(by_chain - by_chain.max()).mean()) + by_chain.max()
    assert attributes["log_marginal_likelihood"] == pytest.approx(value)
    assert model.log_marginal_likelihood()[0] == attributes["log_marginal_likelihood"]
    assert model.log_marginal_likelihood()[1] == attributes["log_marginal_likelihood_se"]
    X = _one_cloud()
    model = GaussianMixtureBayes(1, prior=ONE, random_state=1, **settings).fit(X)
    _agrees(model.log_marginal_likelihood(), one_gaussian(X, ONE), 0.2)


@pytest.mark.slow
def test_smc_and_bridge_sampling_agree(faithful):
    """Two numbers of components at 5 combined errors: fails for one seed in 30 or fewer."""
    for k in (1, 2):
        settings = {"random_state": 3, "chains": 4}
        one = GaussianMixtureBayes(k, sampler="smc", **settings).fit(faithful)
        two = GaussianMixtureBayes(k, sampler="nuts", **settings).fit(faithful)
        (a, a_error), (b, b_error) = one.log_marginal_likelihood(), two.log_marginal_likelihood()
        assert math.hypot(a_error, b_error) < 0.4
        assert abs(a - b) < 5.0 * math.hypot(a_error, b_error)


def test_units_of_the_data_count_and_labels_do_not(two_clusters, fitted):
    """In other units the density changes by the Jacobian, log scale per value and row."""
    scale = np.array([100.0, 1.0 / 32.0])
    settings = {"draws": 300, "tune": 300, "chains": 2, "random_state": 3}
    other = GaussianMixtureBayes(2, **settings).fit(two_clusters * scale)
    value, error = fitted.log_marginal_likelihood()
    jacobian = -len(two_clusters) * np.log(scale).sum()
    assert other.log_marginal_likelihood()[0] == pytest.approx(value + jacobian, abs=8.0 * error)
    assert fitted.log_marginal_likelihood() == (value, error)


@pytest.mark.parametrize("covariance_type", ["tied", "diag", "spherical"])
def test_structures_by_two_priors_that_are_one(covariance_type):
    """K = 1: "tied" is "full", and D = 1 makes all structures one and the same posterior."""
    X = _one_cloud() if covariance_type == "tied" else _one_cloud()[:, :1]
    models = [
        GaussianMixtureBayes(1, covariance_type=kind, draws=500, chains=2, random_state=1).fit(X)
        for kind in ("full", covariance_type)
    ]
    (a, a_error), (b, b_error) = (model.log_marginal_likelihood() for model in models)
    assert abs(a - b) < 5.0 * math.hypot(a_error, b_error)
    assert a_error < 0.02


@pytest.mark.slow
def test_the_true_number_of_components_wins():
    """Log Bayes factors above 10 either way, with errors below 1: no seed is expected to fail."""
    truth = Mixture([0.5, 0.5], [[0.0, 0.0], [5.0, 5.0]], np.tile(np.eye(2), (2, 1, 1)))
    X = truth.sample(1000, 3)[0]
    values = []
    for k in (1, 2):
        model = GaussianMixtureBayes(k, random_state=0, chains=4).fit(X)
        value, error = model.log_marginal_likelihood()
        assert error < 0.1
        values.append(value)
    assert values[1] - values[0] > 10.0


def test_too_few_draws_and_a_single_smc_run_are_said(two_clusters):
    model = GaussianMixtureBayes(2, draws=10, tune=50, chains=2, random_state=0).fit(two_clusters)
    with pytest.raises(ValueError, match="11 parameters needs at least 52 draws, but there are 20"):
        model.log_marginal_likelihood()
    quick = SMC(max_steps=4)
    one = GaussianMixtureBayes(1, sampler=quick, draws=60, chains=1, random_state=0)
    value, error = one.fit(two_clusters).log_marginal_likelihood()
    assert math.isfinite(value)
    assert math.isnan(error)


def test_many_rows_use_fewer_draws(two_clusters, fitted, monkeypatch):
    value, error = fitted.log_marginal_likelihood()
    monkeypatch.setattr("gmm_bayes.evaluation.bridge_sampling._MAX_ROW_DENSITIES", 0)
    monkeypatch.setattr("gmm_bayes.evaluation.bridge_sampling._MIN_DRAWS", 200)
    fitted._evidence = None
    again, wider = fitted.log_marginal_likelihood()
    fitted._evidence = None
    assert again != value
    assert wider > error
    assert abs(again - value) < 5.0 * (wider + error)


@pytest.mark.slow
def test_the_error_of_bridge_sampling_is_its_spread_over_seeds():
    """Spread of 80 values: its own error is 8 %, so that 40 % is exceeded once in 10**6."""
    X = _one_cloud()
    settings = {"prior": ONE, "sampler": "gibbs", "draws": 60, "tune": 10, "chains": 2}
    found = np.array(
        [
            GaussianMixtureBayes(1, random_state=seed, **settings).fit(X).log_marginal_likelihood()
            for seed in range(80)
        ]
    )
    spread = found[:, 0].std(ddof=1)
    assert np.sqrt((found[:, 1] ** 2).mean()) == pytest.approx(spread, rel=0.4)
    assert abs(found[:, 0].mean() - one_gaussian(X, ONE)) < 5 * spread / math.sqrt(80)
