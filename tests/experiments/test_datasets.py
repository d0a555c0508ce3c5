import numpy as np
import pandas as pd
import pytest

from experiments.config import BuiltinData, load_config
from experiments.datasets import from_arrays, load_dataset, read_table
from experiments.errors import UsageError
from experiments.streams import stream
from gmm_em import Mixture


def test_synthetic_rows_follow_the_seed_and_the_truth():
    config = load_config("quickstart", ["data.n_samples=40000"])
    dataset = load_dataset(config.data, "q", stream(1, "data"))
    again = load_dataset(config.data, "q", stream(1, "data"))
    other = load_dataset(config.data, "q", stream(2, "data"))
    assert np.array_equal(dataset.X, again.X)
    assert dataset.sha256 == again.sha256 != other.sha256
    # Standard errors of the mean of 40 000 rows: 5 of them is a false alarm in 10^6.
    error = np.sqrt(np.diagonal(dataset.truth.covariance) / len(dataset.X))
    assert np.all(np.abs(dataset.X.mean(axis=0) - dataset.truth.mean) < 5 * error)


def test_the_number_of_test_rows_leaves_the_training_rows_alone():
    few, many = (
        load_dataset(load_config("quickstart", [f"data.n_test={n}"]).data, "q", stream(1, "data"))
        for n in (0, 50)
    )
    assert np.array_equal(few.X, many.X)
    assert few.X_test is None
    assert many.X_test.shape == (50, 2)


def test_a_truth_that_is_no_mixture_is_refused():
    config = load_config("quickstart", ["data.truth.weights=[0.5, 0.3, 0.9]"])
    with pytest.raises(UsageError, match=r"data\.truth: weights must sum to 1"):
        load_dataset(config.data, "q", stream(1, "data"))


@pytest.mark.parametrize(
    ("name", "shape"), [("faithful", (272, 2)), ("galaxies", (82, 1)), ("iris", (150, 4))]
)
def test_builtin_data_have_their_published_size(name, shape):
    data = BuiltinData(source="builtin", name=name)
    dataset = load_dataset(data, "x", stream(0, "data"))
    assert dataset.X.shape == shape
    assert len(dataset.feature_names) == shape[1]


def test_numeric_columns_of_a_csv_are_used_and_others_can_be_named(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,name,b\n1,x,2.5\n3,y,4.5\n")
    X, names = read_table(path)
    assert names == ("a", "b")
    assert X.tolist() == [[1.0, 2.5], [3.0, 4.5]]
    X, names = read_table(path, ["b"])
    assert X.tolist() == [[2.5], [4.5]]


def test_an_npy_array_is_read(tmp_path):
    array = np.arange(6.0).reshape(3, 2)
    np.save(tmp_path / "rows.npy", array)
    X, names = read_table(tmp_path / "rows.npy")
    assert np.array_equal(X, array)
    assert names == ("x1", "x2")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("rows.csv", b"a,b\n1,2\n,4\n", r"row 2, column 'a' is nan"),
        ("rows.csv", b"a,b\n1,2\ninf,4\n", r"row 2, column 'a' is inf"),
        ("rows.csv", b"", r"not a table"),
        ("rows.csv", b"a,b\n", r"no (rows|numeric column)"),
        ("rows.csv", b"a\nx\ny\n", r"no numeric column"),
        ("rows.csv", b"a,b\n1,2\n1,2,3\n", r"not a table"),
        ("rows.csv", b"\xff\xfe\x00\x01", r"not a table"),
        ("rows.npy", b"not an array", r"not a readable \.npy"),
        ("rows.npy", b"\x93NUMPY\x01\x00", r"not a readable \.npy"),
        ("rows.txt", b"1 2", r"ends in '\.txt', allowed is \.csv, \.npy"),
    ],
)
def test_an_unusable_file_is_told_in_one_line(tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageError, match=expected) as caught:
        read_table(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_pickled_arrays_are_never_loaded(tmp_path):
    np.save(tmp_path / "rows.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError, match="not a readable"):
        read_table(tmp_path / "rows.npy")


def test_wrong_columns_are_named(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,name\n1,x\n")
    with pytest.raises(UsageError, match="no column 'c', allowed is a, name"):
        read_table(path, ["c"])
    with pytest.raises(UsageError, match="column 'name' holds text"):
        read_table(path, ["name"])


def test_arrays_and_data_frames_become_data_sets():
    frame = pd.DataFrame({"u": [1, 2], "v": [3.0, 4.0]})
    dataset = from_arrays(frame, X_test=[[5, 6]])
    assert dataset.feature_names == ("u", "v")
    assert dataset.X.dtype == np.float64
    assert dataset.X_test.shape == (1, 2)


@pytest.mark.parametrize(
    ("X", "options", "expected"),
    [
        ([1.0, 2.0], {}, "1 dimensions, allowed is 2"),
        ([["a", "b"]], {}, "not numbers"),
        (np.empty((0, 2)), {}, "no rows"),
        (np.empty((2, 0)), {}, "no numeric column"),
        ([[1.0, np.nan]], {}, "row 1, column 'x2' is nan"),
        ([[1.0, 2.0]], {"X_test": [[1.0]]}, "X_test has 1 columns, allowed is 2"),
        ([[1.0, 2.0]], {"truth": Mixture([1.0], [[0.0]], [[[1.0]]])}, "truth has 1 features"),
    ],
)
def test_unusable_arrays_are_told_in_one_line(X, options, expected):
    with pytest.raises(UsageError, match=expected):
        from_arrays(X, **options)
