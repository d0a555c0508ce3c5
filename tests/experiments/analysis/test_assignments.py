"""Which component each row belongs to, against the definitions."""

import numpy as np
import pytest

from experiments.analysis import assignments
from experiments.analysis.assignments import assign, responsibilities, summarise_clusters
from experiments.analysis.clustering import adjusted_rand
from experiments.datasets.dataset import Dataset
from gmm_em import Mixture
from tests.experiments.made import made_bayes, made_em

TRUTH = Mixture([0.4, 0.6], [[0.0, 0.0], [3.0, 0.0]], [np.eye(2), np.eye(2)])


@pytest.fixture
def drawn(rng):
    return TRUTH.sample(400, rng)


@pytest.fixture
def fits(rng):
    return {"em": made_em(TRUTH), "bayes": made_bayes(TRUTH, rng)}


def test_a_point_estimate_has_its_responsibilities_and_no_deviation(drawn, fits):
    found, deviation = responsibilities(fits["em"], drawn[0])
    np.testing.assert_allclose(found, TRUTH.responsibilities(drawn[0]), rtol=1e-12)
    assert deviation is None


def test_a_posterior_has_the_mean_and_the_deviation_over_its_draws(drawn, fits, monkeypatch):
    X, draws = drawn[0], fits["bayes"].draws
    every = np.array([draws[i].responsibilities(X) for i in range(len(draws))])
    top = every.mean(axis=0).argmax(axis=1)
    # Few values at a time, so that the rows come in several blocks.
    monkeypatch.setattr(assignments, "BLOCK_VALUES", 64 * len(draws))
    found, deviation = responsibilities(fits["bayes"], X)
    np.testing.assert_allclose(found, every.mean(axis=0), rtol=1e-8)
    np.testing.assert_allclose(
        deviation, every[:, np.arange(len(X)), top].std(axis=0), rtol=1e-6, atol=1e-12
    )


def test_of_many_rows_fewer_draws_are_averaged(drawn, fits, monkeypatch):
    monkeypatch.setattr(assignments, "MOST_VALUES", 1)
    few, _ = responsibilities(fits["bayes"], drawn[0])
    draws = fits["bayes"].draws.thin(assignments.FEWEST_DRAWS // 2)[0]
    expected = draws.responsibilities(drawn[0]).mean(axis=(0, 1))
    np.testing.assert_allclose(few, expected, rtol=1e-8)


def test_the_summary_counts_uncertain_and_disagreeing_rows(drawn, rng):
    moved = Mixture(TRUTH.weights, TRUTH.means + np.array([0.8, 0.0]), TRUTH.covariances)
    fits = {"em": made_em(TRUTH), "other": made_em(moved)}
    found = assign(Dataset("made", drawn[0], ("u", "v")), fits)
    summary = summarise_clusters(found, fits, [])
    assert summary.engine == "em"
    assert summary.n_rows == 400
    largest = TRUTH.responsibilities(drawn[0]).max(axis=1)
    assert summary.n_uncertain == (largest < summary.threshold).sum() > 0
    apart = TRUTH.predict(drawn[0]) != moved.predict(drawn[0])
    assert summary.n_disagreeing == apart.sum() > 0
    assert summary.classes is None


def test_classes_are_counted_by_component(drawn, fits):
    X, labels = drawn
    classes = tuple(None if i % 50 == 0 else "ba"[label] for i, label in enumerate(labels))
    dataset = Dataset("made", X, ("u", "v"), label_column="kind", labels=classes)
    found = assign(dataset, fits)
    known = summarise_clusters(found, fits, [0, 1]).classes
    assert known.column == "kind"
    assert known.names == ["a", "b"]
    assert known.n_unknown == 8
    assert known.points == [None, known.names.index(classes[1])]
    kept = np.array([name is not None for name in classes])
    predicted = TRUTH.predict(X)
    expected = [
        [int((kept & (labels == label) & (predicted == k)).sum()) for k in (0, 1)]
        for label in (1, 0)
    ]
    assert known.engines["em"].counts == expected
    assert known.engines["em"].adjusted_rand == pytest.approx(
        adjusted_rand(labels[kept], predicted[kept])
    )
