"""The hand-derived density against SciPy, against finite differences and against PyMC."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import betaln

from gmm_bayes import LKJPrior, NIWPrior
from gmm_bayes.target import LogPosterior

CASES = [
    (2, 3, LKJPrior()),
    (3, 2, LKJPrior(1.5, [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [2.0, 1.0, 3.0], 2.5, "data")),
    (1, 2, LKJPrior(3.0, 0.2, 2.0, 0.7, 1.5)),
    (2, 1, LKJPrior()),
    (1, 1, LKJPrior()),
    (5, 4, LKJPrior(0.5, eta=0.4)),
    (2, 3, NIWPrior()),
    (1, 2, NIWPrior(1.5, 0.3, 0.7, 4.0, 0.5)),
    (3, 2, NIWPrior(1.5, [4.0, 5.0, 6.0], 2.5, 6.5, [4.0, 2.0, 1.0], "data")),
    (2, 2, NIWPrior(1.0, 5.0, 0.2, 3.0, [[4.0, 1.0], [1.0, 2.0]], "data")),
    (2, 1, NIWPrior()),
]


def _data(rng: np.random.Generator, n_features: int, n_samples: int = 60) -> np.ndarray:
    return rng.normal(size=(n_samples, n_features)) * 3.0 + 5.0


def _differences(function, theta: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences, one row per output."""
    columns = [
        (np.atleast_1d(function(theta + e)) - np.atleast_1d(function(theta - e))) / (2.0 * step)
        for e in step * np.eye(theta.size)
    ]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize(("d", "k", "prior"), CASES)
def test_gradient_is_the_slope_of_the_density(rng, d, k, prior):
    target = LogPosterior(_data(rng, d), k, prior)
    for _ in range(3):
        theta = 0.7 * rng.normal(size=target.space.size)
        numeric = _differences(lambda t: target(t)[0], theta)[0]
        value, gradient = target(theta)
        assert np.isfinite(value)
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize(("d", "k", "prior"), CASES)
def test_density_is_likelihood_times_prior_times_jacobian(rng, d, k, prior):
    """Every factor from SciPy's densities, and the Jacobian of the whole map by differences."""
    X = _data(rng, d)
    target = LogPosterior(X, k, prior)
    theta = 0.5 * rng.normal(size=target.space.size)
    loc, scale = X.mean(axis=0), X.std(axis=0)
    weights, means, covariances = target.space.to_mixtures(theta)
    own_loc, own_scale = loc + scale * means, covariances * scale[:, None] * scale
    joint = [
        np.log(w) + stats.multivariate_normal(m, c).logpdf(X)
        for w, m, c in zip(weights, own_loc, own_scale, strict=True)
    ]
    expected = np.logaddexp.reduce(joint, axis=0).sum()
    expected += stats.dirichlet(np.full(k, prior.concentration)).logpdf(weights) if k > 1 else 0.0
    # The prior speaks of its own units; densities of standardised values carry the change of units.
    to_own = (np.zeros(d), np.ones(d)) if prior.scale == "standardised" else (loc, scale)
    log_prior = _lkj_prior if isinstance(prior, LKJPrior) else _niw_prior
    expected += log_prior(prior, means, covariances, *to_own)

    jacobian = _differences(lambda t: _free_parameters(target, t), theta)
    expected += np.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(target(theta)[0], expected, rtol=1e-7)


def _free_parameters(target: LogPosterior, theta: np.ndarray) -> np.ndarray:
    weights, means, covariances = target.space.to_mixtures(theta)
    sds = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    correlations = covariances / sds[:, :, None] / sds[:, None, :]
    rows, columns = np.tril_indices(means.shape[1], -1)
    lower = correlations[:, rows, columns]
    return np.concatenate([weights[:-1], means.ravel(), sds.ravel(), lower.ravel()])


def _lkj_prior(prior, means, covariances, shift, unit) -> float:
    """Log density of (means, sds, correlations)."""
    sds = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    located = stats.norm(prior.mean_loc, prior.mean_scale).logpdf(shift + unit * means)
    spread = stats.halfnorm(scale=prior.sd_scale).logpdf(unit * sds)
    correlations = covariances / sds[:, :, None] / sds[:, None, :]
    total = (located + spread + 2.0 * np.log(unit)).sum()
    return total + sum(_lkj_log_density(c, prior.eta) for c in correlations)


def _niw_prior(prior, means, covariances, shift, unit) -> float:
    """Log density of (means, sds, correlations) from that of (means, covariances)."""
    d = means.shape[1]
    nu = d + 2.0 if prior.nu is None else prior.nu
    psi = np.asarray(prior.psi)
    psi = psi if psi.ndim == 2 else np.diag(np.broadcast_to(psi, d))
    mean_loc = np.broadcast_to(prior.mean_loc, d)
    rows, columns = np.tril_indices(d, -1)
    total = 0.0
    for mean, covariance in zip(shift + unit * means, covariances, strict=True):
        own = covariance * unit[:, None] * unit
        sds = np.sqrt(np.diagonal(covariance))
        total += stats.invwishart(nu, psi).logpdf(own)
        total += stats.multivariate_normal(mean_loc, own / prior.kappa).logpdf(mean)
        total += np.log(unit).sum() * (1.0 + 2.0)  # means, diagonal
        total += np.log(unit[rows] * unit[columns]).sum()  # below the diagonal
        total += np.log(2.0 * sds).sum() + np.log(sds[rows] * sds[columns]).sum()
    return total


def _lkj_log_density(correlation: np.ndarray, eta: float) -> float:
    """Lewandowski et al. (2009), equations 16 and 17: det(R)^(eta - 1) over its integral."""
    d = len(correlation)
    log_integral = 0.0
    for i in range(1, d):
        b = eta + (d - i - 1.0) / 2.0
        log_integral += (2.0 * eta - 2.0 + d - i) * (d - i) * np.log(2.0)
        log_integral += (d - i) * betaln(b, b)
    return (eta - 1.0) * np.linalg.slogdet(correlation)[1] - log_integral


def test_many_blocks_and_far_components(rng):
    """More rows than one block, and components so far apart that exponentials underflow."""
    X = np.concatenate([rng.normal(size=(300, 2)), rng.normal(size=(333, 2)) + 500.0])
    target = LogPosterior(X, 2, LKJPrior())
    theta = target.space.from_mixture(
        np.array([0.5, 0.5]),
        np.array([[-1.0, -1.0], [1.0, 1.0]]),
        np.tile(1e-5 * np.eye(2), (2, 1, 1)),
    )
    numeric = _differences(lambda t: target(t)[0], theta, 1e-6)[0]
    value, gradient = target(theta)
    assert np.isfinite(value)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-2)


def test_singular_covariance_is_not_a_number_but_no_error(rng):
    target = LogPosterior(_data(rng, 2), 2, LKJPrior())
    theta = np.zeros(target.space.size)
    theta[-6:] = -2000.0
    assert not np.isfinite(target(theta)[0])


@pytest.mark.parametrize(("d", "k"), [(1, 1), (1, 3), (2, 1), (2, 3), (4, 2)])
def test_unconstrained_vector_and_mixture_are_inverse(rng, d, k):
    space = LogPosterior(_data(rng, d), k, LKJPrior()).space
    theta = rng.normal(size=(7, space.size))
    weights, means, covariances = space.to_mixtures(theta)
    for i in range(7):
        back = space.from_mixture(weights[i], means[i], covariances[i])
        np.testing.assert_allclose(back, theta[i], atol=1e-10)
