"""Fits from elsewhere: from scikit-learn, as arrays, as draws and in ArviZ's schema."""

import numpy as np
import pytest
import xarray as xr
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from experiments.api.comparing import compare
from experiments.core.errors import UsageError
from experiments.datasets.dataset import from_arrays
from experiments.engines.given import given_fits
from gmm_bayes import MixtureDraws
from gmm_em import GaussianMixtureEM, Mixture
from tests.experiments.made import made_bayes

TRUTH = Mixture([0.6, 0.4], [[0.0, 0.0], [4.0, 1.0]], [np.eye(2), [[1.0, 0.3], [0.3, 0.8]]])
EM = {"n_init": 3, "n_bootstrap": 10}


@pytest.fixture
def X(rng):
    return TRUTH.sample(200, rng)[0]


@pytest.fixture
def draws(rng):
    """Draws of four chains, with labels that switch."""
    found = made_bayes(TRUTH, rng, n_chains=4, n_draws=50).draws
    return found.permute(np.argsort(rng.random(found.weights.shape), axis=-1))


def one(given, X, **options):
    return given_fits({"mine": given}, from_arrays(X), 2, **{"covariance_type": "full", **options})[
        "mine"
    ]


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_a_mixture_of_scikit_learn_is_a_maximum_of_the_likelihood(X, kind):
    model = GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
    fit = one(model, X, covariance_type=kind)
    assert fit.maximum_likelihood
    assert fit.diagnostics == {"converged": True, "n_iter": model.n_iter_}
    np.testing.assert_allclose(fit.mixture.log_prob(X), model.score_samples(X), rtol=1e-9)


def test_a_variational_fit_is_another_estimate(X):
    assert not one(
        BayesianGaussianMixture(n_components=2, random_state=0).fit(X), X
    ).maximum_likelihood


def test_ours_are_taken_as_well(X):
    model = GaussianMixtureEM(2, random_state=0).fit(X)
    assert one(model, X).mixture == model.mixture_
    assert one(TRUTH, X).mixture is TRUTH
    assert one((TRUTH.weights, TRUTH.means, TRUTH.covariances), X).mixture == TRUTH
    assert one(TRUTH.to_dict(), X).mixture == TRUTH


def test_draws_are_aligned_diagnosed_and_summarised(X, draws):
    arrays = (draws.weights, draws.means, draws.covariances)
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(
                {
                    "weights": (("chain", "draw", "k"), arrays[0]),
                    # Dimensions in another order are put right.
                    "means": (("k", "chain", "draw", "d"), np.moveaxis(arrays[1], 2, 0)),
                    "covariances": (("chain", "draw", "k", "d", "e"), arrays[2]),
                }
            ).transpose("chain", "draw", ...),
            "sample_stats": xr.Dataset(
                {"diverging": (("chain", "draw"), np.arange(200).reshape(4, 50) < 7)}
            ),
        }
    )
    fits = [one(given, X) for given in (draws, arrays, tree)]
    for fit in fits:
        # Label switching of half of the draws would put every mean in the middle.
        np.testing.assert_allclose(fit.mixture.means, TRUTH.means, atol=0.1)
        assert fit.uncertainty.means.max() < 0.2
        assert fit.draws.n_chains == 4
        assert fit.diagnostics["max_r_hat"] < 1.2
        np.testing.assert_array_equal(draws.permute(fit.permutations).means, fit.draws.means)
    assert [fit.diagnostics["n_divergent"] for fit in fits] == [0, 0, 7]


def test_one_chain_is_enough(X, draws):
    single = tuple(part[0] for part in (draws.weights, draws.means, draws.covariances))
    assert one(single, X).draws.n_chains == 1


def test_own_fits_are_compared_with_engines_and_alone(X, draws):
    model = GaussianMixture(2, random_state=0).fit(X)
    fits = {"theirs": model, "mine": draws}
    found = compare(X, 2, engines=("em",), fits=fits, em=EM)
    assert list(found.engines) == ["em", "theirs", "mine"]
    assert (found.estimate, found.posterior) == ("em", "mine")
    assert found.certificate is not None
    assert found.agreement is not None
    alone = compare(X, 2, engines=(), fits=fits)
    assert list(alone.engines) == ["theirs", "mine"]
    assert (alone.estimate, alone.posterior) == ("theirs", "mine")
    assert alone.verdict


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, r"fits\['mine'\] is NoneType, allowed is a Mixture, a fitted estimator"),
        ("draws.nc", r"fits\['mine'\] is str, allowed is"),
        (GaussianMixture(2), r"fits\['mine'\] is GaussianMixture, allowed is"),
        (
            Mixture([1.0], [[0.0, 0.0]], [np.eye(2)]),
            "1 components of 2 features, allowed are 2 of 2",
        ),
        (([0.5, 0.6], TRUTH.means, TRUTH.covariances), r"fits\['mine'\]: weights must sum to 1"),
        (
            xr.DataTree.from_dict({"posterior": xr.Dataset({"w": ("chain", [1.0])})}),
            "no variable 'weights' in its posterior, which has w; allowed is weights, means",
        ),
        (
            xr.DataTree.from_dict({"posterior": xr.Dataset({"weights": ("k", [0.5, 0.5])})}),
            "'weights' has dimensions k, allowed are chain, draw",
        ),
    ],
)
def test_what_is_no_fit_is_refused_in_a_sentence(X, given, message):
    with pytest.raises(UsageError, match=message):
        one(given, X)


def test_names_and_several_numbers_of_components_are_refused(X):
    with pytest.raises(UsageError, match=r"fits\['em'\]: an engine has this name"):
        compare(X, 2, engines=("em",), fits={"em": TRUTH})
    with pytest.raises(
        UsageError, match="fits: allowed where n_components and covariance_type are one"
    ):
        compare(X, [1, 2], engines=("em",), fits={"mine": TRUTH})
    with pytest.raises(UsageError, match="no fits to compare, allowed is at least one"):
        compare(X, 2, engines=())


def test_a_single_draw_is_refused(draws, X):
    single = tuple(part[:1, :1] for part in (draws.weights, draws.means, draws.covariances))
    with pytest.raises(UsageError, match="1 draw, allowed are 2 or more, or one mixture without"):
        given_fits({"mine": single}, from_arrays(X), 2, "full")


def test_draws_of_incomplete_rows_are_refused(draws, X):
    from dataclasses import replace

    dataset = replace(from_arrays(X), X=np.where(X.max() - 1e-9 < X, np.nan, X))
    with pytest.raises(UsageError, match="draws of data with missing values"):
        given_fits(
            {"mine": MixtureDraws(draws.weights, draws.means, draws.covariances)},
            dataset,
            2,
            "full",
        )
