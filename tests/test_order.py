"""No test needs another to have run before it: they pass in five random orders.

The first lines of a run print the seeds of the orders. Each order is one process, so that a test
meets whatever any other leaves behind. Rooms and files that take long are left out: with them an
order would take several times as long.
"""

import os
import subprocess
import sys
from itertools import groupby
from types import SimpleNamespace

import pytest

from tests.conftest import ORDERS, shuffled
from tests.paths import ROOT

LEFT_OUT = (
    "tests/browser",
    "tests/test_docs.py",
    "tests/test_examples.py",
    "tests/test_order.py",
    "tests/experiments/analysis",
    "tests/experiments/api",
    "tests/experiments/benchmarks",
    "tests/experiments/calibration",
    "tests/experiments/cli",
    "tests/experiments/engines",
    "tests/experiments/fuzz",
    "tests/experiments/report",
    "tests/experiments/sweeps",
    "tests/experiments/test_structures.py",
    "tests/gmm_bayes/estimators",
    "tests/gmm_bayes/evaluation",
    "tests/gmm_bayes/pymc_model",
    "tests/gmm_bayes/samplers",
    "tests/gmm_em/estimator/test_sklearn.py",
    "tests/gmm_em/fitting",
    "tests/gmm_em/test_stress.py",
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", os.environ[ORDERS].split())
def test_the_tests_pass_in_a_random_order(seed):
    for path in LEFT_OUT:
        assert (ROOT / path).exists(), path
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider"]
    command += ["--order-seed", seed, *(f"--ignore={path}" for path in LEFT_OUT)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]


def test_a_seed_fixes_the_order_and_files_stay_together():
    items = [SimpleNamespace(path=file, number=i) for file in "abcd" for i in range(5)]
    first, again, other = (shuffled(items, seed) for seed in (1, 1, 2))
    assert first == again != other != items != first
    assert all(first.count(item) == other.count(item) == 1 for item in items)
    assert len([file for file, _ in groupby(first, lambda item: item.path)]) == 4
