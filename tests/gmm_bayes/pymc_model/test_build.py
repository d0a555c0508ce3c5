import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from arviz_stats.base import array_stats
from scipy import stats

from gmm_bayes import (
    GaussianMixtureBayes,
    HierarchicalPrior,
    InverseWishartPrior,
    LKJPrior,
    MixtureDraws,
    NIWPrior,
    VolumeShapePrior,
    build_model,
    relabel,
)
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.pymc_model.build import coordinate_names
from gmm_bayes.pymc_model.cache import model_of
from gmm_bayes.pymc_model.symbolic import mixture_of
from gmm_bayes.space.spaces import space_of
from gmm_bayes.space.structures import STRUCTURES
from gmm_em import Mixture
from gmm_em.covariance.registry import STRUCTURES as OF_EM

# Interpreted graphs: these tests evaluate a density a few times, and compiling it takes a minute.
INTERPRETED = pytensor.compile.mode.Mode(linker="py", optimizer="fast_compile")


INFORMATIVE = LKJPrior(1.5, [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [2.0, 1.0, 3.0], 2.5, "data")
IN_OWN_UNITS = VolumeShapePrior(1.5, 1.0, 2.0, 4.0, 0.7, 1.3, "data")
SEMI_CONJUGATE = InverseWishartPrior(1.5, 5.0, [2.5, 1.0, 3.0], 6.5, [4.0, 2.0, 1.0], "data")
HIERARCHICAL = HierarchicalPrior(1.5, 5.0, 2.0, 2.2, 1.7, [3.0, 2.0, 0.5], "data")
CONJUGATE = NIWPrior(1.5, [4.0, 5.0, 6.0], 2.5, 6.5, [4.0, 2.0, 1.0], "data")


def _density_and_slope(model: pm.Model):
    """The model's log density and its slope as a function of the vector."""
    return pytensor.function(
        model.value_vars, [model.logp(), model.dlogp()], mode=INTERPRETED, on_unused_input="ignore"
    )


@pytest.mark.parametrize(
    ("d", "k", "prior", "covariance_type"),
    [
        (2, 3, None, "full"),
        (1, 2, LKJPrior(3.0, 0.2, 2.0, 0.7), "full"),
        (2, 1, LKJPrior(), "full"),
        (1, 1, LKJPrior(), "full"),
        (2, 1, LKJPrior(), "spherical"),
        *(
            (3, 2, prior, covariance_type)
            for covariance_type in ("full", "tied", "diag", "spherical", "EII", "EEI")
            for prior in (INFORMATIVE, SEMI_CONJUGATE, HIERARCHICAL, CONJUGATE)
        ),
        (2, 3, VolumeShapePrior(), "VEI"),
        (3, 2, IN_OWN_UNITS, "EVI"),
        (2, 3, VolumeShapePrior(), "VEE"),
        (3, 2, IN_OWN_UNITS, "EVV"),
        (2, 2, IN_OWN_UNITS, "EVE"),
        (3, 2, VolumeShapePrior(), "VVE"),
        (2, 3, VolumeShapePrior(), "EEV"),
        (3, 2, IN_OWN_UNITS, "VEV"),
        (1, 2, VolumeShapePrior(), "VEV"),
    ],
)
def test_same_posterior_as_the_closed_form(rng, d, k, prior, covariance_type):
    X = rng.normal(size=(40, d)) * np.arange(1.0, d + 1.0) * 2.0 + 5.0
    function = _density_and_slope(build_model(X, k, prior, covariance_type))
    of_samplers = InverseWishartPrior() if prior is None else prior
    target = LogPosterior(X, k, of_samplers, STRUCTURES[covariance_type])
    for _ in range(2):
        theta = 0.7 * rng.normal(size=target.space.size)
        value, gradient = function(theta)
        expected = target(theta)
        # Eigenvectors by two methods leave a few more digits open.
        rtol = 1e-9 if STRUCTURES[covariance_type].decomposed else 1e-12
        np.testing.assert_allclose(value, expected[0], rtol=rtol)
        np.testing.assert_allclose(gradient, expected[1], rtol=max(1e-8, 100 * rtol), atol=1e-8)


@pytest.mark.parametrize(("d", "k"), [(1, 2), (2, 1), (3, 2)])
@pytest.mark.parametrize("covariance_type", OF_EM)
def test_what_is_added_has_its_slope(rng, d, k, covariance_type):
    """A potential of every parameter of the mixture, against differences."""
    X = rng.normal(size=(30, d)) * 3.0 + 5.0
    model = build_model(X, k, covariance_type=covariance_type)
    with model:
        pm.Potential("of_weights", (model["weights"] ** 2).sum())
        pm.Potential("of_means", (pt.sin(model["means"]) * model["weights"][:, None]).sum())
        pm.Potential("of_covariances", (pt.sqrt(1.0 + model["covariances"] ** 2)).sum())
    function = _density_and_slope(model)
    theta = 0.5 * rng.normal(size=function(np.zeros(model["theta"].type.shape))[1].size)
    steps = 1e-5 * np.eye(theta.size)
    numeric = [(function(theta + e)[0] - function(theta - e)[0]) / 2e-5 for e in steps]
    np.testing.assert_allclose(function(theta)[1], numeric, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("covariance_type", OF_EM)
def test_the_two_maps_to_a_mixture_are_the_same(rng, covariance_type):
    space = space_of(3, 3, STRUCTURES[covariance_type])
    theta = pt.tensor(dtype="float64", shape=(space.size,))
    function = pytensor.function([theta], mixture_of(space, theta), mode=INTERPRETED)
    for scale in (0.5, 5.0):
        value = scale * rng.normal(size=space.size)
        for found, expected in zip(function(value), space.to_mixtures(value), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_other_rows_have_another_likelihood_and_the_same_prior(rng):
    X, other = rng.normal(size=(40, 2)), rng.normal(size=(25, 2)) * 7.0 - 3.0
    model = build_model(X, 2)
    function = _density_and_slope(model)
    target = LogPosterior(X, 2, InverseWishartPrior())
    theta = 0.5 * rng.normal(size=target.space.size)
    weights, means, covariances = target.space.to_mixtures(theta)
    mixture = Mixture(weights, *target.scaling.to_own_units(means, covariances))
    for rows in (other, X):
        with model:
            pm.set_data({"X": rows})
        expected = target.log_prior(theta) + mixture.log_likelihood(rows)
        np.testing.assert_allclose(function(theta)[0], expected, rtol=1e-12)


def test_the_kept_model_moves_to_other_rows_with_its_prior(rng):
    for X in (rng.normal(size=(40, 2)), rng.normal(size=(25, 2)) * 7.0 - 3.0):
        model = model_of(X, 2, InverseWishartPrior(), "full")
        target = LogPosterior(X, 2, InverseWishartPrior())
        theta = 0.5 * rng.normal(size=target.space.size)
        found = _density_and_slope(model)(theta)
        np.testing.assert_allclose(found[0], target(theta)[0], rtol=1e-12)


def test_the_graph_is_small_whatever_the_sizes(rng):
    def size(d: int, k: int) -> int:
        log_density = build_model(rng.normal(size=(30, d)), k).logp()
        return len(list(pytensor.graph.traversal.ancestors([log_density])))

    assert size(2, 2) == size(5, 7) < 40


@pytest.mark.parametrize("covariance_type", ["full", "spherical"])
def test_graphviz_draws_the_model(rng, covariance_type):
    model = build_model(rng.normal(size=(30, 2)), 3, LKJPrior(), covariance_type)
    source = pm.model_to_graphviz(model).source
    for name in ("theta", "weights", "means", "covariances", "X", "x"):
        assert f"{name} [" in source
    assert "component (3)" in source


def test_an_unknown_structure_is_refused(rng):
    with pytest.raises(ValueError, match="covariance_type is 'round'; allowed are 'full', 'tied'"):
        build_model(rng.normal(size=(30, 2)), 3, LKJPrior(), "round")


@pytest.mark.parametrize("covariance_type", OF_EM)
def test_every_coordinate_has_a_name(rng, covariance_type):
    space = space_of(3, 3, STRUCTURES[covariance_type])
    names = coordinate_names(space)
    assert len(set(names)) == len(names) == space.size
    model = build_model(rng.normal(size=(30, 3)), 3, covariance_type=covariance_type)
    assert model.coords["coordinate"] == tuple(names)


def test_columns_name_the_features(rng):
    frame = pd.DataFrame(rng.normal(size=(30, 2)), columns=["eruptions", "waiting"])
    coords = build_model(frame, 2).coords
    assert coords["feature"] == coords["feature_bis"] == ("eruptions", "waiting")
    assert build_model(frame.to_numpy(), 2).coords["feature"] == (0, 1)


def test_variables_and_dimensions_are_named(rng):
    model = build_model(rng.normal(size=(30, 2)), 3)
    dims = model.named_vars_to_dims
    assert dims["weights"] == ("component",)
    assert dims["means"] == ("component", "feature")
    assert dims["covariances"] == ("component", "feature", "feature_bis")
    assert dims["x"] == ("obs", "feature")
    assert [v.name for v in model.observed_RVs] == ["x"]


def test_pointwise_likelihood_and_units_are_those_of_the_data(rng):
    X = rng.normal(size=(20, 2)) * [2.0, 50.0] + [100.0, -3.0]
    model = build_model(X, 2)
    theta = rng.normal(size=LogPosterior(X, 2, LKJPrior()).space.size)
    outputs = [model["weights"], model["means"], model["covariances"]]
    values = model.replace_rvs_by_values([*outputs])
    (pointwise,) = model.logp(vars=[model["x"]], sum=False)
    function = pytensor.function(
        model.value_vars, [*values, pointwise], mode=INTERPRETED, on_unused_input="ignore"
    )
    weights, means, covariances, log_prob = function(theta)
    np.testing.assert_allclose(
        log_prob, Mixture(weights, means, covariances).log_prob(X), rtol=1e-10
    )


def test_rows_count_as_often_as_they_are_weighted(rng):
    """The slope of any function of the rows' log densities, against differences."""
    X = rng.normal(size=(300, 2))
    model = build_model(X, 2)
    (pointwise,) = model.logp(vars=[model["x"]], sum=False)
    cost = (pt.tanh(pointwise) * np.linspace(-1.0, 2.0, 300)).sum()
    vector = model.value_vars[0]
    function = pytensor.function([vector], [cost, pt.grad(cost, vector)], mode=INTERPRETED)
    theta = 0.5 * rng.normal(size=LogPosterior(X, 2, LKJPrior()).space.size)
    steps = 1e-5 * np.eye(theta.size)
    numeric = [(function(theta + e)[0] - function(theta - e)[0]) / 2e-5 for e in steps]
    np.testing.assert_allclose(function(theta)[1], numeric, rtol=1e-6, atol=1e-6)


def test_predictive_draws_follow_the_mixture(rng):
    """Means and covariance of 4000 rows of one mixture; z-scores below 5 fail less than 1e-5."""
    X = rng.normal(size=(4000, 2))
    model = build_model(X, 2, LKJPrior())
    mixture = Mixture([0.3, 0.7], [[-2.0, 0.0], [1.0, 3.0]], [np.eye(2), [[1.0, 0.6], [0.6, 2.0]]])
    target = LogPosterior(X, 2, LKJPrior())
    parameters = target.scaling.standardise_parameters(mixture.means, mixture.covariances)
    theta = target.space.from_mixture(mixture.weights, *parameters)
    fixed = pm.do(model, {"theta": theta})
    function = pytensor.function([], fixed["x"], mode=INTERPRETED)
    rows = function()
    assert rows.shape == X.shape
    error = np.sqrt(np.diag(mixture.covariance) / len(rows))
    assert (np.abs(rows.mean(axis=0) - mixture.mean) < 5.0 * error).all()
    np.testing.assert_allclose(np.cov(rows.T), mixture.covariance, rtol=0.12)


def test_prior_draws_are_the_priors(rng):
    """Two of the means by Kolmogorov-Smirnov tests at 1e-5."""
    X = rng.normal(size=(30, 2)) * [2.0, 50.0] + [100.0, -3.0]
    model = build_model(X, 2)
    function = pm.compile([], model["means"], mode=INTERPRETED)
    draws = np.stack([function() for _ in range(400)])
    for d in range(2):
        law = stats.norm(X[:, d].mean(), X[:, d].std())
        assert stats.kstest(draws[:, 1, d], law.cdf).pvalue > 1e-5


@pytest.mark.parametrize(
    ("X", "k", "words"),
    [
        (np.ones((5, 2)), 2, "column 0, 1 of X is constant"),
        (np.array([[0.0], [np.nan]]), 1, "finite"),
        (np.zeros(5), 1, "Expected 2D array"),
        (np.arange(6.0).reshape(3, 2), 4, "n_components is 4, but X has only 3 samples"),
        (np.arange(6.0).reshape(3, 2), 0, "n_components must be at least 1"),
    ],
)
def test_unusable_input_is_refused(X, k, words):
    with pytest.raises(ValueError, match=words):
        build_model(X, k)


@pytest.mark.slow
def test_pymc_samples_what_our_own_samplers_do(two_clusters):
    """Posterior means within 5 Monte Carlo errors: 11 z-scores, one seed in 100 000 fails."""
    own = GaussianMixtureBayes(2, random_state=0).fit(two_clusters)
    idata = pm.sample(
        model=own.model_,
        draws=1000, tune=500, chains=2, cores=1, random_seed=1,
        progressbar=False, compute_convergence_checks=False, quiet=True,
    )  # fmt: skip
    posterior = idata["posterior"]
    assert posterior["covariances"].dims[2:] == ("component", "feature", "feature_bis")
    names = ("weights", "means", "covariances")
    theirs = MixtureDraws(*(posterior[name].to_numpy() for name in names))
    aligned = relabel(theirs, own.mixture_)[0]
    for name in names:
        both = [getattr(draws, name) for draws in (own.draws_, aligned)]
        flat = [np.moveaxis(v.reshape(*v.shape[:2], -1), -1, 0) for v in both]
        errors = [array_stats.mcse(v, chain_axis=1, draw_axis=2, method="mean") for v in flat]
        gap = flat[0].mean(axis=(1, 2)) - flat[1].mean(axis=(1, 2))
        assert (np.abs(gap) <= 5.0 * np.hypot(*errors)).all(), name
