"""Covariance structures through the estimator: shapes, units, edge cases, and words of refusal."""

import arviz as az
import numpy as np
import pytest

from gmm_bayes import GaussianMixtureBayes, LKJPrior, NIWPrior, VolumeShapePrior
from gmm_bayes.space.scaling import Scaling
from gmm_bayes.space.structures import STRUCTURES, get_structure
from gmm_em.covariance.registry import STRUCTURES as OF_EM

FAST = {"draws": 100, "tune": 150, "chains": 2, "random_state": 0}


WHOLE = [name for name in OF_EM if not STRUCTURES[name].decomposed]


@pytest.mark.parametrize("name", WHOLE)
def test_posterior_has_full_arrays_of_the_structure(two_clusters, name):
    model = GaussianMixtureBayes(2, covariance_type=name, **FAST).fit(two_clusters)
    covariances = model.posterior_["posterior"]["covariances"]
    assert covariances.shape == (2, 100, 2, 2, 2)
    compact = OF_EM[name].compact(model.covariances_)
    np.testing.assert_allclose(OF_EM[name].expand(compact, 2, 2), model.covariances_, rtol=1e-12)
    assert np.isfinite(model.diagnostics_.max_r_hat)
    parameters = model.diagnostics_.parameters
    n_free = {"full": 6, "tied": 3, "diag": 4, "spherical": 2, "EII": 1, "EEI": 2}[name]
    assert parameters.index.str.startswith("covariances").sum() == n_free
    assert not parameters["verdict"].eq("constant").any()
    with np.errstate(invalid="ignore"):  # ArviZ's R-hat of an entry that is always zero is 0 / 0
        assert len(az.summary(model.posterior_)) == 2 + 4 + 8


@pytest.mark.parametrize("prior", [LKJPrior(), NIWPrior()], ids=["lkj", "niw"])
@pytest.mark.parametrize("name", WHOLE)
def test_one_component_one_feature(rng, name, prior):
    """All structures are the same where there is one variance: a posterior mean near the data's.

    The posterior sd of a mean of 400 unit rows is 0.05: within 0.3 of it in all but 1e-8 of seeds.
    """
    X = rng.normal(3.0, 1.0, size=(400, 1))
    model = GaussianMixtureBayes(1, covariance_type=name, prior=prior, **FAST).fit(X)
    np.testing.assert_allclose(model.means_[0, 0], X.mean(), atol=0.3)
    np.testing.assert_allclose(model.covariances_[0, 0, 0], X.var(), rtol=0.3)
    assert model.weights_ == pytest.approx(1.0)


def test_spherical_is_spherical_in_the_units_of_the_data(rng):
    """Features of sd 1 and 3: one scale for both, so that equal variances stay equal."""
    X = rng.normal(size=(300, 2)) * [1.0, 3.0]
    scaling = Scaling.from_data(X, get_structure("spherical"))
    np.testing.assert_allclose(scaling.scale, np.sqrt(X.var(axis=0).mean()), rtol=1e-12)
    model = GaussianMixtureBayes(1, covariance_type="spherical", **FAST).fit(X)
    covariance = model.covariances_[0]
    assert covariance[0, 0] == pytest.approx(covariance[1, 1])
    np.testing.assert_allclose(covariance[0, 0], X.var(axis=0).mean(), rtol=0.2)


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
def test_constant_column_is_refused_where_it_has_a_variance_of_its_own(rng, name):
    X = np.column_stack([rng.normal(size=20), np.full(20, 0.1)])
    with pytest.raises(ValueError, match="column 1 of X is constant"):
        GaussianMixtureBayes(2, covariance_type=name).fit(X)


def test_constant_column_is_no_trouble_under_a_common_variance(rng):
    X = np.column_stack([rng.normal(size=60), np.full(60, 0.1)])
    model = GaussianMixtureBayes(1, covariance_type="spherical", **FAST).fit(X)
    np.testing.assert_allclose(model.covariances_[0, 0, 0], X.var(axis=0).mean(), rtol=0.4)
    with pytest.raises(ValueError, match="column 0, 1 of X is constant"):
        GaussianMixtureBayes(1, covariance_type="spherical").fit(np.ones((5, 2)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"covariance_type": "round"}, "is 'round'; allowed are 'full', 'tied', 'diag', 'spher"),
        ({"covariance_type": None}, "is None; allowed are 'full'"),
        ({"prior": NIWPrior(nu=1.0), "covariance_type": "diag"}, "nu must be more than D - 1 = 1"),
        ({"prior": NIWPrior(psi=[1.0, 2.0, 3.0])}, "psi is for 3 features, but the data have 2"),
        (
            {"prior": LKJPrior(mean_scale=[1.0])},
            "mean_scale is for 1 features, but the data have 2",
        ),
    ],
)
def test_impossible_settings_are_refused_in_one_sentence(two_clusters, change, words):
    with pytest.raises(ValueError, match=words) as caught:
        GaussianMixtureBayes(2, **change).fit(two_clusters)
    assert "\n" not in str(caught.value)


def test_matrices_that_are_no_scale_are_refused():
    for psi, words in [
        ([[1.0, float("nan")], [0.0, 1.0]], "all finite"),
        ([[1.0, 2.0], [2.0, 1.0]], "positive definite"),
        (float("nan"), "finite and positive"),
    ]:
        with pytest.raises(ValueError, match=words):
            NIWPrior(psi=psi)


@pytest.mark.parametrize("n_features", [1, 2, 5])
@pytest.mark.parametrize("name", WHOLE)
def test_free_parameters_are_counted_as_in_em(name, n_features):
    structure = get_structure(name)
    facts = {
        "full": (False, False, True),
        "tied": (True, False, True),
        "diag": (False, False, False),
        "spherical": (False, True, False),
        "EII": (True, True, False),
        "EEI": (True, False, False),
    }
    assert (structure.shared, structure.isotropic, structure.correlated) == facts[name]
    for k in (1, 3):
        each = structure.n_sds(n_features) + structure.n_correlations(n_features)
        assert structure.n_covariances(k) * each == OF_EM[name].n_parameters(k, n_features)


@pytest.mark.parametrize(("name", "same"), [("VVV", "full"), ("EEE", "tied"), ("VII", "spherical")])
def test_mclust_s_names_are_the_same_structures(two_clusters, name, same):
    ours, theirs = (
        GaussianMixtureBayes(2, covariance_type=kind, sampler="gibbs", **FAST).fit(two_clusters)
        for kind in (name, same)
    )
    np.testing.assert_array_equal(ours.draws_.covariances, theirs.draws_.covariances)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"covariance_type": "VEV", "sampler": "gibbs"},
            "'VEV', of which the Gibbs sampler has no",
        ),
        ({"covariance_type": "VEI", "prior": LKJPrior()}, "'VEI', whose prior is a VolumeShape"),
        ({"prior": VolumeShapePrior()}, "'full', but a VolumeShapePrior is for structures by"),
    ],
)
def test_what_a_structure_does_not_have_is_refused_in_one_sentence(two_clusters, change, words):
    with pytest.raises(ValueError, match=words) as caught:
        GaussianMixtureBayes(2, **change).fit(two_clusters)
    assert "\n" not in str(caught.value)
