"""Engine gmmx, in a process of its own: JAX's threads forbid that its process is forked."""

import json
import os
import subprocess
import sys

import pytest

from gmm_em import fit_em
from tests.experiments.engines.programs.test_mclust import FAITHFUL, GALAXIES
from tests.paths import ROOT

# In single precision the mean log-likelihood of a row changes by less than this at the end.
TO_THE_END = {"tol": 1e-6, "max_iter": 2000, "reg_covar": 0.0}
PROGRAM = f"""
import json
import numpy as np
from experiments.api.comparing import compare
from experiments.engines.registry import make_engine
from tests.experiments.engines.programs.test_mclust import FAITHFUL, GALAXIES

def fit(X, k, covariance_type="full", seed=1, **options):
    engine = make_engine("gmmx", options)
    seed = np.random.SeedSequence(seed)
    return engine.fit(X, k, seed, lambda *_: None, covariance_type=covariance_type)

cases = [(FAITHFUL, 2, "full"), (FAITHFUL, 2, "diag"), (FAITHFUL, 1, "full"), (GALAXIES, 1, "diag")]
ends = [fit(X, k, structure, **{TO_THE_END}) for X, k, structure in cases]
found = compare(FAITHFUL, 2, engines=("em", "gmmx"), em={{"n_bootstrap": 0, "n_init": 5}})
again = [fit(FAITHFUL, 3, seed=7).mixture.means.tolist() for _ in range(2)]
print(json.dumps({{
    "log_likelihoods": [
        end.mixture.log_likelihood(X) for end, (X, _, _) in zip(ends, cases, strict=True)
    ],
    "converged": [end.diagnostics["converged"] for end in ends],
    "repeated": again[0] == again[1],
    "role": found.engines["gmmx"].role,
}}))
"""


@pytest.fixture(scope="module")
def told():
    """What a process that sees gmmx found. `make slow` installs it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / ".venv" / "engines")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_gmmx_ends_at_our_maximum(told):
    ours = [
        fit_em(X, k, covariance_type=structure, n_init=5, random_state=0).log_likelihood
        for X, k, structure in [
            (FAITHFUL, 2, "full"),
            (FAITHFUL, 2, "diag"),
            (FAITHFUL, 1, "full"),
            (GALAXIES, 1, "diag"),
        ]
    ]
    assert told["log_likelihoods"] == pytest.approx(ours, abs=0.01)
    assert told["converged"] == [True] * 4


@pytest.mark.slow
def test_a_seed_fixes_gmmx_s_fit_which_is_compared_as_a_maximum(told):
    assert told["repeated"]
    assert told["role"] == "maximum-likelihood"
