"""Rows and priors by which ports are checked, and posterior means beside each other."""

import numpy as np
from arviz_stats.base import array_stats

from experiments.config.load import load_config
from experiments.core.seeds import stream
from experiments.core.types import FloatArray
from experiments.datasets.dataset import Dataset
from experiments.datasets.load import load_dataset
from gmm_bayes import (
    HierarchicalPrior,
    InverseWishartPrior,
    LKJPrior,
    MixtureDraws,
    NIWPrior,
)
from gmm_em import Mixture

TRUTH = Mixture([0.6, 0.4], [[0.0, 0.0], [3.0, 1.0]], [np.eye(2), [[1.0, 0.5], [0.5, 0.8]]])
ROWS = TRUTH.sample(80, 3)[0]
PRIORS = {
    "inverse-wishart": InverseWishartPrior(),
    "inverse-wishart in own units": InverseWishartPrior(scale="data", psi=(0.3, 0.4), nu=6.5),
    "hierarchical": HierarchicalPrior(mean_scale=2.0),
    "lkj": LKJPrior(eta=1.7, sd_scale=(1.0, 2.0), mean_loc=(1.0, 2.0), scale="data"),
    "niw": NIWPrior(kappa=0.4),
}


def rows_of(name: str) -> tuple[Dataset, int]:
    """Return the data of a shipped config, and with how many components they are fitted."""
    config = load_config(name)
    k = config.n_components
    assert isinstance(k, int)
    return load_dataset(config.data, config.name, stream(config.seed, "data"), k), k


def z_scores(ours: MixtureDraws, theirs: MixtureDraws) -> list[float]:
    """Return differences of posterior means in Monte Carlo errors of both, one a parameter."""
    (mean, error), (other, other_error) = map(means_and_errors, (ours, theirs))
    return list(map(float, (other - mean) / np.hypot(error, other_error)))


def means_and_errors(draws: MixtureDraws) -> tuple[FloatArray, FloatArray]:
    """Return posterior means and their Monte Carlo errors, both (n_parameters,)."""
    values = free_entries(draws)
    errors = array_stats.mcse(values, method="mean", chain_axis=0, draw_axis=1)
    return values.mean(axis=(0, 1)), errors


def free_entries(draws: MixtureDraws) -> FloatArray:
    """Return weights but the last, means and lower triangles (C, S, n_parameters)."""
    lower = np.tril_indices(draws.n_features)
    parts = (draws.weights[..., :-1], draws.means, draws.covariances[..., *lower])
    return np.concatenate([part.reshape(*part.shape[:2], -1) for part in parts], axis=-1)
