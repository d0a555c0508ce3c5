"""A column of known classes: kept apart from what is fitted, and in step with it."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from experiments.config.data import Data
from experiments.core.errors import UsageError
from experiments.datasets.labels import as_classes
from experiments.datasets.load import load_dataset

SEED = np.random.SeedSequence(0)


def load(**table):
    data = TypeAdapter(Data).validate_python(table)
    return load_dataset(data, "made", SEED)


@pytest.fixture
def path(tmp_path):
    lines = ["length,mass,kind,year"]
    masses = ["" if i == 4 else 7 * i % 5 for i in range(30)]
    lines += [f"{i}.5,{masses[i]},{'abc'[i % 3]},{2000 + i % 2}" for i in range(30)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_the_column_is_not_fitted_and_stays_in_step(path):
    found = load(source="file", path=path, missing="drop", test_fraction=0.2, label_column="kind")
    assert found.feature_names == ("length", "mass", "year")
    assert found.label_column == "kind"
    # The length says which row of the file it was.
    places = (found.X[:, 0] - 0.5).astype(int)
    assert 4 not in places
    assert len(places) == 23
    np.testing.assert_array_equal(found.row_numbers, places + 1)
    assert found.labels == tuple("abc"[i % 3] for i in places)
    assert "compared and not fitted: kind" in found.note
    assert "1 of 30 rows with missing values left out" in found.note


def test_numbers_may_be_classes(path):
    found = load(source="file", path=path, missing="drop", label_column="year")
    assert found.feature_names == ("length", "mass")
    assert set(found.labels) == {"2000", "2001"}


def test_a_dropped_column_of_few_values_is_suggested(path):
    note = load(source="file", path=path, missing="drop").note
    assert "left out: kind; compare the clusters with kind by --label-column kind" in note


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"label_column": "sort"}, "no column 'sort', allowed is length, mass, kind, year"),
        ({"label_column": "kind", "columns": ["length", "kind"]}, "is to be fitted and to be"),
        ({"label_column": "length"}, None),
    ],
)
def test_columns_that_cannot_be_classes(path, table, message):
    if message is None:
        assert len(set(load(source="file", path=path, missing="drop", **table).labels)) == 29
        return
    with pytest.raises(UsageError, match=message):
        load(source="file", path=path, missing="drop", **table)


def test_a_column_of_names_is_refused():
    with pytest.raises(UsageError, match="60 different classes, allowed are 1 to 50"):
        as_classes([f"row {i}" for i in range(60)], 60)
    with pytest.raises(UsageError, match="0 different classes"):
        as_classes([None, float("nan"), ""], 3)


def test_classes_become_text():
    assert as_classes([1.0, "x\ty", True, None], 4) == ("1", "x y", "True", None)
    assert as_classes(None, 4) == ()


def test_iris_has_its_species():
    found = load(source="builtin", name="iris", label_column="species")
    assert sorted(set(found.labels)) == ["setosa", "versicolor", "virginica"]
    assert len(found.labels) == len(found.X) == 150
