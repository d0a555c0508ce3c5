"""What the tests ask of an engine that needs JAX, in a process of its own.

JAX's threads forbid that its process is forked.

``python -m tests.experiments.engines.programs.in_program numpyro old-faithful`` prints one JSON
object. The names after the engine's are those of configs whose posteriors are compared.
"""

import json
import sys

import jax
import numpy as np

from experiments.api.comparing import compare
from experiments.engines import check_port, fit_engines
from experiments.engines.registry import engine_versions, make_engine
from gmm_bayes import LKJPrior, VolumeShapePrior
from gmm_em import Mixture
from tests.experiments.engines.programs.cases import PRIORS, ROWS, rows_of, z_scores

# Chains by 300 draws after 300 that tune.
CHAINS = 4
# Equal tasks, which are compiled once.
FEW_ROWS = Mixture([1.0], [[0.0]], [[[1.0]]]).sample(30, 1)[0]
FEW_DRAWS = {"draws": 50, "tune": 50, "chains": 2}


def ports(engine: str) -> dict[str, list[float]]:
    """Return the largest discrepancy and its tolerance for every prior."""
    checks = {name: check_port(engine, ROWS, 2, prior) for name, prior in PRIORS.items()}
    checks["lkj of one feature"] = check_port(engine, ROWS[:, :1], 2, LKJPrior())
    return {
        name: [float(np.abs(check.discrepancies).max()), check.tolerance]
        for name, check in checks.items()
    }


def posterior_of(engine: str, name: str) -> dict[str, object]:
    """Return what the posterior of a shipped config is by both programs, and how they compare."""
    dataset, n_components = rows_of(name)
    settings = {"draws": 300, "tune": 300, "chains": CHAINS}
    fits = fit_engines(
        dataset,
        n_components,
        ["bayes", engine],
        {"bayes": settings, engine: settings},
        1,
    )
    theirs = fits[engine].diagnostics
    return {
        "z": z_scores(*(fit.draws for fit in fits.values())),
        "n_draws": theirs["n_draws"],
        "n_divergent": theirs["n_divergent"],
    }


def compared(engine: str) -> dict[str, bool]:
    """Return which parts of a comparison with EM rest on the engine's draws."""
    found = compare(
        FEW_ROWS,
        1,
        engines=("em", engine),
        em={"n_bootstrap": 0},
        **{engine: FEW_DRAWS},
    )
    assert found.engines[engine].intervals is not None
    return {"agreement": found.agreement is not None, "certificate": found.certificate is not None}


def repeated(name: str) -> bool:
    """Return whether a seed fixes every number, and another seed gives others."""
    engine = make_engine(name, FEW_DRAWS)
    first, again, other = (
        engine.fit(FEW_ROWS, 1, np.random.SeedSequence(seed), lambda *_: None).mixture.means
        for seed in (1, 1, 2)
    )
    return bool(np.array_equal(first, again) and not np.array_equal(first, other))


def refusal(engine: str) -> str:
    """Return what is said of a prior that the engine does not state."""
    try:
        check_port(engine, np.eye(3), 1, VolumeShapePrior())
    except ValueError as error:
        return str(error)
    return ""


def main(engine: str, *names: str) -> None:
    """Print what was found."""
    found = {
        "ports": ports(engine),
        "repeated": repeated(engine),
        "refusal": refusal(engine),
        "double precision elsewhere": bool(jax.config.jax_enable_x64),
        "versions": engine_versions([engine, "em"]),
        "compared": compared(engine),
        "posteriors": {name: posterior_of(engine, name) for name in names},
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
