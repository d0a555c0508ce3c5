import numpy as np
import pytest

from gmm_em import (
    InformationError,
    Mixture,
    bootstrap,
    expect,
    fit_em,
    score,
    standard_errors,
)
from gmm_em.covariance.registry import get_structure
from gmm_em.inference.observed_information import InformationLayout
from tests.gmm_em.inference.densities import log_likelihood

KINDS = ["full", "tied", "diag", "spherical"]


def test_the_score_agrees_with_finite_differences(make_mixture, faithful):
    mixture = fit_em(faithful, 3, random_state=0, max_iter=3).mixture
    gradient = score(mixture, expect(mixture, faithful))
    base = (mixture.weights, mixture.means, mixture.covariances)

    def slope(position, direction):
        """Central difference, with Richardson's extrapolation."""

        def value(step):
            moved = [np.array(array) for array in base]
            moved[position] = moved[position] + step * direction
            return log_likelihood(*moved, faithful)

        def central(h):
            return (value(h) - value(-h)) / (2 * h)

        h = 1e-3 * np.abs(base[position][np.nonzero(direction)]).min()
        return (4 * central(h / 2) - central(h)) / 3

    for k in range(3):
        unit = np.eye(3)[k]
        assert gradient.weights[k] == pytest.approx(slope(0, unit), rel=1e-6)
        for i in range(2):
            direction = np.outer(unit, np.eye(2)[i])
            assert gradient.means[k, i] == pytest.approx(slope(1, direction), rel=1e-6)
            for j in range(i + 1):
                direction = np.zeros((3, 2, 2))
                direction[k, i, j] = direction[k, j, i] = 1.0
                expected = (gradient.covariances * direction).sum()
                assert expected == pytest.approx(slope(2, direction), rel=1e-6)


def test_one_component_has_the_textbook_standard_errors(iris):
    mixture = fit_em(iris, 1).mixture
    errors = standard_errors(iris, mixture)
    S, n = mixture.covariances[0], len(iris)
    np.testing.assert_allclose(errors.means[0], np.sqrt(np.diag(S) / n), rtol=1e-8)
    expected = np.sqrt((np.outer(np.diag(S), np.diag(S)) + S**2) / n)
    np.testing.assert_allclose(errors.covariances[0], expected, rtol=1e-8)
    assert errors.weights[0] == 0.0
    assert errors.expected_gain == pytest.approx(0.0, abs=1e-10)


def test_information_sandwich_and_bootstrap_agree_when_the_model_is_true(make_mixture):
    truth = Mixture([0.4, 0.6], [[0.0, 0.0], [5.0, 1.0]], [np.eye(2), [[2.0, 0.5], [0.5, 1.0]]])
    X, _ = truth.sample(2_000, 0)
    fit = fit_em(X, 2, random_state=0).mixture
    information = standard_errors(X, fit)
    others = [
        standard_errors(X, fit, method="sandwich"),
        bootstrap(X, fit, n_bootstrap=300, random_state=0).standard_errors,
        bootstrap(X, fit, n_bootstrap=300, kind="parametric", random_state=0).standard_errors,
    ]
    for other in others:
        # A standard deviation from 300 replicates has a relative error of 4 %.
        for name in ("weights", "means", "covariances"):
            np.testing.assert_allclose(
                getattr(other, name), getattr(information, name), rtol=0.2, atol=1e-3
            )


@pytest.mark.parametrize("kind", KINDS)
def test_structures_fix_what_they_fix(faithful, kind):
    fit = fit_em(faithful, 2, covariance_type=kind, random_state=0).mixture
    errors = standard_errors(faithful, fit, covariance_type=kind)
    if kind in ("diag", "spherical"):
        assert not errors.covariances[:, 0, 1].any()
    if kind == "tied":
        np.testing.assert_array_equal(errors.covariances[0], errors.covariances[1])
    if kind == "spherical":
        np.testing.assert_allclose(errors.covariances[:, 0, 0], errors.covariances[:, 1, 1])
    assert errors.covariance.shape == (InformationLayout(get_structure(kind), 2, 2).size,) * 2


def test_units_do_not_matter(faithful):
    fit = fit_em(faithful, 2, random_state=0).mixture
    plain = standard_errors(faithful, fit)
    scale = np.array([1e6, 1e-3])
    moved = standard_errors(faithful * scale + 5.0, fit.affine(5.0, scale))
    np.testing.assert_allclose(moved.weights, plain.weights, rtol=1e-6)
    np.testing.assert_allclose(moved.means, plain.means * scale, rtol=1e-6)
    np.testing.assert_allclose(
        moved.covariances, plain.covariances * scale[:, None] * scale, rtol=1e-6
    )


def test_weights_count_rows(faithful):
    times = np.random.default_rng(0).integers(0, 3, size=272)
    fit = fit_em(faithful, 2, random_state=0, sample_weight=times).mixture
    for method in ("information", "sandwich"):
        weighted = standard_errors(faithful, fit, sample_weight=times, method=method)
        repeated = standard_errors(np.repeat(faithful, times, axis=0), fit, method=method)
        np.testing.assert_allclose(weighted.covariances, repeated.covariances, rtol=1e-6)


def test_what_is_not_identified_is_said(faithful):
    one = fit_em(faithful, 1).mixture
    twice = Mixture(
        [0.5, 0.5], np.repeat(one.means, 2, axis=0), np.repeat(one.covariances, 2, axis=0)
    )
    with pytest.raises(InformationError, match="not positive definite"):
        standard_errors(faithful, twice)


def test_too_many_parameters_are_refused():
    X = np.random.default_rng(0).normal(size=(10, 60))
    mixture = Mixture(np.full(3, 1 / 3), X[:3], np.repeat(np.eye(60)[None], 3, axis=0))
    with pytest.raises(ValueError, match="use the bootstrap"):
        standard_errors(X, mixture)
    with pytest.raises(ValueError, match="method must be"):
        standard_errors(X, mixture, method="guess")


def test_intervals(faithful):
    fit = fit_em(faithful, 2, random_state=0).mixture
    errors = standard_errors(faithful, fit)
    lower, upper = errors.interval(0.95)
    np.testing.assert_allclose(upper.means - lower.means, 2 * 1.959964 * errors.means, rtol=1e-6)
    for bad in (0.0, 1.0, -1.0):
        with pytest.raises(ValueError, match="level"):
            errors.interval(bad)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["information", "sandwich"])
def test_wald_intervals_cover(method):
    """Mean coverage over parameters of 1000 data sets.

    Its Monte Carlo error is below 0.4 percentage points, so an exact method fails with a
    probability of about 1e-4 either side.
    """
    truth = Mixture(
        [0.3, 0.3, 0.4],
        [[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]],
        [np.eye(2), [[1.5, 0.5], [0.5, 1.0]], [[1.0, -0.3], [-0.3, 2.0]]],
    )
    covered = []
    for rng in np.random.default_rng(20261121).spawn(1000):
        X, _ = truth.sample(1_000, rng)
        fit = fit_em(X, 3, init=truth).mixture
        lower, upper = standard_errors(X, fit, method=method).interval(0.95)
        inside = [
            (getattr(lower, name) <= getattr(truth, name))
            & (getattr(truth, name) <= getattr(upper, name))
            for name in ("weights", "means", "covariances")
        ]
        rows, columns = np.tril_indices(2)
        parameters = [inside[0], inside[1].ravel(), inside[2][:, rows, columns].ravel()]
        covered.append(np.concatenate(parameters))
    coverage = np.mean(covered)
    print(f"{method}: coverage {coverage:.4f}; by parameter {np.mean(covered, axis=0).round(3)}")
    assert 0.935 <= coverage <= 0.965
