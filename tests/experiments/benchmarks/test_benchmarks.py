"""The benchmarks run and say what they measured; that it is fast is no test's business."""

import re

import pytest

from experiments.api.comparing import compare_fits
from experiments.benchmarks.comparison import SMALL, STAGES, main, ready_fits, stages
from experiments.benchmarks.default_fit import SEEDS, race_default_fits

pytestmark = pytest.mark.slow


def test_comparison_is_timed_as_a_whole_and_by_stage(capsys):
    assert main(quick=True) == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if line.startswith(f"{SMALL.n_samples:>9,}"))
    clock, processor = map(float, re.findall(r"\d+\.\d+", row))
    assert clock > 0
    assert processor > 0
    assert max(map(len, out.splitlines())) <= 80


def test_stages_add_up_to_the_whole():
    dataset, fits = ready_fits(SMALL, 100)
    timings = dict(stages(lambda: compare_fits(dataset, fits)))
    assert set(timings) == {*STAGES, "the rest"}
    assert all(timings[name].clock > 0 for name in STAGES)
    assert timings["the rest"].clock > 0


def test_default_fits_end_no_lower_than_those_of_scikit_learn(capsys):
    race_default_fits(quick=True)
    head, *rows = capsys.readouterr().out.splitlines()
    assert max(map(len, (head, *rows))) <= 80
    assert len(rows) == len(SEEDS)
    for row in rows:
        *_, ours, theirs, ratio, lower, _, _, starts = row.replace("x", "").split()
        assert float(lower) >= -1e-3
        assert float(ratio) == pytest.approx(float(theirs) / float(ours), rel=0.2)
        assert int(starts) >= 1
