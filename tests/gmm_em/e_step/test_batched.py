"""The E-step of many mixtures is that of each of them."""

import numpy as np
import pytest

from gmm_em.covariance.registry import get_structure
from gmm_em.e_step.batched import BatchedEStep, OneByOne
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.e_step.features import SingularError
from gmm_em.rows.samples import Parameters, Samples

KINDS = ["full", "tied", "diag", "spherical"]


def many(samples, kind, n_runs=5, k=3, width=1.0):
    """Mixtures of the family at random rows."""
    rng = np.random.default_rng(0)
    structure, d = get_structure(kind), samples.n_features
    out = []
    for _ in range(n_runs):
        factors = width * (np.tril(0.3 * rng.normal(size=(k, d, d))) + np.eye(d))
        matrices = factors @ factors.transpose(0, 2, 1)
        counts = rng.uniform(1, 2, k)
        scatter = structure.reduce(matrices * counts[:, None, None])
        covariances = structure.covariances(counts, scatter, float(counts.sum()))
        rows = np.sort(rng.choice(samples.n_samples, k, replace=False))
        out.append(Parameters(counts / counts.sum(), samples.take(rows), covariances))
    return Parameters(*(np.stack(arrays) for arrays in zip(*out, strict=True)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("width", [1.0, 1e-3])
def test_sums_are_those_of_each_mixture(kind, weighted, width):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(700, 3))
    samples = Samples(X, rng.uniform(0.5, 2, 700) if weighted else None)
    second = get_structure(kind).second
    parameters = many(samples, kind, width=width)
    totals = BatchedEStep(samples, second).expect(parameters)
    single = BlockedEStep(samples, 3, second, strict=True)
    for run in range(5):
        expected = single.expect(Parameters(*(array[run] for array in parameters)))
        found = totals.of(run)
        assert found.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-10)
        np.testing.assert_allclose(found.counts, expected.counts, rtol=1e-8, atol=1e-9)
        # Moments may be about other origins: compared about the same one.
        step = found.origin - expected.origin
        first = found.first + found.counts[:, None] * step
        np.testing.assert_allclose(first, expected.first, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_log_densities_are_those_of_each_mixture(kind):
    samples = Samples(np.random.default_rng(1).normal(size=(300, 2)))
    parameters, index = many(samples, kind), np.arange(0, 300, 7)
    second = get_structure(kind).second
    found = BatchedEStep(samples, second).log_density(parameters, index)
    expected = OneByOne(BlockedEStep(samples, 3, second)).log_density(parameters, index)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_the_number_of_threads_changes_no_digit():
    samples = Samples(np.random.default_rng(1).normal(size=(9_000, 3)))
    parameters = many(samples, "full", n_runs=12)
    one, two = (BatchedEStep(samples, "full", n).expect(parameters) for n in (1, 2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_singular_covariance_is_refused():
    samples = Samples(np.random.default_rng(1).normal(size=(50, 2)))
    parameters = many(samples, "full")
    parameters.covariances[2, 1] = 0.0
    with pytest.raises(SingularError):
        BatchedEStep(samples, "full").expect(parameters)


def test_a_wide_flat_component_is_accepted_beside_a_narrow_one():
    # Each mixture is accepted alone, the second because its component is wide in every direction.
    samples = Samples(np.random.default_rng(0).normal(size=(200, 2)))
    estep = BatchedEStep(samples, "full")
    covariances = np.stack([1e-8 * np.eye(2), np.diag([1e13, 1.0])])[:, None]
    covariances[1, 0] += 1e13 - np.diag([1e13, 0.0])
    parameters = Parameters(np.ones((2, 1)), np.zeros((2, 1, 2)), covariances)
    alone = [
        estep.expect(Parameters(*(array[i : i + 1] for array in parameters))).log_likelihood[0]
        for i in range(2)
    ]
    np.testing.assert_allclose(estep.expect(parameters).log_likelihood, alone, rtol=1e-9)
