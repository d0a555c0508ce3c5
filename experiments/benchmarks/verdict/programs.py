"""Situations in which two programs draw the posterior: alike, a wrong one, or by two priors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from experiments.benchmarks.verdict.fits import draws_around, em_fit, posterior_fit
from experiments.benchmarks.verdict.situation import Planted, Situation, clusters, data_of
from experiments.values.headline import Believe
from gmm_bayes import InverseWishartPrior, ModelInNumbers
from gmm_em import Mixture

SIZES = ((120, 1, 2), (200, 2, 2), (300, 2, 3))
# A port with a wrong prior of the covariances draws them larger by this factor.
WIDER = 1.25


def situations() -> Iterator[Situation]:
    """Yield each kind at each size."""
    em, both = frozenset[Believe]({"em"}), frozenset[Believe]({"both"})
    for size in SIZES:
        name = "N = {}, D = {}, K = {}".format(*size)
        yield Situation("two programs alike", name, _drawn_twice(size), "ok", both)
        yield Situation(
            "a wrong port",
            name,
            _drawn_twice(size, factor=WIDER),
            "fail",
            em,
            ("posteriors",),
            ("agreement", "posterior-normal", "certificate", "posteriors"),
        )
        yield Situation(
            "two priors",
            name,
            _drawn_twice(size, factor=WIDER, nu=20.0),
            "warn",
            both,
            ("posteriors-apart",),
            ("posteriors",),
        )


def _drawn_twice(
    size: tuple[int, int, int], factor: float = 1.0, nu: float | None = None
) -> Callable[[np.random.Generator, int], Planted]:
    """Draw twice around EM's estimate, the second time with covariances that are larger."""
    n_samples, n_features, n_components = size

    def make(rng: np.random.Generator, seed: int) -> Planted:
        truth = clusters(rng, n_components, n_features)
        dataset = data_of(truth.sample(n_samples, rng)[0])
        em = em_fit(dataset, n_components, seed)
        ours, theirs = (draws_around(dataset.X, em.mixture, rng) for _ in range(2))
        wider = [Mixture(one.weights, one.means, factor * one.covariances) for one in theirs]
        models = [
            ModelInNumbers.of(dataset.X, n_components, InverseWishartPrior(nu=value))
            for value in (None, nu)
        ]
        return dataset, {
            "em": em,
            "bayes": replace(posterior_fit(ours), model=models[0]),
            "other": replace(posterior_fit(wider), model=models[1], title="other"),
        }

    return make
