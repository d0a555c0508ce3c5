"""The sweep's sufficient statistics are gmm_em's, and its posterior follows from them."""

import numpy as np
import pytest
from scipy import stats

from gmm_bayes.density.moments import FactorisedMixture, zero_sums
from gmm_bayes.density.row_loops import load_row_loops
from gmm_bayes.samplers.gibbs.allocation import add_completed_rows, add_rows
from gmm_bayes.samplers.gibbs.sweep import (
    add_posterior_scatter,
    draw_scatter,
    gibbs_sweep,
    log_constants,
)
from gmm_em import Mixture, expect
from gmm_em.e_step.missing import MissingEStep
from gmm_em.rows.samples import Parameters
from tests.gmm_bayes.samplers.gibbs.made import (
    STRUCTURES,
    made,
    made_hierarchical,
    made_of,
    state_of,
)


def drawn_moments(X, mixture, rng):
    """Counts, first and second moments around the means, of allocations drawn once."""
    k, d = mixture.means.shape
    whiteners = np.linalg.inv(np.linalg.cholesky(mixture.covariances))
    log_const = np.empty(k)
    log_constants(np.log(mixture.weights), whiteners, log_const)
    sums = zero_sums(k, d)
    components = FactorisedMixture(log_const, mixture.means, whiteners)
    load_row_loops()
    add_rows(np.ascontiguousarray(X.T), rng, components, sums, np.empty(len(X), dtype=np.int64))
    sums.second[:] += np.tril(sums.second, -1).transpose(0, 2, 1)
    return sums


def test_moments_of_certain_allocations_are_those_of_the_e_step(rng):
    """Where responsibilities are 0 or 1 in float64, both sum up the same hard assignments."""
    means = np.array([[0.0, 0.0, 0.0], [200.0, 0.0, 50.0], [0.0, 300.0, -80.0]])
    covariances = np.stack([np.eye(3), 2.0 * np.eye(3) + 0.4, 0.5 * np.eye(3) + 0.1])
    mixture = Mixture([0.5, 0.3, 0.2], means, covariances)
    X = mixture.sample(400, rng)[0]
    X += 0.1  # so that first moments around the means are not small by chance
    resp = mixture.responsibilities(X)
    assert set(np.unique(resp)) == {0.0, 1.0}
    expected = expect(mixture, X)
    counts, first, second = drawn_moments(X, mixture, rng)
    np.testing.assert_array_equal(counts, expected.counts)
    np.testing.assert_allclose(first, expected.first, rtol=1e-9)
    np.testing.assert_allclose(second, expected.second, rtol=1e-9, atol=1e-8)


def test_moments_of_uncertain_allocations_are_those_of_the_e_step_on_average(rng):
    """27 z-scores below 5: fails for less than one seed in 50 000."""
    mixture = Mixture([0.5, 0.3, 0.2], [[0, 0], [1, 0], [0, 1.5]], [np.eye(2)] * 3)
    X = mixture.sample(80, rng)[0]
    expected = expect(mixture, X)
    draws = [drawn_moments(X, mixture, rng) for _ in range(3000)]
    for values, mean in zip(
        zip(*draws, strict=True), (expected.counts, expected.first, expected.second), strict=True
    ):
        error = np.std(values, axis=0) / np.sqrt(len(values))
        assert (np.abs(np.mean(values, axis=0) - mean) < 5.0 * error).all()


def test_posterior_hyperparameters_follow_from_the_moments(rng):
    """Gelman et al. (2013), section 3.6, written with gmm_em's Moments."""
    problem = made(rng, 2, 3, "full")
    mixture = Mixture([0.4, 0.6], rng.normal(size=(2, 3)), [np.eye(3)] * 2)
    moments = expect(mixture, problem.X)
    mean_loc, kappa, _, psi = problem.prior.standardised(np.zeros(3), np.ones(3))
    for k in range(2):
        count = moments.counts[k]
        mean, scatter = mixture.means[k].copy(), problem.model.psi.copy()
        add_posterior_scatter(
            problem.model, count, moments.first[k], moments.second[k], mean, scatter
        )
        away = moments.means[k] - mean_loc
        expected = psi + moments.scatter[k]
        expected += kappa * count / (kappa + count) * np.outer(away, away)
        np.testing.assert_allclose(np.tril(scatter), np.tril(expected), rtol=1e-10)
        np.testing.assert_allclose(
            mean, (kappa * mean_loc + count * moments.means[k]) / (kappa + count), rtol=1e-10
        )


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_sweeps_of_one_component_draw_the_closed_form_posterior(rng, covariance_type):
    """With K = 1 sweeps are independent draws. 5 z-scores below 5: one seed in 300 000 fails."""
    d = 2
    problem = made(rng, 1, d, covariance_type, n=25)
    n, kappa, dof = 25, problem.prior.kappa, problem.model.dof
    mean_loc = problem.model.mean_loc
    psi_n = problem.model.psi + n * np.eye(d)  # the data are standardised ...
    psi_n += problem.X.T @ problem.X - n * np.eye(d)  # ... but correlated
    psi_n += kappa * n / (kappa + n) * np.outer(mean_loc, mean_loc)
    if covariance_type in ("full", "tied"):
        expected = psi_n / (dof + d - 1.0 + n - d - 1.0)
    elif covariance_type in ("diag", "EEI"):
        expected = np.diag(np.diag(psi_n)) / (dof + n - 2.0)
    else:
        expected = np.eye(d) * psi_n.trace() / (dof + n * d - 2.0)
    means, covariances = _swept(rng, problem)
    for draws, exact in (
        (means, kappa * mean_loc / (kappa + n)),
        (covariances, expected),
    ):
        error = draws.std(axis=0) / np.sqrt(len(draws))
        assert (np.abs(draws.mean(axis=0) - exact) <= 5.0 * error + 1e-12).all()


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_semi_conjugate_sweeps_draw_from_the_posterior(rng, covariance_type):
    """Against moments by importance sampling.

    With K = 1 the posterior of the covariance, the mean integrated out, is known up to a constant.
    Draws from the closed form of a conjugate prior, weighted, give its moments. 5 z-scores below 5.
    """
    d = 2
    problem = made(rng, 1, d, covariance_type, n=25, conjugate=False)
    prior, psi, n = problem.prior, np.asarray(problem.prior.psi), 25
    scatter = problem.X.T @ problem.X  # the data are standardised: their mean is zero
    if covariance_type in ("spherical", "EII"):
        psi = psi / d  # the one variance has the law of the features' mean
    proposals = _covariances_around_the_mean(rng, covariance_type, prior.nu, psi + scatter, n - 1)
    # What the proposal lacks: the normal prior of the mean in place of a flat one.
    spread = proposals / n + prior.mean_scale**2 * np.eye(d)
    weights = _normal_densities(np.full(d, prior.mean_loc), spread)
    precision = n * np.linalg.inv(proposals) + prior.mean_scale**-2.0 * np.eye(d)
    pull = np.full(d, prior.mean_loc * prior.mean_scale**-2.0)
    centres = np.linalg.solve(precision, np.tile(pull[:, None], (len(proposals), 1, 1)))[..., 0]
    means, covariances = _swept(rng, problem)
    for draws, values in ((means, centres), (covariances, proposals)):
        shape = (-1,) + (1,) * (values.ndim - 1)
        exact = (weights.reshape(shape) * values).sum(axis=0) / weights.sum()
        away = weights.reshape(shape) * (values - exact)
        exact_error = np.sqrt((away**2).sum(axis=0)) / weights.sum()
        # Covariance and mean take turns, so that draws are a little correlated: by less than 0.2.
        error = np.hypot(1.3 * draws.std(axis=0) / np.sqrt(len(draws)), exact_error)
        assert (np.abs(draws.mean(axis=0) - exact) <= 5.0 * error + 1e-12).all()


def _normal_densities(x, covariances):
    """Densities (S,) of `x` (D,) under centred normal laws with `covariances` (S, D, D)."""
    squares = (
        np.linalg.solve(covariances, np.tile(x[:, None], (len(covariances), 1, 1)))[..., 0] @ x
    )
    densities = np.exp(-0.5 * squares) / np.sqrt(np.linalg.det(2.0 * np.pi * covariances))
    # SciPy takes a tenth of a millisecond for each.
    for density, covariance in zip(densities[:20], covariances, strict=False):
        assert density == pytest.approx(stats.multivariate_normal(cov=covariance).pdf(x))
    return densities


def _swept(rng, problem):
    """Means (S, D) and covariances (S, D, D) of the first component after each of 20 000 sweeps."""
    state = state_of(problem.coordinates, np.zeros(problem.coordinates.size))
    means, covariances = [], []
    for _ in range(20_000):
        assert gibbs_sweep(rng, problem.model, state) == 0
        means.append(state.means[0].copy())
        covariances.append(np.linalg.inv(state.whiteners[0].T @ state.whiteners[0]))
    return np.array(means), np.array(covariances)


def _covariances_around_the_mean(rng, covariance_type, nu, psi_n, n, size=40_000):
    """Draws (size, D, D) of the posterior with a flat prior of the mean, by SciPy."""
    d = len(psi_n)
    if covariance_type in ("full", "tied"):
        return stats.invwishart(nu + n, psi_n).rvs(size, random_state=rng)
    dof = nu - d + 1.0
    if covariance_type in ("diag", "EEI"):
        law = stats.invgamma(0.5 * (dof + n), scale=0.5 * np.diag(psi_n))
        return law.rvs((size, d), random_state=rng)[:, :, None] * np.eye(d)
    law = stats.invgamma(0.5 * (dof + n * d), scale=0.5 * np.trace(psi_n))
    return law.rvs((size, 1, 1), random_state=rng) * np.eye(d)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_the_shared_scale_is_drawn_given_the_precisions(rng, covariance_type):
    """Mean and variance of a diagonal entry against SciPy's law. 12 z-scores below 5."""
    k, d = 2, 3
    problem = made_hierarchical(rng, k, d, covariance_type)
    state = state_of(problem.coordinates, 0.4 * rng.normal(size=problem.coordinates.size))
    g = 1 if covariance_type in ("tied", "EII", "EEI") else k
    precisions = [w.T @ w for w in state.whiteners[:g]]
    half = 0.5 * (d - 1)
    shape, rate_shape = problem.prior.shape, problem.prior.rate_shape
    rates = np.array(problem.prior.rate_rate) * problem.X.std(axis=0) ** 2
    draws, scatter = [], np.empty((d, d))
    for _ in range(8000):
        draw_scatter(rng, problem.model, state.whiteners, scatter)
        draws.append(scatter.copy())
    draws = 0.5 * np.array(draws)
    if covariance_type in ("full", "tied"):
        total = np.diag(rates) + sum(precisions)
        law = stats.wishart(2.0 * (rate_shape + g * shape), np.linalg.inv(2.0 * total))
        exact, variance = law.mean(), law.var()
    else:
        power = rate_shape + g * (shape - half)
        sums = np.diag(sum(precisions))
        if covariance_type in ("spherical", "EII"):
            law = stats.gamma(power, scale=1.0 / (1.0 / np.mean(1.0 / rates) + sums[0]))
            draws = draws * d  # each feature has its share of the one scale
        else:
            law = stats.gamma(power, scale=1.0 / (rates + sums))
        exact, variance = law.mean() * np.eye(d), law.var() * np.eye(d)
    error = np.sqrt(variance / len(draws))
    assert (np.abs(draws.mean(axis=0) - exact) <= 5.0 * error + 1e-12).all()
    np.testing.assert_allclose(draws.var(axis=0), variance, rtol=0.12, atol=1e-12)


def test_an_empty_component_is_drawn_from_the_prior(rng):
    """Its rows are elsewhere, its mean has the prior's: 1 z-score below 5."""
    problem = made_of(rng.normal(size=(40, 1)), 2, made(rng, 2, 1, "full").prior, "full")
    state = state_of(problem.coordinates, np.zeros(problem.coordinates.size))
    draws = []
    for _ in range(5000):
        state.weights[:] = [1.0, 1e-300]
        state.means[1] = 1e3
        assert gibbs_sweep(rng, problem.model, state) == 1
        draws.append(state.means[1, 0])
    # Student's t with dof degrees of freedom: its median is its centre.
    below = np.mean(np.array(draws) < problem.model.mean_loc[0])
    assert abs(below - 0.5) < 5.0 * 0.5 / np.sqrt(5000)


def test_completed_rows_have_the_moments_of_the_e_step_on_average(rng):
    """Counts, first and second moments against gmm_em's: 20 z-scores below 5.

    Fails for less than one seed in 50 000.
    """
    d = 3
    X = rng.normal(size=(60, d))
    X[rng.random(X.shape) < 0.3] = np.nan
    X[0] = np.nan  # says nothing, and is left out
    problem = made_of(X, 2, made(rng, 2, d, "full").prior, "full")
    theta = 0.3 * rng.normal(size=problem.coordinates.size)
    weights, means, covariances = problem.coordinates.to_mixtures(theta)
    whiteners = np.linalg.inv(np.linalg.cholesky(covariances))
    Z = (X - np.nanmean(X, axis=0)) / np.nanstd(X, axis=0)
    holes = Z[np.isnan(Z).any(axis=1) & ~np.isnan(Z).all(axis=1)]
    assert problem.model.n_rows == (~np.isnan(Z).all(axis=1)).sum() < 60
    assert problem.model.patterns[:, 0].sum() == len(holes)
    expected = MissingEStep(holes, None, "full", 2).expect(Parameters(weights, means, covariances))
    draws = []
    for _ in range(3000):
        sums = zero_sums(2, d)
        add_completed_rows(problem.model, rng, np.log(weights), means, whiteners, sums)
        draws.append(sums)
    rows, columns = np.tril_indices(d)
    for values, mean in (
        (np.array([s.counts for s in draws]), expected.counts),
        (np.array([s.first for s in draws]), expected.first),
        (
            np.array([s.second for s in draws])[..., rows, columns],
            expected.second[:, rows, columns],
        ),
    ):
        error = np.std(values, axis=0) / np.sqrt(len(values))
        assert (np.abs(np.mean(values, axis=0) - mean) < 5.0 * error).all()
