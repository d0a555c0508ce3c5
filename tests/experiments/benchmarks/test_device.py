"""The race on a device: it says what is missing, and both sides climb the same steps."""

import os
import subprocess
import sys

import pytest

from experiments.benchmarks.device import torch_device
from experiments.core.errors import UsageError
from tests.experiments.cli.running import run
from tests.paths import ROOT


def test_without_pytorch_a_line_says_what_to_install(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "torch", None)
        with pytest.raises(UsageError) as caught:
            torch_device("cuda")
    assert str(caught.value) == ("--device cuda needs PyTorch: pip install torch array-api-compat")


def test_the_option_is_for_one_bench(capsys, monkeypatch, tmp_path):
    for more in (("bayes",), ("em", "--out", str(tmp_path))):
        status, _, said = run(monkeypatch, capsys, "bench", *more, "--device", "cuda")
        assert status == 2
        assert said.strip() == (
            "gmm-compare: --device cuda is an option of bench em, without --out"
        )


@pytest.mark.slow
def test_both_sides_end_at_one_log_likelihood():
    # Any library will do; scikit-learn wants to be told of it before it is imported.
    code = (
        "import array_api_strict as xp\n"
        "from experiments.benchmarks.cases import Case\n"
        "from experiments.benchmarks.device import Device, race\n"
        "there = xp.Device('device1')\n"
        "race(Device('strict', lambda a: xp.asarray(a, device=there), int, int),\n"
        "    (Case(6_000, 2, 3), Case(500, 3, 2)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
    )
    rows = done.stdout.splitlines()[2:]
    assert [row.split()[:3] for row in rows] == [["6,000", "2", "3"], ["500", "3", "2"]]
    assert all(float(row.split()[-1]) < 1e-10 for row in rows)
