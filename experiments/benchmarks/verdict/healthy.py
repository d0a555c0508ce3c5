"""Healthy situations: rows drawn from the model, every component on 30 rows or more."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from experiments.benchmarks.verdict.fits import draws_around, em_fit, posterior_fit
from experiments.benchmarks.verdict.situation import Planted, Situation, clusters, data_of

# Rows, features and components.
SIZES = (
    (60, 1, 1),
    (80, 1, 2),
    (100, 2, 2),
    (150, 1, 3),
    (200, 2, 2),
    (300, 2, 3),
    (300, 3, 2),
    (600, 2, 3),
    (600, 4, 2),
    (1000, 2, 4),
    (2000, 3, 3),
    (20_000, 2, 2),
)
GAPS = (6.0, 4.5)


def situations() -> Iterator[Situation]:
    """Yield them, the quickest first."""
    for size in SIZES:
        for gap in GAPS if size[2] > 1 else GAPS[:1]:
            n_samples, n_features, n_components = size

            def make(
                rng: np.random.Generator,
                seed: int,
                size: tuple[int, int, int] = size,
                gap: float = gap,
            ) -> Planted:
                return healthy(rng, seed, *size, gap)

            yield Situation(
                "healthy",
                f"N = {n_samples}, D = {n_features}, K = {n_components}, gap {gap:g}",
                make,
                "ok",
                frozenset({"both"}),
            )


def healthy(
    rng: np.random.Generator,
    seed: int,
    n_samples: int,
    n_features: int,
    n_components: int,
    gap: float,
) -> Planted:
    """Draw rows from clusters, fit EM by default, and draw around its estimate."""
    truth = clusters(rng, n_components, n_features, gap)
    dataset = data_of(truth.sample(n_samples, rng)[0], truth)
    em = em_fit(dataset, n_components, seed)
    return dataset, {
        "em": em,
        "bayes": posterior_fit(draws_around(dataset.X, em.mixture, rng)),
    }
