"""Numbers of a sweep's table in a terminal."""

import pytest

from experiments.terminal.sweep_results import _mean_sd


@pytest.mark.parametrize(
    ("mean", "sd", "count", "text"),
    [
        (-2641.381622, 2.6e-13, 4, "-2641.382"),
        (-2641.381622, 0.0, 4, "-2641.382"),
        (-2641.381622, 38.2, 4, "-2641 ± 38"),
        (0.15812, 0.0251, 3, "0.158 ± 0.025"),
        (0.15812, float("nan"), 1, "0.15812"),
        (float("nan"), float("nan"), 0, "-"),
    ],
)
def test_a_mean_keeps_its_digits_where_all_cells_are_alike(mean, sd, count, text):
    assert _mean_sd(mean, sd, count) == text
