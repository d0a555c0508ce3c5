import numpy as np
import pymc as pm
import pytensor
import pytest

from gmm_bayes import InverseWishartPrior, LKJPrior, NIWPrior, VolumeShapePrior, build_model
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.space.structures import STRUCTURES
from gmm_em import Mixture

# Interpreted graphs: these tests evaluate a density a few times, and compiling it takes a minute.
INTERPRETED = pytensor.compile.mode.Mode(linker="py", optimizer="fast_compile")


INFORMATIVE = LKJPrior(1.5, [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [2.0, 1.0, 3.0], 2.5, "data")
IN_OWN_UNITS = VolumeShapePrior(1.5, 1.0, 2.0, 4.0, 0.7, 1.3, "data")
SEMI_CONJUGATE = InverseWishartPrior(1.5, 5.0, [2.5, 1.0, 3.0], 6.5, [4.0, 2.0, 1.0], "data")
CONJUGATE = NIWPrior(1.5, [4.0, 5.0, 6.0], 2.5, 6.5, [4.0, 2.0, 1.0], "data")


def _point(model: pm.Model, theta: np.ndarray) -> dict[str, np.ndarray]:
    """Split an unconstrained vector among the model's value variables, in their order."""
    shapes = model.initial_point()
    point, at = {}, 0
    for variable in model.value_vars:
        size = shapes[variable.name].size
        point[variable.name] = theta[at : at + size].reshape(shapes[variable.name].shape)
        at += size
    assert at == theta.size
    return point


@pytest.mark.parametrize(
    ("d", "k", "prior", "covariance_type"),
    [
        (2, 3, LKJPrior(), "full"),
        (3, 2, INFORMATIVE, "full"),
        (1, 2, LKJPrior(3.0, 0.2, 2.0, 0.7), "full"),
        (2, 1, LKJPrior(), "full"),
        (1, 1, LKJPrior(), "full"),
        (3, 2, INFORMATIVE, "tied"),
        (3, 2, INFORMATIVE, "diag"),
        (3, 2, INFORMATIVE, "spherical"),
        (1, 2, LKJPrior(), "tied"),
        (2, 1, LKJPrior(), "spherical"),
        (2, 3, LKJPrior(), "EII"),
        (3, 2, INFORMATIVE, "EEI"),
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
    model = build_model(X, k, prior, covariance_type)
    target = LogPosterior(X, k, prior, STRUCTURES[covariance_type])
    function = pytensor.function(
        model.value_vars, [model.logp(), model.dlogp()], mode=INTERPRETED, on_unused_input="ignore"
    )
    for _ in range(2):
        theta = 0.7 * rng.normal(size=target.space.size)
        value, gradient = function(**_point(model, theta))
        expected = target(theta)
        # Eigenvectors by two methods leave a few more digits open.
        rtol = 1e-9 if STRUCTURES[covariance_type].decomposed else 1e-12
        np.testing.assert_allclose(value, expected[0], rtol=rtol)
        np.testing.assert_allclose(gradient, expected[1], rtol=max(1e-8, 100 * rtol), atol=1e-8)


@pytest.mark.parametrize(
    ("d", "k", "prior", "covariance_type"),
    [
        (2, 2, None, "full"),
        (3, 2, SEMI_CONJUGATE, "full"),
        (3, 2, SEMI_CONJUGATE, "tied"),
        (3, 2, SEMI_CONJUGATE, "diag"),
        (3, 2, None, "spherical"),
        (1, 2, None, "full"),
        (2, 2, NIWPrior(), "full"),
        (1, 2, NIWPrior(1.5, 0.3, 0.7, 4.0, 0.5), "full"),
        (3, 2, CONJUGATE, "full"),
        (2, 1, NIWPrior(1.0, 5.0, 0.2, 3.0, [[4.0, 1.0], [1.0, 2.0]], "data"), "full"),
        (3, 2, CONJUGATE, "tied"),
        (3, 2, CONJUGATE, "diag"),
        (3, 2, CONJUGATE, "spherical"),
        (1, 2, NIWPrior(), "spherical"),
    ],
)
def test_conjugate_posterior_is_the_closed_form_in_other_coordinates(
    rng, d, k, prior, covariance_type
):
    """The densities differ by the Jacobian between the two sets of coordinates, by differences."""
    X = rng.normal(size=(40, d)) * np.arange(1.0, d + 1.0) * 2.0 + 5.0
    model = build_model(X, k, prior, covariance_type)
    prior = InverseWishartPrior() if prior is None else prior
    target = LogPosterior(X, k, prior, STRUCTURES[covariance_type])
    outputs = [model["weights"], model["means"], model["covariances"]]
    function = pytensor.function(
        model.value_vars,
        [model.logp(), *model.replace_rvs_by_values(outputs)],
        mode=INTERPRETED,
        on_unused_input="ignore",
    )
    loc, scale = target.scaling.loc, target.scaling.scale

    def to_target(theta: np.ndarray) -> np.ndarray:
        _, weights, means, covariances = function(**_point(model, theta))
        covariances = covariances / scale[:, None] / scale
        return target.space.from_mixture(weights, (means - loc) / scale, covariances)

    theta = 0.5 * rng.normal(size=target.space.size)
    step = 1e-5 * np.eye(theta.size)
    jacobian = [(to_target(theta + e) - to_target(theta - e)) / 2e-5 for e in step]
    value = function(**_point(model, theta))[0]
    expected = target(to_target(theta))[0] + np.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(value, expected, rtol=1e-7)


def test_other_data_move_the_whole_model(rng):
    X, other = rng.normal(size=(40, 2)), rng.normal(size=(25, 2)) * 7.0 - 3.0
    model = build_model(X, 2, LKJPrior())
    function = pytensor.function(model.value_vars, model.logp(), mode=INTERPRETED)
    theta = rng.normal(size=LogPosterior(X, 2, LKJPrior()).space.size)
    with model:
        pm.set_data({"X": other})
    expected = LogPosterior(other, 2, LKJPrior())(theta)[0]
    np.testing.assert_allclose(function(**_point(model, theta)), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("covariance_type", "prior"),
    [("full", LKJPrior()), ("full", NIWPrior()), ("tied", LKJPrior()), ("diag", NIWPrior())],
)
def test_graph_does_not_grow_with_the_number_of_components(rng, covariance_type, prior):
    X = rng.normal(size=(30, 3))

    def size(k: int) -> int:
        log_density = build_model(X, k, prior, covariance_type).logp()
        return len(list(pytensor.graph.traversal.ancestors([log_density])))

    assert size(2) == size(7)


@pytest.mark.parametrize("covariance_type", ["full", "spherical"])
def test_graphviz_draws_the_model(rng, covariance_type):
    model = build_model(rng.normal(size=(30, 2)), 3, LKJPrior(), covariance_type)
    source = pm.model_to_graphviz(model).source
    for name in ("weights", "means_standardised", "sds_standardised", "covariances", "X", "x"):
        assert f"{name} [" in source
    assert ("correlations_unit [" in source) == STRUCTURES[covariance_type].correlated
    assert "component (3)" in source


@pytest.mark.parametrize(
    ("covariance_type", "dims"),
    [
        ("full", ("component", "feature")),
        ("tied", ("feature",)),
        ("diag", ("component", "feature")),
        ("spherical", ("component",)),
    ],
)
def test_free_spreads_have_the_dimensions_of_the_structure(rng, covariance_type, dims):
    X = rng.normal(size=(30, 2))
    model = build_model(X, 3, LKJPrior(), covariance_type)
    assert model.named_vars_to_dims["sds_standardised"] == dims
    assert model.named_vars_to_dims["covariances"] == ("component", "feature", "feature_bis")
    with pytest.raises(ValueError, match="covariance_type is 'round'; allowed are 'full', 'tied'"):
        build_model(X, 3, LKJPrior(), "round")


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
    weights, means, covariances, log_prob = function(**_point(model, theta))
    np.testing.assert_allclose(
        log_prob, Mixture(weights, means, covariances).log_prob(X), rtol=1e-10
    )


def test_predictive_draws_follow_the_mixture(rng):
    """Means and covariance of 4000 rows of one mixture; z-scores below 5 fail less than 1e-5."""
    X = rng.normal(size=(4000, 2))
    model = build_model(X, 2, LKJPrior())
    mixture = Mixture([0.3, 0.7], [[-2.0, 0.0], [1.0, 3.0]], [np.eye(2), [[1.0, 0.6], [0.6, 2.0]]])
    loc, scale = X.mean(axis=0), X.std(axis=0)
    sds = np.sqrt(np.diagonal(mixture.covariances, axis1=1, axis2=2))
    correlation = mixture.covariances[:, 1, 0] / sds.prod(axis=1)
    given = {
        "weights": mixture.weights,
        "means_standardised": (mixture.means - loc) / scale,
        "sds_standardised": sds / scale,
        "correlations_unit": 0.5 * (correlation[:, None] + 1.0),
    }
    fixed = pm.do(model, given)
    function = pytensor.function([], fixed["x"], mode=INTERPRETED)
    rows = function()
    assert rows.shape == X.shape
    error = np.sqrt(np.diag(mixture.covariance) / len(rows))
    assert (np.abs(rows.mean(axis=0) - mixture.mean) < 5.0 * error).all()
    np.testing.assert_allclose(np.cov(rows.T), mixture.covariance, rtol=0.12)


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
def test_pymc_samples_the_model_as_it_stands(two_clusters):
    idata = pm.sample(
        model=build_model(two_clusters, 2),
        draws=100, tune=200, chains=2, cores=1, random_seed=1,
        progressbar=False, compute_convergence_checks=False, quiet=True,
    )  # fmt: skip
    assert idata["posterior"]["covariances"].dims[2:] == ("component", "feature", "feature_bis")
    centre = (
        np.einsum(
            "sk,skd->d",
            idata["posterior"]["weights"][0].to_numpy(),
            idata["posterior"]["means"][0].to_numpy(),
        )
        / 100.0
    )
    np.testing.assert_allclose(centre, two_clusters.mean(axis=0), atol=0.5)
