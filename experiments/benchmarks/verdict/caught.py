"""Situations in which a search, or chains, or both are caught in a local optimum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from experiments.benchmarks.verdict.fits import (
    draws_around,
    em_at,
    em_fit,
    local_optimum,
    posterior_fit,
)
from experiments.benchmarks.verdict.situation import Planted, Situation, clusters, data_of
from experiments.datasets.dataset import Dataset
from gmm_em import Mixture, fit_em

# Rows, features and components.
SIZES = ((200, 2, 3), (300, 2, 4), (400, 1, 3), (600, 2, 4))
# Draws farther than this from a local optimum have left it.
OF_ONE_HILL = 0.3
# Data sets on which a local optimum is looked for.
MOST_TRIES = 20
Maker = Callable[[np.random.Generator, int], Planted]


def situations() -> Iterator[Situation]:
    """Yield them."""
    for size in SIZES:
        name = "N = {}, D = {}, K = {}".format(*size)
        yield Situation(
            "EM stuck",
            name,
            _caught(size, em=True, chains=False),
            "fail",
            frozenset({"posterior"}),
            ("certificate",),
            ("certificate", "posterior-normal"),
        )
        yield Situation(
            "chains stuck",
            name,
            _caught(size, em=False, chains=True),
            "fail",
            frozenset({"em"}),
            ("posterior-incomplete",),
            ("agreement", "certificate"),
        )
        yield Situation(
            "both stuck alike",
            name,
            _caught(size, em=True, chains=True),
            "fail",
            frozenset({"neither"}),
            ("certificate",),
            ("agreement", "certificate"),
        )
        yield Situation(
            "EM cut off",
            name,
            _em_reports(size, converged=False),
            "fail",
            frozenset({"posterior"}),
            ("em-optimum",),
            ("certificate", "posterior-normal"),
        )
        yield Situation(
            "EM spurious",
            name,
            _em_reports(size, spurious="a component rests on 3 rows"),
            "fail",
            frozenset({"posterior"}),
            ("em-optimum",),
            ("certificate", "posterior-normal"),
        )
        yield Situation(
            "one start",
            name,
            _one_start(size),
            "warn",
            frozenset({"both", "posterior"}),
            ("em-optimum", "certificate"),
            ("em-optimum",),
        )
    for n in (15, 20, 30):
        yield Situation(
            "symmetric modes",
            f"a square of 8 x {n} rows",
            _square(n),
            "fail",
            frozenset({"neither"}),
            ("equal-maxima",),
            ("labels", "posterior-normal", "agreement", "certificate"),
        )


def _caught(size: tuple[int, int, int], em: bool, chains: bool) -> Maker:
    n_components = size[-1]

    def make(rng: np.random.Generator, seed: int) -> Planted:
        dataset, local = _rows_with_a_local_optimum(size, rng)
        best = em_fit(dataset, n_components, seed)
        around = local if chains else best.mixture
        drawn = posterior_fit(draws_around(dataset.X, around, rng, reach=OF_ONE_HILL))
        return dataset, {"em": em_at(dataset, local, seed) if em else best, "bayes": drawn}

    return make


def _rows_with_a_local_optimum(
    size: tuple[int, int, int], rng: np.random.Generator
) -> tuple[Dataset, Mixture]:
    """Draw rows until EM has a local optimum on them, which not all rows give it."""
    n_samples, n_features, n_components = size
    for _ in range(MOST_TRIES):
        truth = clusters(rng, n_components, n_features, 8.0)
        dataset = data_of(truth.sample(n_samples, rng)[0])
        local = local_optimum(dataset.X, n_components, rng)
        if local is not None:
            return dataset, local
    raise RuntimeError(f"no local optimum on {MOST_TRIES} data sets of {size}")


def _em_reports(size: tuple[int, int, int], **reported: object) -> Maker:
    n_samples, n_features, n_components = size

    def make(rng: np.random.Generator, seed: int) -> Planted:
        truth = clusters(rng, n_components, n_features)
        dataset = data_of(truth.sample(n_samples, rng)[0])
        em = em_fit(dataset, n_components, seed)
        drawn = posterior_fit(draws_around(dataset.X, em.mixture, rng))
        return dataset, {
            "em": replace(em, diagnostics={**em.diagnostics, **reported}),
            "bayes": drawn,
        }

    return make


def _one_start(size: tuple[int, int, int]) -> Maker:
    n_samples, n_features, n_components = size

    def make(rng: np.random.Generator, seed: int) -> Planted:
        truth = clusters(rng, n_components, n_features)
        dataset = data_of(truth.sample(n_samples, rng)[0])
        em = em_fit(dataset, n_components, seed, n_init=1, init_params="kmeans")
        best = fit_em(dataset.X, n_components, random_state=seed).mixture
        return dataset, {"em": em, "bayes": posterior_fit(draws_around(dataset.X, best, rng))}

    return make


def _square(n_rows: int) -> Maker:
    """Put a blob and its seven reflections and rotations at the corners of a square."""

    def make(rng: np.random.Generator, seed: int) -> Planted:
        corner = rng.normal(0, 0.45, (n_rows, 2)) + 1.2
        quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
        mirror = np.array([[1.0, 0.0], [0.0, -1.0]])
        turns = [
            np.linalg.matrix_power(quarter, i) @ m for i in range(4) for m in (np.eye(2), mirror)
        ]
        dataset = data_of(np.concatenate([corner @ turn for turn in turns]))
        em = em_fit(dataset, 2, seed)
        # A quarter turn of a maximum is the other one; the chains visit both.
        other = Mixture(
            em.mixture.weights,
            em.mixture.means @ quarter,
            quarter.T @ em.mixture.covariances @ quarter,
        )
        mixtures = [
            *draws_around(dataset.X, em.mixture, rng, 100),
            *draws_around(dataset.X, other, rng, 100),
        ]
        rng.shuffle(mixtures)
        return dataset, {"em": em, "bayes": posterior_fit(mixtures)}

    return make
