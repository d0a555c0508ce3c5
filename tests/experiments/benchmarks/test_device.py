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


# Takes the arguments that TorchGMM 0.4.3 takes, and refuses others and what TorchGMM refuses.
TORCH_GMM = """
import numpy as np
from gmm_em import Mixture, fit_em
class GaussianMixture:
    def __init__(self, *, n_components, n_features, max_iter, tol, reg_covar, device,
                 init_weights, init_means, init_covariances):
        assert tol > 0 and reg_covar == 0 and device == str(init_means.device)
        start = (np.from_dlpack(a) for a in (init_weights, init_means, init_covariances))
        self.start, self.max_iter = Mixture(*start), max_iter
    def fit(self, X):
        X = np.from_dlpack(X)
        self.fitted = fit_em(X, self.start.n_components, init=self.start, accelerate=False,
                             tol=0.0, max_iter=self.max_iter)
    def score(self, X):
        return self.fitted.log_likelihood / X.shape[0]
"""


@pytest.mark.slow
@pytest.mark.parametrize("torch_gmm", [False, True])
def test_all_sides_end_at_one_log_likelihood(torch_gmm, tmp_path):
    if torch_gmm:
        (tmp_path / "tgmm.py").write_text(TORCH_GMM)
    # Any library will do; scikit-learn wants to be told of it before it is imported.
    code = (
        f"import sys; sys.path.append({str(tmp_path)!r})\n"
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
    rows = done.stdout.splitlines()[-2:]
    assert [row.split()[:3] for row in rows] == [["6,000", "2", "3"], ["500", "3", "2"]]
    assert ("TorchGMM is not installed" in done.stdout) is not torch_gmm
    assert all((row.split()[4] == "-") is not torch_gmm for row in rows)
    assert all(float(row.split()[-1]) < 1e-10 for row in rows)
