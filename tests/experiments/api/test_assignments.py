"""The rows with their components, as people get them from Python and from a run directory."""

import numpy as np
import pandas as pd
import pytest

from experiments.api import assignments
from experiments.api.assignments import believed_engine
from experiments.api.comparing import compare, compare_fits
from experiments.api.saved import read_run
from experiments.core.errors import UsageError
from experiments.datasets.dataset import Dataset
from gmm_em import Mixture
from tests.experiments.made import made_bayes, made_em

TRUTH = Mixture([0.6, 0.4], [[0.0, 0.0], [3.0, 0.0]], [np.eye(2), np.eye(2)])


@pytest.fixture
def fits(rng):
    return {"em": made_em(TRUTH), "bayes": made_bayes(TRUTH, rng)}


@pytest.fixture
def dataset(rng):
    X, labels = TRUTH.sample(60, rng)
    classes = tuple("ab"[label] for label in labels)
    # The data are the even rows of some table.
    rows = np.arange(0, 120, 2)
    return Dataset("made", X, ("u", "v"), rows=rows, label_column="kind", labels=classes)


@pytest.fixture
def comparison(dataset, fits):
    return compare_fits(dataset, fits)


def test_there_is_a_line_for_each_row(comparison, dataset):
    table = comparison.assignments()
    assert list(table.columns) == [
        *("row", "kind", "em", "em_probability"),
        *("bayes", "bayes_probability", "bayes_sd", "agree"),
    ]
    assert table["row"].tolist() == list(range(1, 121, 2))
    assert table["kind"].tolist() == list(dataset.labels)
    order = comparison.engines["em"].mixture.arrays().means[:, 0].argsort()
    assert order.tolist() == [0, 1]
    np.testing.assert_array_equal(table["em"], TRUTH.predict(dataset.X) + 1)
    expected = TRUTH.responsibilities(dataset.X).max(axis=1)
    np.testing.assert_allclose(table["em_probability"], expected)
    np.testing.assert_array_equal(table["agree"], table["em"] == table["bayes"])
    assert (table["bayes_sd"] >= 0).all()


def test_labels_and_responsibilities_are_those_of_the_table(comparison):
    table = comparison.assignments()
    for engine in ("em", "bayes"):
        found = comparison.responsibilities(engine)
        assert found.shape == (60, 2)
        np.testing.assert_allclose(found.sum(axis=1), 1.0)
        np.testing.assert_array_equal(comparison.labels(engine), found.argmax(axis=1))
        np.testing.assert_array_equal(comparison.labels(engine) + 1, table[engine])
    engine = believed_engine(comparison)
    assert engine == {"posterior": "bayes"}.get(comparison.headline.believe, "em")
    np.testing.assert_array_equal(comparison.labels(), comparison.labels(engine))
    np.testing.assert_array_equal(
        comparison.responsibilities(), comparison.responsibilities(engine)
    )


def test_an_engine_that_was_not_fitted_is_refused(comparison):
    with pytest.raises(UsageError, match=r"engine = 'kmeans': .* allowed is one of em, bayes"):
        comparison.labels("kmeans")


def test_without_an_estimate_the_posterior_gives_the_components(dataset, fits):
    found = compare_fits(dataset, {"bayes": fits["bayes"]})
    np.testing.assert_array_equal(found.labels(), found.labels("bayes"))


@pytest.mark.parametrize("most_as_text", [1000, 10])
def test_a_run_directory_has_them(comparison, tmp_path, monkeypatch, most_as_text):
    monkeypatch.setattr(assignments, "MOST_AS_TEXT", most_as_text)
    folder = comparison.save(tmp_path / "run")
    name = "assignments.csv" if most_as_text == 1000 else "assignments.parquet"
    assert (folder / name).is_file()
    found = read_run(folder)
    np.testing.assert_array_equal(found.labels(), comparison.labels())
    pd.testing.assert_frame_equal(
        found.assignments(), comparison.assignments(), rtol=1e-5, check_dtype=False
    )
    with pytest.raises(UsageError, match="does not have its rows"):
        found.responsibilities()
    (folder / name).unlink()
    with pytest.raises(UsageError, match=r"no assignments\.csv in it"):
        found.assignments()


def test_where_only_the_numbers_were_kept_there_are_none(dataset, fits):
    found = compare_fits(dataset, fits, illustrated=False)
    assert found.clusters is None
    with pytest.raises(UsageError, match="does not have its rows"):
        found.assignments()


def test_a_class_column_never_hides_another_one(dataset, fits):
    found = compare_fits(
        Dataset("made", dataset.X, ("u", "v"), label_column="em", labels=dataset.labels), fits
    )
    assert {"em", "class_em"} <= set(found.assignments().columns)


def test_compare_takes_the_name_of_a_column_or_the_classes_themselves(dataset):
    frame = pd.DataFrame(dataset.X, columns=["u", "v"]).assign(kind=dataset.labels)
    options = {"engines": ("em",), "em": {"n_init": 2, "n_bootstrap": 0}}
    by_name = compare(frame, 2, labels="kind", **options)
    assert by_name.dataset.feature_names == ["u", "v"]
    given = compare(dataset.X, 2, labels=frame["kind"], **options)
    assert given.clusters.classes == by_name.clusters.classes
    with pytest.raises(UsageError, match="no column 'sort', allowed: u, v, kind"):
        compare(frame, 2, labels="sort", **options)
    with pytest.raises(UsageError, match=r"labels: shape \(3,\), allowed is \(60,\)"):
        compare(dataset.X, 2, labels=["a", "b", "a"], **options)
