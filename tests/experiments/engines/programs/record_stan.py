"""Writes what Stan answers, for the tests that run where Stan is not installed.

``GMM_COMPARE_STAN_PYTHON=... python -m tests.experiments.engines.programs.record_stan`` writes
``stan_*.npz`` and ``stan.json`` into ``tests/data``. It takes minutes, and has to be run after a
change of a Stan program, which a test notices.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from experiments.engines import check_port, fit_engines
from experiments.engines.programs import stan_engine
from experiments.engines.registry import engine_versions
from gmm_bayes import LKJPrior
from tests.experiments.engines.programs.cases import PRIORS, ROWS, means_and_errors, rows_of
from tests.paths import DATA

SUMMARY = DATA / "stan.json"
KINDS = ("inverse-wishart", "hierarchical", "lkj", "niw")
POSTERIORS = ("old-faithful", "quickstart")
# A posterior that is small enough to keep its draws.
FEW = {"draws": 10, "tune": 40, "chains": 2}
MANY = {"draws": 500, "tune": 400, "chains": 4}


def digest(program: str) -> str:
    """Return what tells whether a program has changed since it was run."""
    return hashlib.sha256(program.encode()).hexdigest()


@contextmanager
def recorded(name: str):
    """Keep what Stan answers to the one task within."""
    own = stan_engine.run

    def run(task: Mapping[str, Any]) -> dict[str, Any]:
        found = own(task)
        np.savez_compressed(DATA / f"stan_{name}.npz", **found)
        return found

    stan_engine.run = run
    try:
        yield
    finally:
        stan_engine.run = own


def densities() -> None:
    """Record the log densities at the points of a port, under every prior."""
    for name, prior in PRIORS.items():
        with recorded(f"density_{name.replace(' ', '_')}"):
            print(name, check_port("stan", ROWS, 2, prior), flush=True)
    with recorded("density_lkj_of_one_feature"):
        print(check_port("stan", ROWS[:, :1], 2, LKJPrior()), flush=True)


def draws() -> None:
    """Record a few draws."""
    dataset, k = rows_of("old-faithful")
    with recorded("draws"):
        fit_engines(dataset, k, ["stan"], {"stan": FEW}, 1)


def posterior(name: str) -> dict[str, Any]:
    """Return posterior means and their Monte Carlo errors."""
    dataset, k = rows_of(name)
    fit = fit_engines(dataset, k, ["stan"], {"stan": MANY}, 1)["stan"]
    means, errors = means_and_errors(fit.draws)
    found = {"means": means.tolist(), "errors": errors.tolist(), "seconds": fit.seconds}
    return found | {key: fit.diagnostics[key] for key in ("max_r_hat", "n_divergent", "n_draws")}


def main() -> None:
    """Ask Stan everything, and write it down."""
    densities()
    draws()
    found = {
        "version": engine_versions(["stan"])["stan"],
        "programs": {kind: digest(stan_engine.program_of(kind)) for kind in KINDS},
        "posteriors": {name: posterior(name) for name in POSTERIORS},
    }
    SUMMARY.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
