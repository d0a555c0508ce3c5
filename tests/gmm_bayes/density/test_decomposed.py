"""Densities by volume, shape and orientation: SciPy, finite differences, and prior draws."""

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import logm

from gmm_bayes import VolumeShapePrior
from gmm_bayes.density.eigenvectors import ascending_eigenvectors
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.prior_draws import prior_vectors
from gmm_bayes.space.decomposed import (
    REPULSION,
    DecomposedSpace,
    contrasts,
    log_mean_gaps,
    spectra,
    trace_free,
)
from gmm_bayes.space.structures import STRUCTURES
from gmm_em.covariance.projection import structured
from gmm_em.covariance.registry import STRUCTURES as OF_EM

NAMES = [name for name in OF_EM if STRUCTURES[name].decomposed]
SIZES = [(1, 1), (1, 3), (2, 1), (2, 3), (4, 2)]
OWN = VolumeShapePrior(1.5, 0.3, 0.8, 4.0, 0.7, 1.3, "data")


def differences(function, theta, step=1e-5):
    """Central differences, one column per coordinate."""
    columns = [
        (np.ravel(function(theta + e)) - np.ravel(function(theta - e))) / (2.0 * step)
        for e in step * np.eye(theta.size)
    ]
    return np.stack(columns, axis=1)


def test_eight_structures_have_these_coordinates():
    assert NAMES == ["VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV"]


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_bases_are_orthonormal_and_have_no_trace(n):
    flat = trace_free(n).reshape(-1, n * n)
    np.testing.assert_allclose(flat @ flat.T, np.eye(n * (n + 1) // 2 - 1), atol=1e-12)
    np.testing.assert_allclose(np.trace(trace_free(n), axis1=1, axis2=2), 0.0, atol=1e-12)
    np.testing.assert_allclose(contrasts(n).T @ contrasts(n), np.eye(n - 1), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_eigenvectors_are_lapack_s(rng, n):
    for scale in (1.0, 1e-8, 1e8):
        root = rng.normal(size=(n, n))
        matrix = scale * (root + root.T)
        values, vectors = np.empty(n), np.empty((n, n))
        ascending_eigenvectors(matrix, values, vectors)
        expected = np.linalg.eigvalsh(matrix)
        np.testing.assert_allclose(values, expected, atol=1e-13 * np.abs(expected).max())
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(n), atol=1e-13)
        np.testing.assert_allclose(
            (vectors * values) @ vectors.T, matrix, atol=1e-13 * np.abs(expected).max()
        )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("d", "k"), SIZES)
def test_vectors_stand_for_mixtures_of_the_family(rng, name, d, k):
    space = DecomposedSpace(k, d, STRUCTURES[name])
    theta = rng.normal(size=(5, space.size))
    mixtures = space.to_mixtures(theta)
    back = space.to_mixtures(space.from_mixture(*mixtures))
    for found, expected in zip(back, mixtures, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)
    again = space.to_mixtures(space.redrawn(theta, rng))[2]
    np.testing.assert_allclose(again, mixtures[2], rtol=1e-8, atol=1e-9)
    for covariances in mixtures[2]:
        closest = structured(OF_EM[name], np.ones(k), covariances)
        np.testing.assert_allclose(closest, covariances, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("d", "k"), SIZES)
def test_the_map_to_mixtures_has_the_rank_that_em_counts(rng, name, d, k):
    """Eigenvalues that say nothing are the only coordinates too many: D - 1 of each matrix."""
    structure = STRUCTURES[name]
    space = DecomposedSpace(k, d, structure)

    def entries(theta):
        weights, means, covariances = space.to_mixtures(theta)
        return np.concatenate([weights.ravel(), means.ravel(), covariances.ravel()])

    jacobian = differences(entries, rng.normal(size=space.size))
    rank = np.linalg.matrix_rank(jacobian, tol=1e-6)
    assert rank == k - 1 + k * d + OF_EM[name].n_parameters(k, d)
    spare = sum(structure.n_matrices[i] * (1, k)[i] for i in range(2)) * structure.turned
    assert space.size == rank + spare * (d - 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("d", "k", "prior"), [(*s, VolumeShapePrior()) for s in SIZES] + [(3, 2, OWN)]
)
def test_gradient_is_the_slope_of_the_density(rng, name, d, k, prior):
    target = LogPosterior(3.0 * rng.normal(size=(40, d)) + 5.0, k, prior, STRUCTURES[name])
    for _ in range(3):
        theta = 0.7 * rng.normal(size=target.space.size)
        numeric = differences(lambda t: target(t)[0], theta)[0]
        np.testing.assert_allclose(target(theta)[1], numeric, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("d", "k"), SIZES)
def test_density_is_likelihood_times_prior_times_jacobian(rng, name, d, k):
    """Every factor from SciPy's densities, in the data's own units."""
    X = 3.0 * rng.normal(size=(40, d)) + 5.0
    structure = STRUCTURES[name]
    target = LogPosterior(X, k, OWN, structure)
    theta = 0.5 * rng.normal(size=target.space.size)
    loc, scale = X.mean(axis=0), np.sqrt(X.var(axis=0).mean())
    weights, means, covariances = target.space.to_mixtures(theta)
    means, covariances = loc + scale * means, scale**2 * covariances
    joint = [
        np.log(w) + stats.multivariate_normal(m, c).logpdf(X)
        for w, m, c in zip(weights, means, covariances, strict=True)
    ]
    expected = np.logaddexp.reduce(joint, axis=0).sum()
    if k > 1:
        expected += stats.dirichlet(np.full(k, 1.5)).logpdf(weights)
        ratios = differences(lambda t: target.space.to_mixtures(t)[0][:-1], theta)[:, : k - 1]
        expected += np.linalg.slogdet(ratios)[1]
    expected += stats.norm(0.3, 0.8).logpdf(means).sum() + means.size * np.log(scale)
    # With respect to log-volumes the density gains a factor of the volume.
    volumes = np.exp(np.linalg.slogdet(covariances)[1] / d)
    own = volumes[: 1 if structure.n_volumes[0] else k]
    expected += (stats.invgamma(2.0, scale=0.35).logpdf(own) + np.log(own)).sum()
    # Log-shapes, and logarithms of matrices, in orthonormal coordinates: the squared lengths of
    # both are the sums of squares of the eigenvalues.
    parts = target.space.blocks
    at = k - 1 + k * d + parts[0][0]
    shapes, matrices = (int(np.prod(part)) for part in parts[1:])
    expected += stats.norm(0, 1.3).logpdf(theta[at : at + shapes]).sum()
    spread = 1.0 if structure.turned else 1.3
    expected += stats.norm(0, spread).logpdf(theta[at + shapes :]).sum()
    if structure.turned and d > 1:
        for row in theta[at + shapes :].reshape(parts[2]):
            y = np.linalg.eigvalsh(np.tensordot(row, trace_free(d), 1))
            gaps = [y[i] - y[j] for i in range(d) for j in range(i)]
            expected += REPULSION * np.log(gaps).sum() - log_mean_gaps(d)
    assert at + shapes + matrices == theta.size
    np.testing.assert_allclose(target(theta)[0], expected, rtol=1e-8)


@pytest.mark.parametrize("n", [2, 3])
def test_mean_of_the_gaps_is_mehta_s_by_numbers(n):
    """The density of ascending eigenvalues integrates to 1: midpoints over a square of gaps."""
    step = 0.05
    line = np.arange(-14.0, 14.0, step) + 0.5 * step
    grid = np.array(np.meshgrid(*[line] * (n - 1), indexing="ij")).reshape(n - 1, -1)
    y = contrasts(n) @ grid
    log_gaps = sum(np.log(np.abs(y[i] - y[j])) for i in range(n) for j in range(i))
    weights = np.exp(log_gaps - 0.5 * (y**2).sum(axis=0))
    found = (np.exp(REPULSION * log_gaps) * weights).sum() / weights.sum()
    assert np.log(found) == pytest.approx(log_mean_gaps(n), rel=1e-4)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_spectra_have_the_sum_of_squares_of_their_density(rng, n):
    """A scale family: half the sum of squares is a gamma variable."""
    values = spectra(rng, n, (1000,))
    np.testing.assert_allclose(values.sum(axis=1), 0.0, atol=1e-12)
    if n > 1:
        law = stats.chi2(n - 1 + 0.5 * (1.0 + REPULSION) * n * (n - 1))
        assert stats.kstest((values**2).sum(axis=1), law.cdf).pvalue > 1e-6


@pytest.mark.parametrize("name", ["VEE", "EVV"])
def test_coordinates_of_whole_matrices_are_their_logarithms(rng, name):
    space = DecomposedSpace(2, 3, STRUCTURES[name])
    theta = rng.normal(size=space.size)
    covariances = space.to_mixtures(theta)[2]
    entries = theta[-space.blocks[2][0] * space.blocks[2][1] :].reshape(-1, 5)
    for k, row in enumerate(np.broadcast_to(entries, (2, 5))):
        volume = np.exp(np.linalg.slogdet(covariances[k])[1] / 3.0)
        expected = logm(covariances[k] / volume)
        np.testing.assert_allclose(np.tensordot(row, trace_free(3), 1), expected, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_prior_draws_are_those_of_the_density(rng, name):
    """Coordinates of 1000 draws against the density's marginals, which are independent.

    The false-alarm rate of a Kolmogorov-Smirnov test at 1e-6, of some dozen coordinates, is below
    1e-4 in all.
    """
    target = LogPosterior(rng.normal(size=(30, 3)), 2, OWN, STRUCTURES[name])
    structure, space = target.structure, target.space
    thetas = prior_vectors(target, 1000, rng)
    scale = target.scaling.scale[0]
    at = 1 + 2 * 3
    n_volumes, shapes = space.blocks[0][0], int(np.prod(space.blocks[1]))
    volumes = np.exp(thetas[:, at : at + n_volumes]) * scale**2
    for column in volumes.T:
        assert stats.kstest(column, stats.invgamma(2.0, scale=0.35).cdf).pvalue > 1e-6
    ours = np.arange(thetas.shape[1]) >= at + n_volumes + shapes
    # Shapes are drawn up to the order of the axes, which vectors made from mixtures fix. An axis is
    # uniform on the sphere, so that its height is uniform in three dimensions (Archimedes).
    if structure.turned:
        entries = thetas[:, ours].reshape(1000, -1, 5)
        squares = (entries**2).sum(axis=2)
        law = stats.chi2(3 - 1 + 0.5 * (1.0 + REPULSION) * 6)
        frames = np.linalg.eigh(np.tensordot(entries, trace_free(3), axes=1))[1]
        for g in range(entries.shape[1]):
            assert stats.kstest(squares[:, g], law.cdf).pvalue > 1e-6
            heights = np.abs(frames[:, g, 2, :])
            for column in heights.T:
                assert stats.kstest(column, stats.uniform.cdf).pvalue > 1e-6
        return
    for j in range(at + n_volumes, thetas.shape[1]):
        assert stats.kstest(thetas[:, j], stats.norm(0.0, 1.3).cdf).pvalue > 1e-6, j


@pytest.mark.parametrize("name", NAMES)
def test_tied_rows_do_not_collapse_a_component(rng, name):
    """Where a component shrinks onto tied rows the density goes to minus infinity."""
    X = rng.normal(size=(30, 2))
    X[:12] = X[0]
    target = LogPosterior(X, 2, VolumeShapePrior(), STRUCTURES[name])
    Z = target.scaling.standardise(X)
    means = np.stack([Z[0], Z[12:].mean(axis=0)])
    values = []
    for volume in (1e-1, 1e-2, 1e-3, 1e-4):
        other = volume if STRUCTURES[name].n_volumes[0] else 1.0
        covariances = np.stack([volume * np.eye(2), other * np.eye(2)])
        theta = target.space.from_mixture(np.array([0.4, 0.6]), means, covariances)
        values.append(target(theta)[0])
    assert np.argmax(values) < 3
    assert values[-1] < values[0] - 50.0
