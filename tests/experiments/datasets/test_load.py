import numpy as np
import pandas as pd
import pytest

from experiments.config.data import BuiltinData
from experiments.config.load import load_config, parse_config
from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.datasets.dataset import from_arrays
from experiments.datasets.load import load_dataset
from gmm_em import Mixture


def load(name="quickstart", *overrides, seed=1, n_components=None):
    config = load_config(name, overrides)
    return load_dataset(config.data, "q", stream(seed, "data"), n_components)


def test_synthetic_rows_follow_the_seed_and_the_truth():
    dataset = load("quickstart", "data.n_samples=40000")
    again = load("quickstart", "data.n_samples=40000")
    other = load("quickstart", "data.n_samples=40000", seed=2)
    assert np.array_equal(dataset.X, again.X)
    assert dataset.sha256 == again.sha256 != other.sha256
    # Standard errors of the mean of 40 000 rows: 5 of them is a false alarm in 10^6.
    error = np.sqrt(np.diagonal(dataset.truth.covariance) / len(dataset.X))
    assert np.all(np.abs(dataset.X.mean(axis=0) - dataset.truth.mean) < 5 * error)


def test_the_number_of_test_rows_leaves_the_training_rows_alone():
    few, many = (load("quickstart", f"data.n_test={n}") for n in (0, 50))
    assert np.array_equal(few.X, many.X)
    assert few.X_test is None
    assert many.X_test.shape == (50, 2)


def test_a_truth_that_is_no_mixture_is_refused():
    with pytest.raises(UsageError, match=r"data\.truth: weights must sum to 1"):
        load("quickstart", "data.truth.weights=[0.5, 0.3, 0.9]")


@pytest.mark.parametrize(
    ("name", "shape"), [("faithful", (272, 2)), ("galaxies", (82, 1)), ("iris", (150, 4))]
)
def test_builtin_data_have_their_published_size(name, shape):
    data = BuiltinData(source="builtin", name=name)
    dataset = load_dataset(data, "x", stream(0, "data"))
    assert dataset.X.shape == shape
    assert len(dataset.feature_names) == shape[1]


def test_columns_without_numbers_are_left_out_and_said_to_be():
    dataset = load_dataset(BuiltinData(source="builtin", name="iris"), "x", stream(0, "data"))
    assert dataset.note.endswith(
        "left out: species; compare the clusters with species by --set data.label_column=species"
    )
    assert "petal_width" in dataset.note


def test_a_share_of_real_rows_is_held_out():
    whole = load("old-faithful")
    split = load("old-faithful", "data.test_fraction=0.25")
    again = load("old-faithful", "data.test_fraction=0.25")
    other = load("old-faithful", "data.test_fraction=0.25", seed=2)
    assert split.X.shape == (204, 2)
    assert split.X_test.shape == (68, 2)
    together = np.concatenate([split.X, split.X_test])
    assert np.array_equal(np.unique(together, axis=0), np.unique(whole.X, axis=0))
    assert split.sha256 == again.sha256 != other.sha256


def test_a_split_that_leaves_nothing_is_refused():
    with pytest.raises(UsageError, match=r"data\.test_fraction = 0\.001: of 272 rows"):
        load("old-faithful", "data.test_fraction=0.001")


def test_the_resolved_config_of_a_generated_truth_draws_the_same_rows(tmp_path):
    values = {
        "name": "made",
        "n_components": 3,
        "seed": 5,
        "data": {
            "source": "synthetic",
            "n_samples": 50,
            "contamination": 0.1,
            "degrees_of_freedom": 4.0,
            "truth": {"kind": "generated", "average_overlap": 0.1, "weights": "dirichlet"},
        },
    }
    config = parse_config(values, "here")
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml())
    again = load_config(path)
    assert again == config
    first, second = (
        load_dataset(c.data, c.name, stream(c.seed, "data"), c.n_components)
        for c in (config, again)
    )
    assert first.sha256 == second.sha256
    assert first.truth.n_components == 3


def test_arrays_and_data_frames_become_data_sets():
    frame = pd.DataFrame({"u": [1, 2], "v": [3.0, 4.0]})
    dataset = from_arrays(frame, X_test=[[5, 6]])
    assert dataset.feature_names == ("u", "v")
    assert dataset.X.dtype == np.float64
    assert dataset.X_test.shape == (1, 2)


def test_a_masked_array_without_a_masked_value_is_an_array():
    X = np.ma.masked_equal([[1.0, 2.0], [3.0, 4.0]], 9.0)
    assert np.array_equal(from_arrays(X).X, [[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("X", "options", "expected"),
    [
        ([1.0, 2.0], {}, "1 dimensions, allowed is 2"),
        ([["a", "b"]], {}, "not numbers"),
        (np.empty((0, 2)), {}, "no rows"),
        (np.empty((2, 0)), {}, "no numeric column"),
        ([[1.0, np.nan]], {}, "row 1, column 'x2' is nan"),
        (
            np.ma.masked_equal([[1.0, 2.0], [3.0, 9.0]], 9.0),
            {},
            r"^X: row 2, column 'x2' is masked",
        ),
        (
            [[1.0, 2.0], [3.0, 4.0]],
            {"X_test": np.ma.masked_less([[1, 2]], 2)},
            "^X_test: row 1, column 'x1' is masked",
        ),
        ([[1.0, 2.0], [1.0, 3.0]], {}, "column 'x1' is 1 in every row"),
        ([[1.0, 2.0]], {"X_test": [[1.0]]}, "X_test has 1 columns, allowed is 2"),
        ([[1.0, 2.0]], {"truth": Mixture([1.0], [[0.0]], [[[1.0]]])}, "truth has 1 features"),
    ],
)
def test_unusable_arrays_are_told_in_one_line(X, options, expected):
    with pytest.raises(UsageError, match=expected):
        from_arrays(X, **options)


def test_data_with_a_seed_of_their_own_stay_while_the_seed_of_the_fits_changes():
    first, second = (load("quickstart", "data.seed=4", seed=seed) for seed in (1, 2))
    assert first.sha256 == second.sha256 == load("quickstart", seed=4).sha256
