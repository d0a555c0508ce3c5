"""Data and options on which a fit once went wrong, each with the right value."""

import warnings

import numpy as np
import pandas as pd
import pytest

from gmm_em import DegenerateError, GaussianMixtureEM, Mixture, PartialStart, fit_em
from gmm_em.inference.criteria import n_parameters
from gmm_em.rows.samples import Samples

KINDS = ["tied", "diag", "spherical"]


def two_clouds(shift=8.0, n=30):
    return np.r_[
        np.random.default_rng(0).normal(0, 1, (n, 2)),
        np.random.default_rng(1).normal(shift, 1, (n, 2)),
    ]


# Starts outside the family -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 2])
def test_a_start_outside_the_structure_is_brought_into_it(kind, k):
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(0, 1, (100, 2)), rng.normal(8, 3, (100, 2))] @ [[1.0, 0.6], [0.0, 1.0]]
    full = fit_em(X, k, random_state=0).mixture
    best = fit_em(X, k, covariance_type=kind, random_state=0)
    result = fit_em(X, k, covariance_type=kind, init=full)
    assert result.log_likelihood <= best.log_likelihood + 1e-6
    stuck = fit_em(X, k, covariance_type=kind, init=full, max_iter=0).mixture.covariances
    partial = PartialStart(covariances=full.covariances)
    given = fit_em(X, k, covariance_type=kind, init=partial, max_iter=0, n_init=2, random_state=0)
    for covariances in (result.mixture.covariances, stuck, given.mixture.covariances):
        if kind == "tied":
            np.testing.assert_allclose(covariances, covariances[:1].repeat(k, axis=0), rtol=1e-12)
        else:
            assert not (covariances * (1 - np.eye(2))).any()
        if kind == "spherical":
            np.testing.assert_allclose(covariances[:, 0, 0], covariances[:, 1, 1], rtol=1e-12)


def test_a_warm_start_from_another_structure():
    X = two_clouds() * [1.0, 5.0]
    model = GaussianMixtureEM(1, covariance_type="diag", warm_start=True).fit(X)
    model.set_params(covariance_type="spherical").fit(X)
    fresh = GaussianMixtureEM(1, covariance_type="spherical").fit(X)
    assert model.log_likelihood_ == pytest.approx(fresh.log_likelihood_)
    np.testing.assert_allclose(model.covariances_, fresh.covariances_)
    assert model.score(X) * len(X) == pytest.approx(model.log_likelihood_)
    assert model.bic(X) == pytest.approx(
        -2 * fresh.log_likelihood_ + n_parameters(1, 2, "spherical") * np.log(len(X))
    )


# Degenerate data with missing values -------------------------------------------------------------


def collinear():
    a = np.array([0.0, 1, 2, 4, 5, 7, 8, 9])
    return np.c_[a, a]


def point_masses():
    return np.r_[np.tile([[0.0, 0]], (20, 1)), np.tile([[10.0, 4]], (20, 1)), [[5, 2.5]]]


@pytest.mark.parametrize(("rows", "k"), [(collinear, 1), (point_masses, 2)])
def test_degenerate_rows_with_a_missing_value(rows, k):
    X = rows()
    X[3, 0] = np.nan
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = GaussianMixtureEM(k, missing="mar", random_state=0, n_init=8).fit(X)
    assert np.isfinite(model.means_).all()
    smallest = np.linalg.eigvalsh(model.mixture_.covariances)[:, 0].min()
    assert any("no maximum" in str(w.message) for w in caught) or smallest > 1e-3


def test_collinear_rows_have_no_maximum_with_or_without_missing_values():
    X = collinear()
    with pytest.raises(DegenerateError):
        fit_em(X, 1)
    X[3, 0] = np.nan
    with pytest.raises(DegenerateError):
        fit_em(X, 1, missing="mar")


def test_no_complete_row_at_all():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)) + np.where(np.arange(60) < 30, 0.0, 9.0)[:, None]
    X[::2, 0], X[1::2, 1] = np.nan, np.nan
    model = GaussianMixtureEM(2, covariance_type="diag", missing="mar", random_state=0).fit(X)
    assert np.isfinite(model.log_likelihood_)
    assert model.predict(X).shape == (60,)


@pytest.mark.parametrize("missing", ["error", "mar"])
def test_a_constant_column_is_named(missing):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=30), "b": 7.0, "c": rng.normal(size=30)})
    if missing == "mar":
        frame.loc[2, "a"] = np.nan
    with pytest.raises(DegenerateError, match=r"feature 1 \(b\) is constant"):
        GaussianMixtureEM(2, missing=missing, random_state=0).fit(frame)


def test_a_constant_column_that_the_structure_can_hold():
    X = np.c_[two_clouds(n=40), np.zeros(80)]
    result = fit_em(X, 2, covariance_type="spherical", random_state=0)
    labels = np.repeat([0, 1], 40)
    # The clouds are far apart: the maximum is that of the two groups.
    expected = -2 * 40 * np.log(2.0)
    for j in range(2):
        group = X[labels == j]
        variance = ((group - group.mean(axis=0)) ** 2).sum() / (3 * 40)
        expected -= 40 * 1.5 * (np.log(2 * np.pi * variance) + 1.0)
    assert result.log_likelihood == pytest.approx(expected, abs=1e-3)


# What is no number, and what is missing ---------------------------------------------------------


def test_masked_entries_are_missing():
    X = two_clouds()
    X[3, 1] = 1e6
    masked = np.ma.array(X, mask=X == 1e6)
    with pytest.raises(ValueError, match=r"contains NaN \(row 3, column 1\)"):
        GaussianMixtureEM(2).fit(masked)
    with pytest.raises(ValueError, match="nan in row 0, column 1"):
        Mixture([1.0], [[0.0, 0.0]], [np.eye(2)]).log_prob(masked[3:4])
    with_nan = X.copy()
    with_nan[3, 1] = np.nan
    options = {"missing": "mar", "random_state": 0, "n_init": 4}
    one = GaussianMixtureEM(2, **options).fit(masked)
    two = GaussianMixtureEM(2, **options).fit(with_nan)
    assert one.mixture_ == two.mixture_


def test_pandas_na_is_missing():
    frame = pd.DataFrame(two_clouds(), columns=["a", "b"]).astype("Float64")
    frame.loc[3, "a"] = pd.NA
    with pytest.raises(ValueError, match=r"contains NaN \(row 3, column 0\)"):
        GaussianMixtureEM(2).fit(frame)
    options = {"missing": "mar", "random_state": 0, "n_init": 4}
    one = GaussianMixtureEM(2, **options).fit(frame)
    two = GaussianMixtureEM(2, **options).fit(frame.astype(float))
    assert one.mixture_ == two.mixture_


@pytest.mark.parametrize("missing", ["error", "mar"])
@pytest.mark.parametrize("extra", [False, True])
def test_dates_are_no_numbers(missing, extra):
    begin = pd.date_range("2024-01-01", periods=40)
    frame = pd.DataFrame({"begin": begin, "end": begin + pd.Timedelta(days=30)})
    frame.loc[3, "end"] = pd.NaT
    if extra:
        frame["x"] = 1.0
    with pytest.raises(ValueError, match="dates or durations"):
        GaussianMixtureEM(2, missing=missing).fit(frame)


def test_feature_names_must_differ():
    with pytest.raises(ValueError, match="'a' more than once"):
        GaussianMixtureEM(2).fit(pd.DataFrame(two_clouds(), columns=["a", "a"]))


# Numbers too large or too small ------------------------------------------------------------------


def test_a_row_so_far_that_every_density_is_zero():
    mixture = Mixture([0.5, 0.5], [[0.0], [8.0]], [[[1.0]], [[4.0]]])
    far = np.array([[1e160], [-1e160], [1.0]])
    np.testing.assert_array_equal(mixture.responsibilities(far)[:2], [[0, 1], [0, 1]])
    np.testing.assert_array_equal(mixture.predict(far), [1, 1, 0])
    model = GaussianMixtureEM(2, random_state=0, n_init=4).fit(two_clouds())
    for missing in ("error", "mar"):
        model.missing = missing
        with pytest.raises(ValueError, match="too large for float64"):
            model.predict_proba([[1e200, 1e200]])


@pytest.mark.parametrize("unit", [2e30, 1e-25])
def test_attributes_that_float32_cannot_hold(unit):
    X = np.r_[
        np.random.default_rng(0).normal(1, 0.1, (40, 1)),
        np.random.default_rng(1).normal(3, 0.3, (40, 1)),
    ]
    model = GaussianMixtureEM(2, random_state=0, n_init=4).fit((X * unit).astype(np.float32))
    exact = model.mixture_.covariances
    np.testing.assert_allclose(model.covariances_, exact, rtol=1e-6)
    np.testing.assert_allclose(model.precisions_ * exact, 1.0, rtol=1e-6)
    roots = model.precisions_cholesky_.astype(np.float64)
    np.testing.assert_allclose(roots**2 * exact, 1.0, rtol=1e-5)


@pytest.mark.parametrize("factor", [1e-12, 1e300])
def test_weights_with_a_common_factor(faithful, factor):
    weight = np.random.default_rng(0).uniform(0.5, 2.0, size=len(faithful))
    plain = fit_em(faithful, 2, sample_weight=weight, random_state=0)
    seen = []
    scaled = fit_em(
        faithful,
        2,
        sample_weight=weight * factor,
        random_state=0,
        callback=lambda run, n_iter, value: seen.append(value),
    )
    np.testing.assert_allclose(scaled.mixture.means, plain.mixture.means, rtol=1e-6)
    np.testing.assert_allclose(scaled.mixture.covariances, plain.mixture.covariances, rtol=1e-5)
    assert scaled.log_likelihood == pytest.approx(plain.log_likelihood * factor, rel=1e-9)
    assert scaled.total_weight == pytest.approx(weight.sum() * factor)
    assert max(seen) == pytest.approx(scaled.log_likelihood, rel=1e-6)
    assert not scaled.spurious


# Rounding -----------------------------------------------------------------------------------------


def rounded_lengths():
    rng = np.random.default_rng(1)
    load = np.array([1, 0.85, 2.1, 2.4, 1.0])
    groups = []
    for _ in range(4):
        size = rng.normal(15, 3.2, 50)
        shape = rng.normal(0, 0.45, 5) * 2
        groups.append(size[:, None] * load + shape + rng.normal(0, 0.25, (50, 5)))
    return np.round(np.concatenate(groups), 1)


def test_a_grid_is_seen_where_most_values_are_distinct():
    X = rounded_lengths()
    assert min(len(np.unique(column)) for column in X.T) > 0.3 * len(X)
    samples = Samples(X)
    np.testing.assert_allclose(samples.resolution * samples.scale, 0.1, rtol=1e-9)
    free = Samples(X + 1e-3 * np.random.default_rng(0).normal(size=X.shape))
    assert not free.resolution.any()


def test_no_component_is_narrower_than_the_rounding():
    result = fit_em(rounded_lengths(), 4, random_state=0)
    smallest = np.linalg.eigvalsh(result.mixture.covariances)[:, 0].min()
    assert smallest > 0.49 * 0.1**2 / 12 or result.spurious


def test_a_seed_sequence_can_be_used_again():
    X = np.random.default_rng(0).normal(size=(100, 2))
    seed = np.random.SeedSequence(5)
    values = [
        fit_em(X, 3, random_state=s, n_init=1, init_params="random", max_iter=3).log_likelihood
        for s in (5, seed, seed)
    ]
    assert values == [values[0]] * 3
