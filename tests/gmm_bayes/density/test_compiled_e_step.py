"""The compiled E-step gives the sums of NumPy's."""

import numpy as np
import pytest

from gmm_bayes import CompiledRows
from gmm_bayes.density import compiled_e_step
from gmm_bayes.density.compiled_e_step import CompiledEStep
from gmm_em import fit_em
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.e_step.features import SingularError
from gmm_em.rows.samples import Parameters, Samples

# Compiling takes some seconds of a processor where it is not cached yet.
pytestmark = pytest.mark.slow


def mixture_of(rng, second, n_components, n_features, width=1.0):
    """Components of any size from `width` to 1, with covariances that have the structure."""
    factors = np.tril(0.3 * rng.normal(size=(n_components, n_features, n_features)), -1)
    factors += np.eye(n_features) * np.geomspace(width, 1.0, n_components)[:, None, None]
    covariances = factors @ factors.mT
    if second == "diagonal":
        covariances *= np.eye(n_features)
    elif second == "pooled":
        covariances[:] = covariances[0]
    weights = rng.dirichlet(np.full(n_components, 5.0))
    return Parameters(weights, rng.normal(size=(n_components, n_features)), covariances)


def about_the_means(totals, parameters, second):
    """First and second moments about the means of the components."""
    step = totals.origin - parameters.means
    first = totals.first + totals.counts[:, None] * step
    if second == "diagonal":
        moments = totals.second + (2 * totals.first + totals.counts[:, None] * step) * step
    elif second == "pooled":
        cross = totals.first.T @ step
        moments = totals.second + cross + cross.T + (step * totals.counts[:, None]).T @ step
    else:
        cross = totals.first[:, :, None] * step[:, None, :]
        square = totals.counts[:, None, None] * step[:, :, None] * step[:, None, :]
        moments = totals.second + cross + cross.mT + square
    return first, moments


@pytest.mark.parametrize("second", ["full", "diagonal", "pooled"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (3, 2), (4, 7)])
def test_sums_are_those_of_numpy(rng, second, weighted, n_components, n_features):
    X = rng.normal(size=(777, n_features))
    weight = rng.uniform(0.5, 2.0, 777) if weighted else None
    samples = Samples(X, weight, common_scale=second == "pooled")
    parameters = mixture_of(rng, second, n_components, n_features)
    found = CompiledEStep(samples, n_components, second).expect(parameters)
    expected = BlockedEStep(samples, n_components, second, strict=True).expect(parameters)
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(found.counts, expected.counts, rtol=1e-12)
    first, moments = about_the_means(found, parameters, second)
    expected_first, expected_moments = about_the_means(expected, parameters, second)
    np.testing.assert_allclose(first, expected_first, rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(moments, expected_moments, rtol=1e-12, atol=1e-10)


def test_narrow_components_lose_no_digit(rng):
    parameters = mixture_of(rng, "full", 3, 2, width=1e-6)
    parameters.means[:] *= 3.0
    factors = np.linalg.cholesky(parameters.covariances)
    rows = parameters.means[:, None] + rng.normal(size=(3, 200, 2)) @ factors.mT
    samples = Samples(rows.reshape(-1, 2), units=(np.zeros(2), np.ones(2)))
    found = CompiledEStep(samples, 3).expect(parameters)
    # NumPy's whitens the narrow components, too.
    expected = BlockedEStep(samples, 3, strict=True).expect(parameters)
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-12)
    size = np.sqrt(np.diagonal(found.second, axis1=1, axis2=2))
    _, moments = about_the_means(expected, parameters, "full")
    off = (found.second - moments) / size[:, :, None] / size[:, None, :]
    assert np.abs(off[0]).max() < 1e-12


def test_threads_change_no_digit_and_lanes_only_the_last(rng, monkeypatch):
    samples, parameters = Samples(rng.normal(size=(5_000, 2))), mixture_of(rng, "full", 3, 2)
    whole = CompiledEStep(samples, 3).expect(parameters)
    monkeypatch.setattr(compiled_e_step, "_LANE_ROWS", 256)
    one, four = (CompiledEStep(samples, 3, n_threads=n).expect(parameters) for n in (1, 4))
    for name in ("log_likelihood", "counts", "first", "second"):
        np.testing.assert_array_equal(getattr(one, name), getattr(four, name))
        np.testing.assert_allclose(getattr(one, name), getattr(whole, name), rtol=1e-11)


def test_a_singular_covariance_is_refused_as_by_numpy(rng):
    samples, parameters = Samples(rng.normal(size=(50, 2))), mixture_of(rng, "full", 3, 2)
    parameters.covariances[1] = 1.0
    with pytest.raises(SingularError, match="collapsed onto a hyperplane"):
        CompiledEStep(samples, 3).expect(parameters)


@pytest.mark.parametrize("kind", ["full", "diag", "tied"])
def test_a_fit_is_that_of_numpy(rng, kind):
    X = np.concatenate([rng.normal(size=(150, 2)), 4.0 + 0.5 * rng.normal(size=(100, 2))])
    options = {"covariance_type": kind, "random_state": 0}
    plain = fit_em(X, 2, **options)
    compiled = fit_em(X, 2, reader=CompiledRows(), **options)
    assert compiled.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(compiled.mixture.means, plain.mixture.means, atol=1e-6)


def test_rows_that_it_does_not_read_are_read_by_numpy(rng):
    X = rng.normal(size=(200, 12))
    plain = fit_em(X, 2, random_state=0, n_init=1)
    assert fit_em(X, 2, random_state=0, n_init=1, reader=CompiledRows()).trace.tolist() == (
        plain.trace.tolist()
    )
    with pytest.raises(ValueError, match="float64 in memory"):
        CompiledEStep(Samples(X.astype(np.float32)), 2)
