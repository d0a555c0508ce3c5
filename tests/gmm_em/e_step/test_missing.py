import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from gmm_em import GaussianMixtureEM, fit_em

KINDS = ["full", "tied", "diag", "spherical"]


def with_holes(X, share=0.2, seed=0):
    """Some values missing completely at random, and some rows entirely."""
    X = np.array(X)
    X[np.random.default_rng(seed).random(X.shape) < share] = np.nan
    return X


def observed_log_likelihood(mixture, X):
    """Row by row from SciPy's marginal densities."""
    total = 0.0
    for row in X:
        seen = ~np.isnan(row)
        if not seen.any():
            continue
        total += logsumexp(
            [
                np.log(w) + multivariate_normal(m[seen], c[np.ix_(seen, seen)]).logpdf(row[seen])
                for w, m, c in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
            ]
        )
    return total


@pytest.mark.parametrize("kind", KINDS)
def test_without_holes_it_is_the_plain_fit(iris, kind):
    start = fit_em(iris, 3, covariance_type=kind, random_state=0, max_iter=2).mixture
    plain = fit_em(iris, 3, covariance_type=kind, init=start, max_iter=8, tol=0.0)
    holes = fit_em(iris, 3, covariance_type=kind, init=start, max_iter=8, tol=0.0, missing="mar")
    np.testing.assert_allclose(holes.trace, plain.trace, rtol=1e-10)
    np.testing.assert_allclose(holes.mixture.covariances, plain.mixture.covariances, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_it_climbs_the_likelihood_of_what_was_observed(iris, kind):
    X = with_holes(iris)
    result = fit_em(X, 2, covariance_type=kind, missing="mar", random_state=0, n_init=4)
    assert np.all(np.diff(result.trace) >= 0)
    assert result.converged
    expected = observed_log_likelihood(result.mixture, X)
    assert result.log_likelihood == pytest.approx(expected, rel=1e-9)
    for run in result.runs:
        expected = observed_log_likelihood(run.start, X)
        assert run.trace[0] == pytest.approx(expected, rel=1e-9)


def test_weights_count_rows_with_holes(iris):
    X = with_holes(iris[:, :2])
    times = np.random.default_rng(0).integers(0, 3, size=150)
    start = fit_em(iris[:, :2], 2, random_state=0).mixture
    options = {"init": start, "missing": "mar", "max_iter": 8, "tol": 0.0}
    weighted = fit_em(X, 2, sample_weight=times, **options)
    repeated = fit_em(np.repeat(X, times, axis=0), 2, **options)
    np.testing.assert_allclose(weighted.trace, repeated.trace, rtol=1e-10)


def test_the_truth_is_found_through_the_holes(make_mixture):
    mixture = make_mixture(2, 3, spread=4.0)
    X, _ = mixture.sample(4_000, 0)
    fit = fit_em(with_holes(X, 0.3), 2, missing="mar", random_state=0, n_init=4).mixture
    order = np.argsort(mixture.weights)[::-1]
    np.testing.assert_allclose(fit.means, mixture.means[order], atol=0.2)
    np.testing.assert_allclose(fit.covariances, mixture.covariances[order], atol=0.3)


def test_the_estimator_takes_holes(iris):
    X = with_holes(iris)
    model = GaussianMixtureEM(2, missing="mar", random_state=0, n_init=2).fit(X)
    assert model.predict_proba(X).shape == (150, 2)
    assert model.score(X) * 150 == pytest.approx(model.log_likelihood_, rel=1e-9)
    with pytest.raises(ValueError, match="NaN"):
        GaussianMixtureEM(2).fit(X)


def test_bad_holes_are_refused(iris):
    X = np.array(iris)
    X[:, 1] = np.nan
    with pytest.raises(ValueError, match="feature 1 has no observed value"):
        fit_em(X, 2, missing="mar")
    X[:, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        fit_em(X, 2, missing="mar")
