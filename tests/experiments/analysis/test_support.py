"""Rows are counted against parameters, of the whole and of each component."""

import numpy as np
import pytest

from experiments.analysis.support import FEWEST_ROWS, parameters_of_one, support
from gmm_em import Mixture
from gmm_em.parameter_names import ParameterLayout


@pytest.mark.parametrize(
    ("structure", "expected"),
    # Weight and mean are 1 + 3; the covariance of three features has 6, 3, 1 or none of its own.
    [("full", 10), ("diag", 7), ("spherical", 5), ("tied", 4)],
)
def test_parameters_of_one_component(structure, expected):
    assert parameters_of_one(ParameterLayout(4, 3, structure)) == expected


def test_rows_of_separated_components_are_counted(rng):
    far = Mixture([0.5, 0.5], [[0.0], [100.0]], [[[1.0]], [[1.0]]])
    X = np.concatenate([rng.normal(0, 1, (30, 1)), rng.normal(100, 1, (4, 1))])
    found = support(far, X, ParameterLayout(2, 1))
    assert found.n_parameters == 5
    assert found.rows_per_parameter == pytest.approx(34 / 5)
    assert found.component_rows == pytest.approx([30, 4])
    assert found.components_support == pytest.approx([30 / FEWEST_ROWS, 4 / FEWEST_ROWS])


def test_rows_with_missing_values_count(rng):
    one = Mixture([1.0], [[0.0, 0.0]], [np.eye(2)])
    X = rng.normal(size=(20, 2))
    X[3, 0] = np.nan
    assert support(one, X, ParameterLayout(1, 2)).component_rows == pytest.approx([20])
