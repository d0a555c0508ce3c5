"""Differences of criteria between numbers of components."""

import numpy as np
import pytest

from experiments.selection.criteria import Score, _error_of_difference


def test_a_sample_of_the_rows_pairs_with_all_of_them():
    # Where the number of components is drawn, each number has draws of its own, and one with few
    # has all rows scored.
    rng = np.random.default_rng(0)
    whole, gaps = rng.normal(size=400), rng.normal(1.0, 0.5, size=400)
    places = np.sort(rng.choice(400, 100, replace=False))
    every = Score(whole.sum(), 20.0, whole, n_rows=400)
    some = Score(whole.sum() - 400.0, 20.0, (whole - gaps)[places], "", 400, 3.0, places)
    expected = np.hypot(20.0 * gaps[places].std(ddof=1), 3.0)
    assert _error_of_difference(some, every) == pytest.approx(expected)
    assert _error_of_difference(every, some) == pytest.approx(expected)
