"""Generated truths meet their targets, and departures do what they say."""

import numpy as np
import pytest
from scipy.stats import kurtosis, norm, skew

from experiments.config.load import parse_config
from experiments.config.truth import GeneratedTruth
from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.datasets.load import load_dataset
from experiments.datasets.truths import (
    average_overlap,
    c_separation,
    generate_truth,
    maximum_overlap,
    misclassification,
)
from gmm_em import Mixture

WRITTEN = {
    "weights": [0.6, 0.4],
    "means": [[0.0, 0.0], [6.0, 2.0]],
    "covariances": [[[1.0, 0.4], [0.4, 0.7]], [[0.5, 0.0], [0.0, 2.0]]],
}


def make(n_components=3, seed=1, **settings):
    truth = GeneratedTruth(kind="generated", **settings)
    return generate_truth(truth, n_components, np.random.SeedSequence(seed))


def data(n_components=2, seed=3, truth=WRITTEN, **settings):
    values = {
        "name": "made",
        "n_components": n_components,
        "data": {"source": "synthetic", "truth": truth, **settings},
    }
    config = parse_config(values, "here")
    return load_dataset(config.data, "made", stream(seed, "data"), n_components)


def by_sampling(mixture, n_rows, seed):
    """Misclassification probabilities as shares of sampled rows, and how many are wrong."""
    k = mixture.n_components
    rng = np.random.default_rng(seed)
    shares = np.zeros((k, k))
    for i in range(k):
        noise = rng.standard_normal((n_rows, mixture.n_features))
        log_prob = mixture.component_log_prob(mixture.means[i] + noise @ mixture.scale_trils[i].T)
        shares[i] = (log_prob > log_prob[:, [i]]).mean(axis=0)
    return shares


@pytest.mark.parametrize(
    "settings",
    [
        {"n_features": 1, "average_overlap": 0.1},
        {"n_features": 2, "average_overlap": 0.05, "condition": 20.0},
        {"n_features": 2, "maximum_overlap": 0.02, "weights": [0.7, 0.2, 0.1]},
        {"n_features": 3, "average_overlap": 0.3, "covariance": "diagonal"},
        {"n_features": 4, "maximum_overlap": 0.1, "covariance": "spherical"},
        {"n_features": 10, "average_overlap": 0.05, "weights": "dirichlet", "tied": True},
        {"n_features": 12, "average_overlap": 0.05},
    ],
)
def test_a_target_of_overlap_is_met_by_independent_sampling(settings):
    truth = make(**settings)
    n_rows = 100_000
    found = by_sampling(truth, n_rows, seed=7)
    exact = misclassification(truth)
    # Five binomial standard errors, 3 in 10^6 of false alarms a pair, and the stated tolerance.
    error = 5 * np.sqrt(exact * (1 - exact) / n_rows) + 1e-5
    assert np.all(np.abs(found - exact) < error + 0.02 * exact)
    pairs = (exact + exact.T)[np.triu_indices(3, k=1)]
    name, target = next((k, v) for k, v in settings.items() if k.endswith("overlap"))
    met = pairs.mean() if name == "average_overlap" else pairs.max()
    assert met == pytest.approx(target, rel=1e-4)
    assert average_overlap(truth) == pytest.approx(pairs.mean())
    assert maximum_overlap(truth) == pytest.approx(pairs.max())


def test_overlap_equals_closed_forms_where_there_are_any():
    # Equal covariances: Fisher's linear discriminant.
    equal = Mixture([0.8, 0.2], [[0.0, 0.0], [1.0, 1.0]], [[[1.0, 0.3], [0.3, 2.0]]] * 2)
    step = np.array([1.0, 1.0])
    delta = np.sqrt(step @ np.linalg.solve(equal.covariances[0], step))
    edge = np.log(4.0) / delta
    expected = [norm.cdf(-delta / 2 - edge), norm.cdf(-delta / 2 + edge)]
    found = misclassification(equal)
    assert [found[0, 1], found[1, 0]] == pytest.approx(expected, rel=1e-12)
    # One inside the other: |z| beyond where the log-ratio 3 z^2 / 8 - log 2 is zero.
    inside = Mixture([0.5, 0.5], [[0.0], [0.0]], [[[1.0]], [[4.0]]])
    edge = np.sqrt(8 * np.log(2.0) / 3)
    expected = [2 * norm.cdf(-edge), 1 - 2 * norm.cdf(-edge / 2)]
    found = misclassification(inside)
    assert [found[0, 1], found[1, 0]] == pytest.approx(expected, rel=1e-12)


def test_overlap_does_not_change_with_the_units_or_the_labels():
    truth = make(n_features=3, average_overlap=0.2)
    rng = np.random.default_rng(0)
    change = rng.normal(size=(3, 3))
    moved = Mixture(
        truth.weights, truth.means @ change.T + 5.0, change @ truth.covariances @ change.T
    )
    assert misclassification(moved) == pytest.approx(misclassification(truth), abs=5e-4)
    order = [2, 0, 1]
    expected = misclassification(truth)[np.ix_(order, order)]
    assert misclassification(truth.permute(order)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n_features", [1, 2, 7])
def test_a_target_of_separation_is_met_exactly(n_features):
    truth = make(n_components=4, n_features=n_features, separation=1.5)
    assert c_separation(truth) == pytest.approx(1.5, rel=1e-12)
    gaps = [
        np.linalg.norm(truth.means[i] - truth.means[j])
        / np.sqrt(n_features * max(np.linalg.eigvalsh(truth.covariances[[i, j]])[:, -1]))
        for i in range(4)
        for j in range(i)
    ]
    assert min(gaps) == pytest.approx(1.5, rel=1e-12)


@pytest.mark.parametrize("shape", ["diagonal", "full"])
def test_covariances_have_the_condition_number_and_sizes_asked_for(shape):
    truth = make(
        n_components=5, n_features=4, separation=1.0, covariance=shape, condition=30.0,
        scale_ratio=3.0,
    )  # fmt: skip
    eigenvalues = np.linalg.eigvalsh(truth.covariances)
    assert eigenvalues[:, -1] / eigenvalues[:, 0] == pytest.approx(np.full(5, 30.0))
    sizes = np.exp(np.log(eigenvalues).mean(axis=1) / 2)
    assert sizes.max() / sizes.min() == pytest.approx(3.0)
    off_diagonal = truth.covariances[:, ~np.eye(4, dtype=bool)]
    assert np.any(off_diagonal != 0.0) == (shape == "full")


def test_tied_and_spherical_covariances():
    tied = make(n_features=3, separation=1.0, tied=True)
    assert np.all(tied.covariances == tied.covariances[0])
    ball = make(n_features=3, separation=1.0, covariance="spherical", scale_ratio=1.0)
    assert np.array_equal(ball.covariances, np.repeat([np.eye(3)], 3, axis=0))


def test_a_seed_of_its_own_keeps_the_truth_while_the_rows_change():
    generated = {"kind": "generated", "separation": 2.0, "seed": 9}
    first, second = (data(seed=seed, truth=generated) for seed in (1, 2))
    assert first.truth.to_dict() == second.truth.to_dict()
    assert first.sha256 != second.sha256
    free = {"kind": "generated", "separation": 2.0}
    first, second = (data(seed=seed, truth=free) for seed in (1, 2))
    assert first.truth.to_dict() != second.truth.to_dict()


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({}, ["none given", "average_overlap"]),
        ({"separation": 1.0, "average_overlap": 0.1}, ["separation and average_overlap given"]),
        ({"separation": -1.0}, ["data.truth.separation = -1.0", "greater than 0"]),
        ({"average_overlap": 1.5}, ["data.truth.average_overlap = 1.5", "less than 1"]),
        ({"separation": 1.0, "condition": 0.5}, ["data.truth.condition = 0.5", "at least 1"]),
        (
            {"separation": 1.0, "covariance": "spherical", "condition": 3.0},
            ["condition = 3", "'diagonal' or 'full'"],
        ),
        ({"separation": 1.0, "tied": True, "scale_ratio": 2.0}, ["scale_ratio", "tied = false"]),
        ({"separation": 1.0, "concentration": 2.0}, ["concentration", "'dirichlet'"]),
        ({"separation": 1.0, "weights": [0.5, 0.5, 0.5]}, ["3 numbers", "K = 2"]),
        ({"separation": 1.0, "weights": [0.9, 0.2]}, ["data.truth", "sum to 1"]),
        ({"separation": 1.0, "shape": "round"}, ["unknown key 'data.truth.shape'"]),
        (
            {"average_overlap": 0.9, "condition": 100.0, "n_features": 5},
            ["average_overlap = 0.9", "at most"],
        ),
    ],
)
def test_an_impossible_truth_is_told_in_one_line(settings, parts):
    with pytest.raises(UsageError) as caught:
        data(truth={"kind": "generated", **settings})
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in parts), message


# Departures ------------------------------------------------------------------------------------


def test_skewness_is_as_given_and_keeps_means_and_covariances():
    n = 200_000
    plain, skewed = data(n_samples=n), data(n_samples=n, skewness=0.8)
    assert skewed.truth.to_dict() == plain.truth.to_dict()
    # The same rows carry the same labels: their component is known from the plain data, whose
    # components barely touch.
    labels = plain.truth.predict(plain.X)
    for k in range(2):
        rows = skewed.X[labels == k]
        z = np.linalg.solve(plain.truth.scale_trils[k], (rows - plain.truth.means[k]).T).T
        # About 12 standard errors of each at 80 000 rows, for the few labels that are wrong.
        assert skew(z) == pytest.approx([0.8, 0.8], abs=0.1)
        assert z.mean(axis=0) == pytest.approx([0.0, 0.0], abs=0.02)
        assert np.cov(z.T) == pytest.approx(np.eye(2), abs=0.04)


def test_heavy_tails_keep_the_covariance():
    one = {"weights": [1.0], "means": [[1.0]], "covariances": [[[4.0]]]}
    heavy = data(n_components=1, truth=one, n_samples=400_000, degrees_of_freedom=10.0)
    # Excess kurtosis of Student's t is 6 / (df - 4); standard errors here are 0.05 and 0.016.
    assert kurtosis(heavy.X[:, 0]) == pytest.approx(1.0, abs=0.25)
    assert heavy.X.var() == pytest.approx(4.0, abs=0.08)
    assert "Student t tails (10 degrees" in heavy.note


def test_contamination_replaces_the_given_share_and_no_other_row():
    plain, some, more = (data(n_samples=1000, contamination=c) for c in (0.0, 0.1, 0.2))
    changed = [np.any(d.X != plain.X, axis=1) for d in (some, more)]
    assert [int(c.sum()) for c in changed] == [100, 200]
    assert np.all(changed[1][changed[0]]), "a larger share adds rows to a smaller one's"
    low, high = plain.truth.means.min(axis=0) - 8, plain.truth.means.max(axis=0) + 8
    assert np.array_equal(some.X, some.X.clip(low, high))
    assert "0.1 of the rows replaced by uniform noise" in some.note
    assert plain.note == ""


def test_missing_values_have_the_given_share_and_spare_a_value_in_every_row():
    plain = data(n_samples=20_000, n_test=10)
    holes = data(n_samples=20_000, n_test=10, missing=0.3)
    gaps = np.isnan(holes.X)
    assert not gaps.all(axis=1).any()
    # Of two values a row, 0.3 are lost and 0.09 / 2 given back; 5 standard errors.
    assert gaps.mean() == pytest.approx(0.3 - 0.045, abs=5 * 0.0025)
    assert np.array_equal(holes.X[~gaps], plain.X[~gaps])
    assert np.array_equal(holes.X_test, plain.X_test)
    assert holes.has_missing
    assert not plain.has_missing
    with pytest.raises(UsageError, match="with one feature"):
        data(missing=0.1, truth={"kind": "generated", "separation": 2.0, "n_features": 1})


def test_knobs_leave_each_others_numbers_alone():
    """Contaminated rows are the same whether or not values are missing too, and so on."""
    one = data(n_samples=500, contamination=0.1)
    two = data(n_samples=500, contamination=0.1, missing=0.2)
    assert np.array_equal(one.X[~np.isnan(two.X)], two.X[~np.isnan(two.X)])
