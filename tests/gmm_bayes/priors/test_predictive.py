"""Draws from the priors against SciPy's moments, and the figure of what they expect of data."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gmm_bayes import (
    GaussianMixtureBayes,
    HierarchicalPrior,
    InverseWishartPrior,
    LKJPrior,
    NIWPrior,
)
from gmm_bayes.plots import marginal_densities
from gmm_bayes.space.structures import STRUCTURES as ALL_STRUCTURES
from gmm_em.covariance.registry import STRUCTURES as OF_EM

# Those whose components have all of a covariance in common, or nothing.
STRUCTURES = {
    name: found for name, found in ALL_STRUCTURES.items() if name in OF_EM and not found.decomposed
}
N = 2000
D = 3
PSI = [[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 3.0]]


def _draws(rng, prior, covariance_type, k=2):
    mixtures = [prior.sample(rng, k, D, covariance_type) for _ in range(N)]
    return (
        np.stack([m.weights for m in mixtures]),
        np.stack([m.means for m in mixtures]),
        np.stack([m.covariances for m in mixtures]),
    )


def _follows(sample, law) -> bool:
    return stats.kstest(sample, law.cdf).pvalue > 1e-5


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_independent_prior_is_what_its_docstring_says(rng, covariance_type):
    """At most 14 Kolmogorov-Smirnov tests, each at 1e-5: false alarms below 0.02 % of seeds."""
    sd_scale = np.array([1.0, 2.0, 0.5])
    prior = LKJPrior(3.0, [1.0, 2.0, 3.0], [1.0, 0.5, 2.0], sd_scale, 1.5)
    weights, means, covariances = _draws(rng, prior, covariance_type)
    assert _follows(weights[:, 0], stats.beta(3.0, 3.0))
    sds = np.sqrt(np.diagonal(covariances, axis1=2, axis2=3))
    if STRUCTURES[covariance_type].isotropic:
        sd_scale = np.full(D, np.sqrt((sd_scale**2).mean()))
    b = prior.eta - 1.0 + D / 2.0
    for d in range(D):
        assert _follows(means[:, 1, d], stats.norm(prior.mean_loc[d], prior.mean_scale[d]))
        assert _follows(sds[:, 1, d], stats.halfnorm(scale=sd_scale[d]))
        if STRUCTURES[covariance_type].correlated:
            i, j = (d + 1) % D, d
            correlation = covariances[:, 1, i, j] / (sds[:, 1, i] * sds[:, 1, j])
            assert _follows(0.5 * (correlation + 1.0), stats.beta(b, b))


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_conjugate_prior_is_what_its_docstring_says(rng, covariance_type):
    """At most 7 Kolmogorov-Smirnov tests, each at 1e-5: false alarms below 0.01 % of seeds.

    And the mean of a covariance within 6 standard errors of psi / (nu - D - 1).
    """
    prior = NIWPrior(3.0, [1.0, 2.0, 3.0], 0.5, 12.0, PSI)
    weights, means, covariances = _draws(rng, prior, covariance_type)
    psi = np.array(PSI)
    if STRUCTURES[covariance_type].isotropic:
        psi = np.diag(np.full(D, np.diag(psi).mean()))
    elif not STRUCTURES[covariance_type].correlated:
        psi = np.diag(np.diag(psi))
    # The marginal law of an entry on the diagonal, and of the means given the covariances.
    for d in range(D):
        law = stats.invgamma((prior.nu - D + 1.0) / 2.0, scale=psi[d, d] / 2.0)
        assert _follows(covariances[:, 1, d, d], law)
    white = np.linalg.solve(
        np.linalg.cholesky(covariances[:, 1]), (means[:, 1] - prior.mean_loc)[..., None]
    )
    for d in range(D):
        assert _follows(white[:, d, 0], stats.norm(0.0, prior.kappa**-0.5))
    error = covariances[:, 0].std(axis=0) / np.sqrt(N)
    gap = np.abs(covariances[:, 0].mean(axis=0) - psi / (prior.nu - D - 1.0))
    assert (gap <= 6.0 * error).all()
    assert _follows(weights[:, 0], stats.beta(3.0, 3.0))


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_semi_conjugate_prior_is_what_its_docstring_says(rng, covariance_type):
    """At most 7 Kolmogorov-Smirnov tests, each at 1e-5: false alarms below 0.01 % of seeds.

    The covariances are those of the conjugate prior, whose own test looks at their mean.
    """
    prior = InverseWishartPrior(3.0, [1.0, 2.0, 3.0], [1.0, 0.5, 2.0], 12.0, PSI)
    weights, means, covariances = _draws(rng, prior, covariance_type)
    diagonal = np.diag(PSI)
    if STRUCTURES[covariance_type].isotropic:
        diagonal = np.full(D, diagonal.mean())
    for d in range(D):
        law = stats.invgamma((prior.nu - D + 1.0) / 2.0, scale=diagonal[d] / 2.0)
        assert _follows(covariances[:, 1, d, d], law)
        assert _follows(means[:, 1, d], stats.norm(prior.mean_loc[d], prior.mean_scale[d]))
    assert _follows(weights[:, 0], stats.beta(3.0, 3.0))


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_hierarchical_prior_is_what_its_docstring_says(rng, covariance_type):
    """At most 12 Kolmogorov-Smirnov tests, each at 1e-5: false alarms below 0.02 % of seeds.

    A variance is an inverse gamma variable whose scale is a gamma one, so that its inverse times
    the rate is a ratio of two gamma variables. Two components share the scale: the ratio of their
    precisions does not depend on it.
    """
    rates = np.array([1.0, 2.0, 0.5])
    prior = HierarchicalPrior(3.0, [1.0, 2.0, 3.0], [1.0, 0.5, 2.0], 4.0, 2.5, rates)
    weights, means, covariances = _draws(rng, prior, covariance_type)
    if STRUCTURES[covariance_type].isotropic:
        rates = np.full(D, 1.0 / np.mean(1.0 / rates))
    shape = 4.0 - (D - 1) / 2.0
    for d in range(D):
        ratio = covariances[:, 1, d, d] * rates[d]
        assert _follows(ratio, stats.betaprime(2.5, shape))
        assert _follows(means[:, 1, d], stats.norm(prior.mean_loc[d], prior.mean_scale[d]))
        if not STRUCTURES[covariance_type].shared:
            between = covariances[:, 0, d, d] / covariances[:, 1, d, d]
            assert _follows(between, stats.betaprime(shape, shape))
    assert _follows(weights[:, 0], stats.beta(3.0, 3.0))


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_hierarchical_draws_have_the_moments_of_the_matrix(rng, covariance_type):
    """The mean of the precisions' inverse, C / (shape - (D + 1) / 2), C's mean being the rates'.

    Off the diagonal it is zero. Nine z-scores below 5: fails for less than one seed in 100 000.
    """
    prior = HierarchicalPrior(shape=6.0, rate_shape=8.0, rate_rate=[4.0, 8.0, 16.0])
    covariances = _draws(rng, prior, covariance_type)[2][:, 0]
    expected = np.diag(8.0 / np.array([4.0, 8.0, 16.0])) / (6.0 - (D + 1) / 2.0)
    if STRUCTURES[covariance_type].isotropic:
        expected = np.eye(D) * expected.trace() / D
    error = covariances.std(axis=0) / np.sqrt(N)
    assert (np.abs(covariances.mean(axis=0) - expected) <= 5.0 * error).all()


@pytest.mark.parametrize(
    "prior",
    [InverseWishartPrior(psi=0.25), HierarchicalPrior(), LKJPrior(), NIWPrior()],
    ids=["inverse-wishart", "hierarchical", "lkj", "niw"],
)
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_draws_have_the_structure(rng, prior, covariance_type):
    mixture = prior.sample(rng, 3, 2, covariance_type)
    of_em = OF_EM[covariance_type]
    compact = of_em.compact(mixture.covariances)
    np.testing.assert_array_equal(of_em.expand(compact, 3, 2), mixture.covariances)
    single = prior.sample(rng, 1, 1, covariance_type)
    assert single.weights == pytest.approx(1.0)
    with pytest.raises(ValueError, match=r"mean_loc .* 3 (entries|features), but the data have 2"):
        replace(prior, mean_loc=[0.0, 1.0, 2.0]).sample(rng, 3, 2)


def test_draws_are_in_the_units_of_the_data(rng):
    """Pooled means within 6 standard errors of where the prior puts them, on either scale."""
    X = rng.normal(size=(50, 2)) * [2.0, 100.0] + [10.0, -500.0]
    own = LKJPrior(mean_loc=[7.0, 8.0], mean_scale=[1.0, 3.0], scale="data")
    for prior, centre, spread in [
        (LKJPrior(mean_loc=1.0, mean_scale=2.0), X.mean(0) + X.std(0), 2.0 * X.std(0)),
        (own, np.array([7.0, 8.0]), np.array([1.0, 3.0])),
    ]:
        model = GaussianMixtureBayes(2, prior=prior, random_state=0)
        tree = model.sample_prior_predictive(X, 500)
        means = tree["prior"]["means"].to_numpy()[0, :, 0]
        assert (np.abs(means.mean(0) - centre) < 6.0 * spread / np.sqrt(500)).all()
        np.testing.assert_allclose(means.std(0), spread, rtol=0.2)
        np.testing.assert_array_equal(tree["observed_data"]["x"], X)


def test_predictive_rows_follow_their_own_mixture(rng):
    """Mean of 4000 rows of each of 5 mixtures within 6 standard errors."""
    X = rng.normal(size=(4000, 2))
    model = GaussianMixtureBayes(3, covariance_type="tied", random_state=1)
    tree = model.sample_prior_predictive(X, 5)
    rows = tree["prior_predictive"]["x"].to_numpy()[0]
    assert rows.shape == (5, 4000, 2)
    expected = np.einsum("sk,skd->sd", tree["prior"]["weights"][0], tree["prior"]["means"][0])
    assert (np.abs(rows.mean(1) - expected) < 6.0 * rows.std(1) / np.sqrt(4000)).all()
    again = model.sample_prior_predictive(X, 5)
    np.testing.assert_array_equal(again["prior"]["means"], tree["prior"]["means"])


@pytest.mark.parametrize(("d", "panels"), [(1, 1), (2, 3), (5, 5)])
def test_figure_has_a_panel_for_each_feature(rng, d, panels):
    X = pd.DataFrame(rng.normal(size=(60, d)), columns=[f"column {i}" for i in range(d)])
    model = GaussianMixtureBayes(2, random_state=0)
    figure = model.plot_prior_predictive(X, 30)
    assert sum(name.startswith("xaxis") for name in figure.to_dict()["layout"]) == panels
    titles = [a.text for a in figure.layout.annotations]
    assert titles[:d] == list(X.columns)
    histograms = [t for t in figure.data if t.type == "histogram"]
    assert len(histograms) == d
    np.testing.assert_array_equal(histograms[-1].x, X.iloc[:, -1])
    # The outer band holds nine tenths of the draws' densities at every point.
    tree = model.sample_prior_predictive(X, 30)
    band = next(t for t in figure.data if t.name == "90% of prior densities")
    grid, upper = np.asarray(band.x)[:201], np.asarray(band.y)[:201]
    lower = np.asarray(band.y)[201:][::-1]
    densities = marginal_densities(tree, 0, grid)
    assert grid[0] < X.iloc[:, 0].min() < X.iloc[:, 0].max() < grid[-1]
    inside = (densities >= lower) & (densities <= upper)
    np.testing.assert_allclose(inside.mean(axis=0), 0.9, atol=0.07)


def test_marginal_density_is_the_mixtures(rng):
    tree = GaussianMixtureBayes(2, random_state=0).sample_prior_predictive(
        rng.normal(size=(20, 2)), 4
    )
    grid = np.linspace(-3.0, 3.0, 7)
    prior = tree["prior"].isel(chain=0, draw=2)
    expected = sum(
        w * stats.norm(m[1], np.sqrt(c[1, 1])).pdf(grid)
        for w, m, c in zip(
            prior["weights"].to_numpy(),
            prior["means"].to_numpy(),
            prior["covariances"].to_numpy(),
            strict=True,
        )
    )
    np.testing.assert_allclose(marginal_densities(tree, 1, grid)[2], expected, rtol=1e-10)
