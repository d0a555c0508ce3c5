"""What is judged on the same data is compared with the best of that data alone."""

import pandas as pd
import pytest

from experiments.sweeps.tallies import DATA, above_the_best, complete, levels

FRAME = pd.DataFrame(
    {
        DATA: ["a", "a", "a", "b", "b"],
        "setting": ["x", "y", "z", "x", "y"],
        "bic": [10.0, 7.0, 12.0, 100.0, 103.0],
        "other": [1.0, 2.0, 4.0, -1.0, -3.0],
    }
)


@pytest.mark.parametrize(
    ("lowest", "bic", "other"),
    [
        (True, [3.0, 0.0, 5.0, 0.0, 3.0], [0.0, 1.0, 3.0, 2.0, 0.0]),
        (False, [2.0, 5.0, 0.0, 3.0, 0.0], [3.0, 2.0, 0.0, 0.0, 2.0]),
    ],
)
def test_columns_become_how_much_worse_they_are_than_the_best(lowest, bic, other):
    found = above_the_best(["bic", "other"], FRAME, lowest=lowest)
    assert found["bic"].tolist() == bic
    assert found["other"].tolist() == other
    assert found["setting"].tolist() == FRAME["setting"].tolist()


def test_only_the_columns_asked_for_change_and_in_a_copy():
    before = FRAME.copy()
    found = above_the_best(["bic"], FRAME, lowest=True)
    assert found["other"].tolist() == FRAME["other"].tolist()
    pd.testing.assert_frame_equal(FRAME, before)


def test_rows_without_a_value_and_tables_without_a_column_are_left_out():
    frame = FRAME.assign(bic=[1.0, None, 3.0, 4.0, None])
    assert complete(frame, ["bic"])["setting"].tolist() == ["x", "z", "x"]
    assert complete(frame, ["other"])["setting"].tolist() == ["x", "y", "z", "x", "y"]
    assert complete(frame, ["bic", "absent"]).empty


def test_numbers_go_by_size_and_words_as_they_came():
    assert levels(pd.Series([10, 2, 10])) == [2, 10]
    assert levels(pd.Series(["b", "a", "b"])) == ["b", "a"]
