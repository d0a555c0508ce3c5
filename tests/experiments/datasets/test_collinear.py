import numpy as np
import pytest

from experiments import UsageError, compare
from experiments.datasets.collinear import why_collinear

NAMES = ("height", "width", "depth", "sum")


@pytest.fixture
def rows(rng):
    return rng.normal(size=(200, 3)) * [1.0, 1e4, 1e-4] + [0.0, 5.0, 1e6]


def test_a_column_that_follows_from_others_is_named_with_them(rows):
    X = np.column_stack([rows, 3 * rows[:, 0] + 1e-4 * rows[:, 1] + 7])
    said = why_collinear(X, NAMES)
    assert "'depth'" not in said
    assert " is a linear combination of " in said
    assert sum(name in said for name in ("height", "width", "sum")) == 3


def test_a_copy_in_other_units_is_found_beside_missing_values(rows):
    X = np.column_stack([rows, 2.54 * rows[:, 1]])
    X[3, 0] = np.nan
    assert why_collinear(X, NAMES) in (
        "column 'sum' is a linear combination of 'width'",
        "column 'width' is a linear combination of 'sum'",
    )


def test_close_columns_are_not_taken_for_dependent_ones(rows, rng):
    X = np.column_stack([rows, rows[:, 0] + 1e-6 * rng.normal(size=len(rows))])
    assert why_collinear(X, NAMES) == ""
    assert why_collinear(rows[:3], NAMES[:3]) == ""
    assert why_collinear(np.column_stack([rows, np.ones(len(rows))]), NAMES) == ""


def test_a_fit_that_fails_for_it_says_so(rows):
    X = np.column_stack([rows, rows[:, 0] * 2])
    with pytest.raises(UsageError, match=r"em cannot fit it: column 'x\d' is a linear combination"):
        compare(X, 2, engines=["em"], em={"n_init": 3})
    fitted = compare(X, 2, engines=["em"], em={"n_init": 3}, covariance_type="diag")
    assert fitted.engines["em"].mixture.means


def test_an_error_with_another_reason_keeps_it(rows, monkeypatch):
    def refuse(*_):
        raise ValueError("of another reason")

    monkeypatch.setattr("experiments.engines.fit._fit", refuse)
    with pytest.raises(UsageError, match="em cannot fit it: of another reason"):
        compare(np.column_stack([rows, rows[:, 0] * 2]), 2, engines=["em"])
