import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.linalg import sqrtm
from scipy.spatial.distance import mahalanobis
from scipy.stats import multivariate_normal

from experiments.analysis.distances import DensityComparison, errors_against
from gmm_em import Mixture
from tests.conftest import random_mixture

seeds = st.integers(0, 2**32 - 1)
AFFINE_INVARIANT = ("mean_mahalanobis", "covariance_affine_invariant", "covariance_stein")


def pair(seed, n_components=3, n_features=2):
    rng = np.random.default_rng(seed)
    return [random_mixture(rng, n_components, n_features) for _ in range(2)], rng


@given(seeds, st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_each_parameter_distance_equals_its_definition(seed, n_components, n_features):
    (a, b), _ = pair(seed, n_components, n_features)
    found = errors_against(a, b)
    differences = a.weights - b.weights
    assert found["weight_max_error"] == pytest.approx(max(abs(d) for d in differences))
    assert found["weight_total_variation"] == pytest.approx(sum(max(d, 0) for d in differences))
    assert found["weight_kl"] == pytest.approx(
        sum(w * np.log(w / v) for w, v in zip(a.weights, b.weights, strict=True)), abs=1e-12
    )
    for k in range(n_components):
        R, E = a.covariances[k], b.covariances[k]
        inverse = np.linalg.inv(R)
        half = sqrtm(R)
        expected = {
            "mean_euclidean": np.sqrt(sum((a.means[k] - b.means[k]) ** 2)),
            "mean_mahalanobis": mahalanobis(a.means[k], b.means[k], inverse),
            "covariance_relative_frobenius": np.sqrt(np.sum((R - E) ** 2) / np.sum(R**2)),
            "covariance_affine_invariant": np.linalg.norm(
                np.log(np.linalg.eigvals(inverse @ E).real)
            ),
            "covariance_stein": np.trace(E @ inverse)
            - np.log(np.linalg.det(E @ inverse))
            - n_features,
            "covariance_bures": np.sqrt(
                np.trace(R) + np.trace(E) - 2 * np.trace(sqrtm(half @ E @ half)).real
            ),
        }
        for name, value in expected.items():
            assert found[name][k] == pytest.approx(value, rel=1e-6, abs=1e-6), name


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_parameter_distances_are_zero_on_the_truth_and_follow_a_relabelling(seed):
    (a, b), rng = pair(seed, 4, 3)
    for name, values in errors_against(a, a).items():
        assert np.allclose(values, 0, atol=1e-7), name
    order = rng.permutation(4)
    plain, moved = errors_against(a, b), errors_against(a.permute(order), b.permute(order))
    for name, values in plain.items():
        expected = np.asarray(values)[order] if np.ndim(values) else values
        assert np.allclose(moved[name], expected, rtol=1e-9), name


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_units_change_only_the_distances_that_have_units(seed):
    (a, b), rng = pair(seed)
    shift, scale = rng.normal(size=2) * 10, rng.uniform(0.1, 20, size=2)
    plain = errors_against(a, b)
    moved = errors_against(a.affine(shift, scale), b.affine(shift, scale))
    for name in AFFINE_INVARIANT:
        assert np.allclose(plain[name], moved[name], rtol=1e-7), name
    doubled = errors_against(a.affine(shift, 2.0), b.affine(shift, 2.0))
    for name, power in (("mean_euclidean", 2), ("covariance_bures", 2)):
        assert np.allclose(doubled[name], power * np.array(plain[name]), rtol=1e-7), name
    assert np.allclose(
        doubled["covariance_relative_frobenius"], plain["covariance_relative_frobenius"]
    )


def mapped(mixture, matrix, shift):
    """The distribution of ``matrix @ x + shift``."""
    return Mixture(
        mixture.weights, mixture.means @ matrix.T + shift, matrix @ mixture.covariances @ matrix.T
    )


@given(seeds, st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_linear_maps_leave_affine_invariants_and_rotations_leave_all(seed, n_features):
    (a, b), rng = pair(seed, 3, n_features)
    shift = 5 * rng.normal(size=n_features)
    rotation, _ = np.linalg.qr(rng.normal(size=(n_features, n_features)))
    skewed = rotation @ np.diag(rng.uniform(0.3, 3, size=n_features)) + 0.2 * rng.normal(
        size=(n_features, n_features)
    )
    plain = errors_against(a, b)
    for matrix, names in ((skewed, AFFINE_INVARIANT), (rotation, plain)):
        moved = errors_against(mapped(a, matrix, shift), mapped(b, matrix, shift))
        for name in names:
            assert np.allclose(moved[name], plain[name], rtol=1e-6, atol=1e-9), name


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_symmetric_distances_are_symmetric(seed):
    (a, b), _ = pair(seed)
    there, back = errors_against(a, b), errors_against(b, a)
    for name in ("weight_max_error", "weight_total_variation", "mean_euclidean",
                 "covariance_affine_invariant", "covariance_bures"):  # fmt: skip
        assert np.allclose(there[name], back[name], rtol=1e-7), name


def test_a_weight_estimated_as_zero_has_no_finite_divergence():
    one = Mixture([0.5, 0.5], [[0.0], [1.0]], np.ones((2, 1, 1)))
    zero = Mixture([0.0, 1.0], [[0.0], [1.0]], np.ones((2, 1, 1)))
    assert errors_against(one, zero)["weight_kl"] is None
    assert errors_against(zero, one)["weight_kl"] == pytest.approx(np.log(2))


def quadrature(integrand, a, b):
    return integrate.quad(
        lambda x: integrand(*(np.exp(m.log_prob([[x]])[0]) for m in (a, b))), -25, 25, limit=300
    )[0]


DEFINITIONS = {
    "kl": lambda p, q: p * np.log(p / q) if p > 1e-300 and q > 1e-300 else 0.0,
    "kl_reverse": lambda p, q: q * np.log(q / p) if p > 1e-300 and q > 1e-300 else 0.0,
    "js": lambda p, q: (
        (p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))) / 2 if min(p, q) > 0 else 0.0
    ),
    "hellinger": lambda p, q: (np.sqrt(p) - np.sqrt(q)) ** 2 / 2,
    "total_variation": lambda p, q: abs(p - q) / 2,
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_density_distances_equal_their_integrals(name):
    a = Mixture([0.4, 0.6], [[0.0], [3.0]], [[[1.0]], [[0.5]]])
    b = Mixture([0.5, 0.3, 0.2], [[0.2], [2.5], [-1.0]], [[[1.2]], [[0.8]], [[2.0]]])
    found = DensityComparison(a, 40_000, 7).distances(b)[name]
    # 4.5 standard errors: a false alarm in 150 000.
    assert abs(found.value - quadrature(DEFINITIONS[name], a, b)) < 4.5 * found.se
    assert 0 < found.se < 0.02


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_density_distances_ignore_labels_and_vanish_on_the_reference(seed):
    (a, b), rng = pair(seed)
    plain = DensityComparison(a, 400, 5).distances(b)
    order, other = rng.permutation(3), rng.permutation(3)
    moved = DensityComparison(a.permute(order), 400, 5).distances(b.permute(other))
    same = DensityComparison(a, 400, 5).distances(a.permute(order))
    for name, found in plain.items():
        assert moved[name].value == pytest.approx(found.value, rel=1e-9, abs=1e-12), name
        assert same[name].value == pytest.approx(0, abs=1e-12), name


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_density_distances_do_not_depend_on_units(seed):
    (a, b), rng = pair(seed)
    shift, scale = rng.normal(size=2) * 10, rng.uniform(0.1, 20, size=2)
    plain = DensityComparison(a, 300, 5).distances(b)
    moved = DensityComparison(a.affine(shift, scale), 300, 5).distances(b.affine(shift, scale))
    for name, found in plain.items():
        assert moved[name].value == pytest.approx(found.value, rel=1e-6, abs=1e-9), name


def test_common_random_numbers_draw_from_the_mixture(rng):
    mixture = random_mixture(rng, 3, 2)
    rows = DensityComparison(mixture, 50_000, 3)._rows
    error = np.sqrt(np.diagonal(mixture.covariance) / len(rows))
    assert np.all(np.abs(rows.mean(axis=0) - mixture.mean) < 5 * error)
    one = Mixture([1.0], mixture.means[:1], mixture.covariances[:1])
    plain = multivariate_normal(one.means[0], one.covariances[0])
    assert np.allclose(one.log_prob(rows[:5]), plain.logpdf(rows[:5]))


def test_densities_far_apart_are_at_the_greatest_distance_without_overflow():
    a = Mixture([1.0], [[0.0]], [[[1.0]]])
    b = Mixture([1.0], [[500.0]], [[[1.0]]])
    found = DensityComparison(a, 100, 1).distances(b)
    assert found["total_variation"].value == pytest.approx(1.0)
    assert found["hellinger"].value == pytest.approx(1.0)
    assert found["js"].value == pytest.approx(np.log(2))
    assert found["kl"].value == pytest.approx(125_000, rel=0.01)


def test_too_few_samples_are_refused(rng):
    with pytest.raises(ValueError, match="allowed is at least 2"):
        DensityComparison(random_mixture(rng, 2, 2), 1, 0)
