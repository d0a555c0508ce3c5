import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import mahalanobis

from experiments.metrics import errors_against
from tests.conftest import random_mixture

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_each_distance_equals_its_definition(seed, n_components, n_features):
    rng = np.random.default_rng(seed)
    a, b = (random_mixture(rng, n_components, n_features) for _ in range(2))
    found = errors_against(a, b)
    assert found["weight_total_variation"] == pytest.approx(
        sum(max(v - w, 0) for v, w in zip(a.weights, b.weights, strict=True))
    )
    for k in range(n_components):
        difference = a.means[k] - b.means[k]
        assert found["mean_euclidean"][k] == pytest.approx(np.sqrt(sum(difference**2)))
        inverse = np.linalg.inv(a.covariances[k])
        assert found["mean_mahalanobis"][k] == pytest.approx(
            mahalanobis(a.means[k], b.means[k], inverse), rel=1e-6
        )
        error = a.covariances[k] - b.covariances[k]
        assert found["covariance_relative_frobenius"][k] == pytest.approx(
            np.sqrt(np.trace(error @ error.T) / np.trace(a.covariances[k] @ a.covariances[k].T))
        )


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_errors_are_zero_on_the_truth_and_follow_a_relabelling(seed):
    rng = np.random.default_rng(seed)
    a, b = (random_mixture(rng, 4, 3) for _ in range(2))
    for values in errors_against(a, a).values():
        assert np.all(np.asarray(values) == 0)
    order = rng.permutation(4)
    plain, moved = errors_against(a, b), errors_against(a.permute(order), b.permute(order))
    for name, values in plain.items():
        expected = np.asarray(values)[order] if np.ndim(values) else values
        assert np.allclose(moved[name], expected, rtol=1e-12)
