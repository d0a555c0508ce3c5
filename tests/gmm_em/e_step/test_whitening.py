"""Log-densities and moments of narrow components against longer numbers and against SciPy."""

import numpy as np
import pytest
from scipy.linalg import solve_triangular
from scipy.stats import Covariance, multivariate_normal

from gmm_em.e_step import whitening as whitening_module
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.e_step.features import density, feature_map
from gmm_em.e_step.whitening import _SHIFT_LIMIT, Whitening
from gmm_em.rows.samples import Parameters, Samples

# More digits than float64, where the processor has them.
LONG = np.longdouble


def narrow(rng, n_components, n_features, width):
    """Components far from the origin, with deviations from `width` to 1 in rotated directions."""
    means = rng.normal(size=(n_components, n_features))
    factors = np.tril(0.2 * rng.normal(size=(n_components, n_features, n_features)), -1)
    factors += np.eye(n_features)
    factors *= np.geomspace(width, 1.0, n_features)[:, None]
    return Parameters(np.full(n_components, 1 / n_components), means, factors @ factors.mT)


def rows_of(rng, parameters, n):
    """Rows that the components are responsible for."""
    k, d = parameters.means.shape
    labels = rng.integers(k, size=n)
    z = rng.normal(size=(n, d))
    factors = np.linalg.cholesky(parameters.covariances)[labels]
    return parameters.means[labels] + (factors @ z[:, :, None])[:, :, 0]


def forward_substitution(factor, deviations):
    """Solve ``L z = x`` in long numbers, shapes (D, D) and (D, n)."""
    factor, z = factor.astype(LONG), deviations.astype(LONG)
    for i in range(len(factor)):
        z[i] = (z[i] - factor[i, :i] @ z[:i]) / factor[i, i]
    return z


def joint_of_scipy(parameters, X):
    """Weighted log-densities, shape (K, N)."""
    factors = np.linalg.cholesky(parameters.covariances)
    components = zip(parameters.weights, parameters.means, factors, strict=True)
    return np.array(
        [
            np.log(weight) + multivariate_normal(mean, Covariance.from_cholesky(factor)).logpdf(X)
            for weight, mean, factor in components
        ]
    )


def unscaled(X):
    """Rows in units that change none of them."""
    d = X.shape[1]
    return Samples(X, units=(np.zeros(d), np.ones(d)))


@pytest.mark.parametrize("n_features", [1, 2, 15, 16, 17, 33])
@pytest.mark.parametrize("width", [1e-2, 1e-7])
def test_log_densities_are_those_of_longer_numbers_and_of_scipy(rng, n_features, width):
    parameters = narrow(rng, 3, n_features, width)
    block = np.ascontiguousarray(rows_of(rng, parameters, 50).T)
    factors = np.linalg.cholesky(parameters.covariances)
    constants = rng.normal(size=3)
    whitening = Whitening.of(np.array([True, False, True]), parameters.means, factors, constants)
    out = np.full((3, 50), np.nan)
    whitening.write_log_densities(block, np.empty((2, n_features, 50)), out)
    assert np.isnan(out[1]).all()
    for k in (0, 2):
        deviations = block - parameters.means[k][:, None]
        z = forward_substitution(factors[k], block.astype(LONG) - parameters.means[k][:, None])
        expected = constants[k] - 0.5 * (z**2).sum(axis=0)
        np.testing.assert_allclose(out[k], expected.astype(float), rtol=1e-12, atol=1e-12)
        z = solve_triangular(factors[k], deviations, lower=True)
        np.testing.assert_allclose(out[k], constants[k] - 0.5 * (z**2).sum(axis=0), rtol=1e-12)


@pytest.mark.parametrize("n_features", [1, 2, 17, 40])
def test_products_in_common_lose_no_digit_that_counts(rng, monkeypatch, n_features):
    parameters = narrow(rng, 5, n_features, 1e-3)
    block = np.ascontiguousarray(rows_of(rng, parameters, 60).T)
    factors = np.linalg.cholesky(parameters.covariances)
    constants, chosen = rng.normal(size=5), np.full(5, True)
    # As narrow as components may be that are not centred.
    with monkeypatch.context() as patch:
        patch.setattr(whitening_module, "_SHIFT_LIMIT", np.inf)
        together = Whitening.of(chosen, parameters.means, factors, constants)
        patch.setattr(whitening_module, "_SHIFT_LIMIT", 0.0)
        apart = Whitening.of(chosen, parameters.means, factors, constants)
    assert len(together.centred) == 0
    assert len(apart.centred) == 5
    size = np.abs(together.whiteners) @ np.maximum(1.0, np.abs(parameters.means))[:, :, None]
    small = size.max(axis=(1, 2)) < _SHIFT_LIMIT
    assert small.any()
    out = np.empty((2, 5, 60))
    for whitening, densities in zip((together, apart), out, strict=True):
        whitening.write_log_densities(block, np.empty((2, n_features, 60)), densities)
    found, expected = out[:, small]
    # Of rows that are far from a component, relatively; of its own rows, absolutely.
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-11)
    mixed = Whitening.of(chosen, parameters.means, factors, constants)
    assert len(mixed.centred) == 5 - small.sum()


@pytest.mark.parametrize("n_features", [2, 20])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_are_those_of_longer_numbers(rng, n_features, weighted):
    parameters = narrow(rng, 3, n_features, 1e-6)
    X = rows_of(rng, parameters, 400)
    weight = rng.uniform(0.5, 2.0, 400) if weighted else None
    d = n_features
    samples = Samples(X, weight, units=(np.zeros(d), np.ones(d)))
    estep = BlockedEStep(samples, 3, strict=True, block_columns=90)
    totals = estep.expect(parameters)
    _, responsibilities = estep.evaluate(parameters)
    np.testing.assert_array_equal(totals.origin, parameters.means)
    r = responsibilities.astype(LONG) * (1.0 if weight is None else weight)
    np.testing.assert_allclose(totals.counts, r.sum(axis=1).astype(float), rtol=1e-12)
    for k in range(3):
        deviations = X.astype(LONG) - parameters.means[k]
        size = np.sqrt((r[k] @ deviations**2).astype(float))
        first = (totals.first[k] - (r[k] @ deviations).astype(float)) / size
        second = (deviations * r[k][:, None]).T @ deviations
        second = (totals.second[k] - second.astype(float)) / (size[:, None] * size)
        assert np.abs(first).max() < 1e-12
        assert np.abs(second).max() < 1e-12


def test_an_e_step_is_that_of_scipy(rng):
    parameters = narrow(rng, 4, 3, 1e-4)
    X = rows_of(rng, parameters, 300)
    log_density, responsibilities = BlockedEStep(unscaled(X), 4).evaluate(parameters)
    joint = joint_of_scipy(parameters, X)
    np.testing.assert_allclose(log_density, np.logaddexp.reduce(joint), rtol=1e-12, atol=1e-12)
    expected = np.exp(joint - np.logaddexp.reduce(joint))
    np.testing.assert_allclose(responsibilities, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
def test_rows_without_responsibility_change_no_digit_of_the_sums(rng, share):
    parameters = narrow(rng, 2, 5, 1e-3)
    block = np.ascontiguousarray(rows_of(rng, parameters, 300).T)
    factors = np.linalg.cholesky(parameters.covariances)
    whitening = Whitening.of(np.full(2, True), parameters.means, factors, np.zeros(2))
    posterior = np.where(rng.random((2, 300)) < share, rng.random((2, 300)), 1e-130)
    found = whitening.sums(block, posterior, np.empty((2, 5, 300)))
    for k in range(2):
        deviations = block - parameters.means[k][:, None]
        size = np.sqrt(posterior[k] @ deviations.T**2)
        first = deviations @ posterior[k]
        second = (deviations * posterior[k]) @ deviations.T
        assert found.counts[k] == pytest.approx(posterior[k].sum(), rel=1e-13)
        np.testing.assert_allclose(found.first[k] / size, first / size, atol=1e-13)
        np.testing.assert_allclose(
            found.second[k] / size / size[:, None], second / size / size[:, None], atol=1e-13
        )


@pytest.mark.parametrize(("n_wide", "n_whitened"), [(1, 6), (4, 3)])
def test_few_wide_components_are_whitened_with_the_narrow_ones(rng, n_wide, n_whitened):
    d, n_narrow = 4, n_whitened - (1 if n_wide == 1 else 0)
    parameters = narrow(rng, n_wide + n_narrow, d, 1e-4)
    parameters.covariances[:n_wide] = np.eye(d)
    weights = np.full(n_wide + n_narrow, 1 / (n_wide + n_narrow))
    parameters = parameters._replace(weights=weights)
    prepared = density(feature_map("full", d), parameters)
    assert prepared.whitening is not None
    assert len(prepared.whitening.chosen) == n_whitened
    X = rows_of(rng, parameters, 500)
    found = BlockedEStep(unscaled(X), n_wide + n_narrow).expect(parameters)
    joint = joint_of_scipy(parameters, X)
    total = np.logaddexp.reduce(joint)
    assert found.log_likelihood == pytest.approx(total.sum(), rel=1e-11)
    np.testing.assert_allclose(found.counts, np.exp(joint - total).sum(axis=1), rtol=1e-9)


def test_the_number_of_threads_changes_no_digit(rng):
    parameters = narrow(rng, 5, 18, 1e-5)
    samples = unscaled(rows_of(rng, parameters, 20_000))
    one, two, four = (
        BlockedEStep(samples, 5, strict=True, n_threads=threads).expect(parameters)
        for threads in (1, 2, 4)
    )
    for other in (two, four):
        assert one.log_likelihood == other.log_likelihood
        for name in ("counts", "first", "second"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("length", [1e3, 1e5, 1e6])
def test_a_component_that_is_wide_in_one_direction_is_that_of_scipy(rng, length):
    # Its precisions are not large, but lose digits that a row as far out as it is wide would need.
    direction = np.array([1.0, 1.0, 1.0]) / np.sqrt(3.0)
    covariance = np.eye(3) + 0.3 * np.diag([1.0, 0.0, -1.0])
    covariance += length**2 * np.outer(direction, direction)
    parameters = Parameters(np.ones(1), np.array([[0.1, 0.2, 0.3]]), covariance[None])
    X = rows_of(rng, parameters, 60)
    log_density, _ = BlockedEStep(unscaled(X), 1).evaluate(parameters)
    np.testing.assert_allclose(log_density, joint_of_scipy(parameters, X)[0], rtol=1e-6)
