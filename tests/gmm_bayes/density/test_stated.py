"""The model in numbers, and the density that another program must have."""

import numpy as np
import pytest
from scipy.stats import dirichlet, invwishart, multivariate_normal, norm

from gmm_bayes import (
    InverseWishartPrior,
    LKJPrior,
    MixtureDraws,
    ModelInNumbers,
    VolumeShapePrior,
    log_posterior_density,
)
from gmm_bayes.density.stated import _log_jacobian
from gmm_bayes.space.structures import get_structure
from gmm_bayes.space.unconstrained import UnconstrainedSpace
from gmm_em import Mixture


def by_scipy(X, mixture, numbers):
    """The default prior's log density and the log-likelihood, up to a constant."""
    value = dirichlet.logpdf(mixture.weights, np.full(mixture.n_components, 2.0))
    rows = 0.0
    parts = (mixture.weights, mixture.means, mixture.covariances)
    for weight, mean, covariance in zip(*parts, strict=True):
        value += norm.logpdf(mean, numbers["mean_loc"], numbers["mean_scale"]).sum()
        value += invwishart.logpdf(covariance, numbers["nu"], numbers["psi"])
        rows = rows + weight * multivariate_normal.pdf(X, mean, covariance)
    return value + np.log(rows).sum()


def test_the_density_is_that_of_the_laws_in_the_docstring():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2)) * [3.0, 0.2] + [10.0, -1.0]
    factors = rng.normal(size=(1, 6, 3, 2, 5))
    draws = MixtureDraws(
        rng.dirichlet([2.0, 2.0, 2.0], size=(1, 6)),
        rng.normal(size=(1, 6, 3, 2)),
        factors @ factors.swapaxes(-1, -2),
    )
    model = ModelInNumbers.of(X, 3)
    own = model.to_own_units(draws)
    found = log_posterior_density(own, X).ravel()
    expected = [by_scipy(model.rows, own_z, model.hyperparameters) for own_z in mixtures(draws)]
    assert np.ptp(found - expected) < 1e-9
    assert np.ptp(expected) > 10.0
    assert np.allclose(model.standardise(own).means, draws.means)
    assert np.allclose(model.rows * model.scale + model.loc, X)


def mixtures(draws):
    parts = (draws.weights[0], draws.means[0], draws.covariances[0])
    return [Mixture(*each) for each in zip(*parts, strict=True)]


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_the_volume_is_that_of_finite_differences(covariance_type):
    structure = get_structure(covariance_type)
    space = UnconstrainedSpace(3, 4, structure)
    theta = np.random.default_rng(1).normal(size=space.size) * 0.7

    def entries(theta):
        weights, means, covariances = space.to_mixtures(theta)
        rows, columns = np.tril_indices(4) if structure.correlated else [np.arange(space.n_sds)] * 2
        free = covariances[: space.n_covariances, rows, columns]
        return np.concatenate([weights[:-1], means.ravel(), free.ravel()])

    step = 1e-5
    slopes = [
        (entries(theta + step * e) - entries(theta - step * e)) / (2.0 * step)
        for e in np.eye(space.size)
    ]
    found = _log_jacobian(theta[None, None], space, structure)[0, 0]
    assert found == pytest.approx(np.linalg.slogdet(slopes)[1], abs=1e-6)


def test_numbers_of_the_data_are_written_out():
    X = np.random.default_rng(2).normal(size=(20, 2))
    own = ModelInNumbers.of(X, 2, InverseWishartPrior(scale="data", psi=(0.3, 0.4)))
    assert np.allclose(own.hyperparameters["psi"], np.diag([0.3, 0.4] / X.var(axis=0)))
    assert own.hyperparameters["nu"] == 4.0
    assert own.kind == "inverse-wishart"


def test_a_structure_or_a_prior_that_is_not_stated_is_refused():
    X = np.random.default_rng(3).normal(size=(20, 2))
    with pytest.raises(ValueError, match="VolumeShapePrior"):
        ModelInNumbers.of(X, 2, VolumeShapePrior())
    draws = MixtureDraws(
        np.ones((1, 1, 1)), np.zeros((1, 1, 1, 2)), np.broadcast_to(np.eye(2), (1, 1, 1, 2, 2))
    )
    with pytest.raises(ValueError, match="allowed are full, tied, diag and spherical"):
        log_posterior_density(draws, X, VolumeShapePrior(), "VEE")


def test_models_are_equal_however_they_are_written_and_differences_are_named():
    X = np.random.default_rng(4).normal(size=(20, 2)) * [3.0, 0.5]
    known = ModelInNumbers.of(X, 2)
    written = {"psi": known.hyperparameters["psi"].tolist(), "nu": 4.0}
    assert known.differences_from(ModelInNumbers.of(X, 2, InverseWishartPrior(**written))) == []
    own = InverseWishartPrior(
        scale="data",
        mean_loc=tuple(X.mean(axis=0)),
        mean_scale=tuple(X.std(axis=0)),
        psi=known.hyperparameters["psi"] * np.outer(X.std(axis=0), X.std(axis=0)),
    )
    assert known.differences_from(ModelInNumbers.of(X, 2, own)) == []

    def differences(X=X, k=2, prior=None, covariance_type="full"):
        return known.differences_from(ModelInNumbers.of(X, k, prior, covariance_type))

    other = InverseWishartPrior(nu=5.0, concentration=1.0)
    assert differences(prior=other) == ["prior's concentration", "prior's nu"]
    assert differences(prior=LKJPrior()) == ["prior (inverse-wishart and lkj)"]
    assert differences(k=3) == ["number of components (2 and 3)"]
    assert differences(covariance_type="diag") == ["structure of covariances (full and diag)"]
    assert differences(X=X[:-1]) == ["rows"]
    assert differences(X=X + 0.01) == ["rows"]


def test_a_prior_by_volume_and_shape_is_written_out():
    X = np.random.default_rng(5).normal(size=(20, 2)) * [3.0, 0.5]
    known = ModelInNumbers.of(X, 2, covariance_type="VEE")
    assert known.kind == "volume-shape"
    own = VolumeShapePrior(psi=known.hyperparameters["psi"])
    assert known.differences_from(ModelInNumbers.of(X, 2, own, "VEE")) == []
    wide = ModelInNumbers.of(X, 2, VolumeShapePrior(log_shape_scale=3.0), "VEE")
    assert known.differences_from(wide) == ["prior's log_shape_scale"]
