"""The parts of the scale benchmark do what their tables say; how fast is no test's business."""

import numpy as np
import pytest

from experiments.benchmarks.scale.costs import Costs, _fitted, em_terms, gibbs_terms
from experiments.benchmarks.scale.counts import count_cells, count_rows
from experiments.benchmarks.scale.disk import PLACES, fit_on_disk, write_rows
from experiments.benchmarks.scale.sweeps import SweepTiming, time_em_sweep

SIZES = [(n, d, k) for n in (1_000, 50_000) for d in (2, 5, 10, 20) for k in (2, 5, 10)]


def model(terms, coefficients):
    names = ("",) * len(coefficients)
    return _fitted("s", names, terms, SIZES, lambda *size: np.dot(terms(*size), coefficients))


def test_a_cost_model_finds_the_coefficients_that_made_its_measurements():
    made = np.array([2e-5, 0.0, 3e-10, 5e-9, 4e-10])
    found = model(em_terms, made)
    np.testing.assert_allclose(found.coefficients, made, rtol=1e-6, atol=1e-15)
    assert found.error < 1e-9
    expected = 2e-5 + 1e9 * (3 * 15 * 3e-10 + 3 * 5e-9 + 15 * 4e-10)
    assert found.seconds(10**9, 4, 3) == pytest.approx(expected)


def test_the_arithmetic_of_larger_sizes_can_be_followed():
    em = model(em_terms, np.array([0.0, 0.0, 1e-9, 0.0, 0.0]))
    costs = Costs(em, model(gibbs_terms, np.array([1e-4, 0, 0, 1e-9, 0, 0])), chunk=1e-3)
    rows = "\n".join(count_rows(costs))
    # 1e9 rows x 3 x 15 x 1e-9 s, 30 times, on 16 processors, and 30 x 1000 chunks of a millisecond.
    assert "one iteration: 45 s of a processor; 30 of them: 1350 s" in rows
    assert "= 30 s" in rows
    assert "84 + 30 s = 2 min, in 64 GB" in rows
    sweep = SweepTiming(
        start=3.0, seconds=30.0, fit_ms=50.0, beyond_ms=10.0, plan_ms=0.5, own_ms=2.5, growth=1.0,
        bytes_per_cell=4000.0,
    )  # fmt: skip
    cells = "\n".join(count_cells(sweep))
    assert "a million: 60000 s = 16.7 h of a processor" in cells
    assert "on one machine of 16 processors: 1.0 h" in cells
    assert "so 2 such machines finish in 0.8 h" in cells
    assert "4000 bytes a cell, 4.0 GB" in cells


@pytest.mark.slow
def test_rows_on_disk_are_fitted_as_in_memory_without_being_held(tmp_path):
    # 192 MB, of which neither way of reading the file may hold more than a part.
    path = write_rows(tmp_path / "rows.npy", 6_000_000)
    dask, mapped, memory = (fit_on_disk(path, place) for place in PLACES)
    for fit in (dask, mapped):
        assert fit.log_likelihood == pytest.approx(memory.log_likelihood, rel=1e-12)
        assert fit.beyond_mib < 0.55 * memory.beyond_mib
    assert memory.beyond_mib > 180, "a copy of the rows"


@pytest.mark.slow
def test_a_sweep_is_timed(tmp_path):
    timing = time_em_sweep(tmp_path / "sweep", 8, 2)
    assert timing.fit_ms > 0
    assert timing.beyond_ms > 0
    assert timing.bytes_per_cell > 500
