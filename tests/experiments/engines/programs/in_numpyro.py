"""What the tests ask of engine numpyro, in a process of its own: JAX's threads forbid forking.

``python -m tests.experiments.engines.programs.in_numpyro`` prints one JSON object.
"""

import json
import sys

import jax
import numpy as np
from arviz_stats.base import array_stats

from experiments.api.comparing import compare
from experiments.config.load import load_config
from experiments.core.seeds import stream
from experiments.core.types import FloatArray
from experiments.datasets.load import load_dataset
from experiments.engines import check_port, fit_engines
from experiments.engines.registry import engine_versions, make_engine
from gmm_bayes import (
    HierarchicalPrior,
    InverseWishartPrior,
    LKJPrior,
    MixtureDraws,
    NIWPrior,
    VolumeShapePrior,
)
from gmm_em import Mixture

PRIORS = {
    "inverse-wishart": InverseWishartPrior(),
    "inverse-wishart in own units": InverseWishartPrior(scale="data", psi=(0.3, 0.4), nu=6.5),
    "hierarchical": HierarchicalPrior(mean_scale=2.0),
    "lkj": LKJPrior(eta=1.7, sd_scale=(1.0, 2.0), mean_loc=(1.0, 2.0), scale="data"),
    "niw": NIWPrior(kappa=0.4),
}
# Chains by 300 draws after 300 that tune.
CHAINS = 4


def ports() -> dict[str, list[float]]:
    """Return the largest discrepancy and its tolerance for every prior."""
    truth = Mixture([0.6, 0.4], [[0.0, 0.0], [3.0, 1.0]], [np.eye(2), [[1.0, 0.5], [0.5, 0.8]]])
    X = truth.sample(80, 3)[0]
    checks = {name: check_port("numpyro", X, 2, prior) for name, prior in PRIORS.items()}
    checks["lkj of one feature"] = check_port("numpyro", X[:, :1], 2, LKJPrior())
    return {
        name: [float(np.abs(check.discrepancies).max()), check.tolerance]
        for name, check in checks.items()
    }


def posterior_of(name: str) -> dict[str, object]:
    """Return what the posterior of a shipped config is by both programs, and how they compare."""
    config = load_config(name)
    dataset = load_dataset(
        config.data, config.name, stream(config.seed, "data"), config.n_components
    )
    settings = {"draws": 300, "tune": 300, "chains": CHAINS}
    fits = fit_engines(
        dataset,
        config.n_components,
        ["bayes", "numpyro"],
        {"bayes": settings, "numpyro": settings},
        1,
    )
    theirs = fits["numpyro"].diagnostics
    return {
        "z": z_scores(*(fit.draws for fit in fits.values())),
        "n_draws": theirs["n_draws"],
        "n_divergent": theirs["n_divergent"],
    }


def compared() -> dict[str, bool]:
    """Return which parts of a comparison with EM rest on NumPyro's draws."""
    found = compare(
        Mixture([1.0], [[0.0]], [[[1.0]]]).sample(30, 1)[0],
        1,
        engines=("em", "numpyro"),
        em={"n_bootstrap": 0},
        numpyro={"draws": 50, "tune": 50, "chains": 2},
    )
    assert found.engines["numpyro"].intervals is not None
    return {"agreement": found.agreement is not None, "certificate": found.certificate is not None}


def z_scores(ours: MixtureDraws, theirs: MixtureDraws) -> list[float]:
    """Return differences of posterior means in Monte Carlo errors of both, one a parameter."""
    both = [free_entries(draws) for draws in (ours, theirs)]
    means = [draws.mean(axis=(0, 1)) for draws in both]
    squares = [
        array_stats.mcse(draws, method="mean", chain_axis=0, draw_axis=1) ** 2 for draws in both
    ]
    return list(map(float, (means[1] - means[0]) / np.sqrt(sum(squares))))


def free_entries(draws: MixtureDraws) -> FloatArray:
    """Return weights but the last, means and lower triangles (C, S, n_parameters)."""
    lower = np.tril_indices(draws.n_features)
    parts = (draws.weights[..., :-1], draws.means, draws.covariances[..., *lower])
    return np.concatenate([part.reshape(*part.shape[:2], -1) for part in parts], axis=-1)


def repeated() -> bool:
    """Return whether a seed fixes every number, and another seed gives others."""
    X = Mixture([1.0], [[0.0]], [[[1.0]]]).sample(30, 1)[0]
    engine = make_engine("numpyro", {"draws": 10, "tune": 20, "chains": 1})
    first, again, other = (
        engine.fit(X, 1, np.random.SeedSequence(seed), lambda *_: None).mixture.means
        for seed in (1, 1, 2)
    )
    return bool(np.array_equal(first, again) and not np.array_equal(first, other))


def refusal() -> str:
    """Return what is said of a prior that is not stated in NumPyro."""
    try:
        check_port("numpyro", np.eye(3), 1, VolumeShapePrior())
    except ValueError as error:
        return str(error)
    return ""


def main() -> None:
    """Print what was found."""
    found = {
        "ports": ports(),
        "repeated": repeated(),
        "refusal": refusal(),
        "double precision elsewhere": bool(jax.config.jax_enable_x64),
        "versions": engine_versions(["numpyro", "em"]),
        "compared": compared(),
        "posteriors": {name: posterior_of(name) for name in ("old-faithful", "quickstart")},
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
