"""Comparisons of two engines of names that nothing knows, made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from experiments.api.comparing import compare_fits
from experiments.api.comparison import Comparison
from experiments.datasets.dataset import Dataset
from experiments.engines.contract import Fit
from gmm_em import Mixture
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em, perturbed

# What the two engines offer: a maximum of likelihood as EM's, a bare estimate, posterior draws.
PAIRS = (
    ("maximum", "draws"),
    ("draws", "maximum"),
    ("estimate", "draws"),
    ("maximum", "estimate"),
    ("estimate", "estimate"),
    ("draws", "draws"),
)


def made_pair(
    rng: np.random.Generator, offers: tuple[str, str], n_features: int = 2, n_more: int = 0
) -> Comparison:
    """Compare a first and a second engine, and so many baselines."""
    truth = random_mixture(rng, 2, n_features)
    X = truth.sample(80, rng)[0]
    dataset = Dataset("made", X, tuple(f"x{i}" for i in range(n_features)), X[:20], truth)
    places = ("first", "second")
    fits = {
        f"{place}-engine": replace(_fit(offer, truth, rng), title=f"{place} {offer}")
        for place, offer in zip(places, offers, strict=True)
    }
    for i in range(n_more):
        fits[f"more-{i}"] = replace(_fit("estimate", truth, rng), title=f"more {i}")
    return compare_fits(dataset, fits)


def _fit(offer: str, truth: Mixture, rng: np.random.Generator) -> Fit:
    if offer == "maximum":
        return made_em(truth)
    if offer == "draws":
        return made_bayes(truth, rng)
    return Fit(mixture=perturbed(truth, rng), seconds=0.1, diagnostics={"n_iter": 3})
