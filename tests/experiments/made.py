"""Fits made by hand, so that the comparison is tested without fitting anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr
from scipy.stats import norm

from experiments.analysis.analyse import Terms
from experiments.api.components import ComponentsComparison
from experiments.engines.contract import LEVELS, Fit, Step, central
from experiments.selection.choose import choose
from experiments.values.parameters import Parameters, combine
from gmm_bayes import MixtureDraws
from gmm_em import Mixture


def perturbed(mixture: Mixture, rng: np.random.Generator, size: float = 0.02) -> Mixture:
    """A mixture near another: a plausible estimate or posterior draw."""
    weights = mixture.weights * np.exp(size * rng.normal(size=mixture.n_components))
    noise = np.eye(mixture.n_features) + size * rng.normal(size=mixture.covariances.shape)
    return Mixture(
        weights / weights.sum(),
        mixture.means + size * rng.normal(size=mixture.means.shape),
        noise @ mixture.covariances @ noise.transpose(0, 2, 1),
    )


def wald(values: Parameters, sd: Parameters, level: float) -> tuple[Parameters, Parameters]:
    width = norm.ppf((1 + level) / 2)
    lower = combine(lambda v, s: v - width * s, values, sd)
    return lower, combine(lambda v, s: v + width * s, values, sd)


def made_em(mixture: Mixture, sd: float = 0.02, n_init: int = 4) -> Fit:
    values = Parameters.of(mixture)
    spread = combine(lambda v: np.full_like(v, sd), values)
    d = mixture.n_features
    return Fit(
        mixture=mixture,
        uncertainty=spread,
        intervals={level: wald(values, spread, level) for level in LEVELS},
        seconds=0.1,
        title="EM",
        maximum_likelihood=True,
        diagnostics={
            "converged": True,
            "n_iter": 5,
            "n_init": n_init,
            "n_converged": n_init,
            "n_best": n_init,
            "kinds_best": 1,
            "optima": [{"log_likelihood": 0.0, "n_runs": n_init}],
            "unseen": {},
            "spurious": "",
            "n_parameters": mixture.n_components * (1 + d + d * (d + 1) // 2) - 1,
        },
        paths=tuple(np.array([-900.0, -850.0, -840.0 - i, -839.9 - i]) for i in range(n_init)),
        finished=(True,) * n_init,
        best_path=0,
        steps=lambda: {
            0: tuple(Step(i, value, mixture) for i, value in enumerate((-900.0, -850.0, -840.0)))
        },
    )


def made_bayes(
    mixture: Mixture, rng: np.random.Generator, n_chains: int = 2, n_draws: int = 40
) -> Fit:
    chains = [[perturbed(mixture, rng) for _ in range(n_draws)] for _ in range(n_chains)]
    draws = MixtureDraws(
        *(
            np.array([[getattr(m, name) for m in chain] for chain in chains])
            for name in ("weights", "means", "covariances")
        )
    )
    every = Parameters(draws.weights, draws.means, draws.covariances)
    return Fit(
        mixture=draws.mean(),
        uncertainty=combine(lambda v: v.std(axis=(0, 1), ddof=1), every),
        intervals=central(every, axis=(0, 1)),
        seconds=2.0,
        title="posterior",
        diagnostics={
            "max_r_hat": 1.002,
            "min_ess_bulk": 900.0,
            "min_ess_tail": 800.0,
            "n_divergent": 0,
            "label_free": {"log_likelihood": {"r_hat": 1.001}},
            "n_draws": n_chains * n_draws,
        },
        draws=draws,
    )


def with_energies(fit: Fit, rng: np.random.Generator) -> Fit:
    """The same posterior, of a sampler that keeps energies, as NUTS does."""
    shape = fit.draws.weights.shape[:2]
    energy = xr.DataArray(400 + 3 * rng.normal(size=shape), dims=("chain", "draw"))
    tree = xr.DataTree.from_dict({"sample_stats": xr.Dataset({"energy": energy})})
    return replace(fit, posterior=tree)


def compare_components(dataset, n_components, engines, options, experiment=""):
    """Fit and compare a data set at several numbers of components, as `compare` does arrays."""
    terms = Terms(experiment)
    return ComponentsComparison.of(choose(dataset, n_components, engines, options, terms, ["full"]))
