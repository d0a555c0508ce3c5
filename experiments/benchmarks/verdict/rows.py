"""Situations that lie in the rows: too few, of another shape, outlying, or held by a prior."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from experiments.benchmarks.verdict.fits import draws_around, em_fit, gibbs_fit, posterior_fit
from experiments.benchmarks.verdict.situation import Planted, Situation, clusters, data_of
from experiments.core.types import FloatArray
from experiments.values.headline import Believe
from experiments.values.parameters import combine
from gmm_em import Mixture

Rows = Callable[[np.random.Generator], FloatArray]
ANY: frozenset[Believe] = frozenset({"both", "em", "posterior", "neither"})
NOT_BOTH: frozenset[Believe] = ANY - {"both"}
NEITHER: frozenset[Believe] = frozenset({"neither"})
GOOD = ("posterior-normal", "shape")


def situations() -> Iterator[Situation]:
    """Yield them."""
    for name, rows in SHAPES.items():
        yield Situation("another shape", name, _fitted(rows, 2), "fail", NEITHER, ("shape",), GOOD)
    for n, d in ((200, 2), (300, 2), (400, 1), (600, 3)):
        rows = _from_clusters(n, d, 3)
        yield Situation(
            "K too small", f"N = {n}, D = {d}", _fitted(rows, 2), "fail", NEITHER, ("shape",), GOOD
        )
    for n, d in ((60, 1), (100, 2), (150, 1), (200, 2)):
        yield Situation(
            "K too large",
            f"N = {n}, D = {d}",
            _sampled(_from_clusters(n, d, 1), 2),
            "warn",
            ANY,
            (),
            ("posterior-normal",),
        )
        yield Situation(
            "near-duplicates",
            f"N = {n}, D = {d}",
            _sampled(_from_clusters(n, d, 2, 0.5), 2),
            "warn",
            ANY,
            (),
            ("posterior-normal",),
        )
    for n, d in ((8, 1), (10, 1), (12, 2), (14, 2)):
        yield Situation(
            "tiny N",
            f"N = {n}, D = {d}",
            _fitted(_from_clusters(n, d, 2), 2),
            "warn",
            ANY,
            ("rows", "support", "em-optimum"),
            ("posterior-normal",),
        )
    for n, d in ((30, 8), (24, 7), (16, 5), (40, 10)):
        yield Situation(
            "D near N",
            f"N = {n}, D = {d}",
            _fitted(_from_clusters(n, d, 2), 2),
            "fail",
            NEITHER,
            ("rows",),
            (*GOOD, "agreement"),
        )
    for n, d in ((30, 1), (40, 1), (60, 2), (80, 2)):
        yield Situation(
            "strong prior",
            f"N = {n}, D = {d}",
            _held_by_prior(n, d),
            "warn",
            frozenset({"em"}),
            ("prior",),
            ("posterior-normal", "agreement"),
        )
    for n, d, far in ((100, 1, 3), (200, 2, 4), (300, 2, 6), (150, 3, 3)):
        yield Situation(
            "contamination",
            f"N = {n}, D = {d}, {far} rows",
            _fitted(_contaminated(n, d, far), 2),
            "warn",
            ANY,
            ("outliers", "shape", "support"),
            ("posterior-normal",),
        )
    for n, d in ((200, 1), (200, 2), (300, 3)):
        yield Situation(
            "errors too small",
            f"N = {n}, D = {d}",
            _sure_of_itself(n, d),
            "fail",
            ANY,
            ("recovery",),
            ("recovery",),
        )


def _from_clusters(n_samples: int, n_features: int, n_components: int, gap: float = 6.0) -> Rows:
    def rows(rng: np.random.Generator) -> FloatArray:
        return clusters(rng, n_components, n_features, gap).sample(n_samples, rng)[0]

    return rows


def _pair(noise: Callable[[np.random.Generator, tuple[int, int]], FloatArray], n: int) -> Rows:
    """Put two clusters of one noise beside each other."""

    def rows(rng: np.random.Generator) -> FloatArray:
        return np.concatenate([noise(rng, (n, 2)), noise(rng, (n, 2)) + 12.0])

    return rows


SHAPES: dict[str, Rows] = {
    "t with 2 degrees of freedom": _pair(lambda rng, size: rng.standard_t(2, size), 100),
    "t with 3 degrees of freedom": _pair(lambda rng, size: rng.standard_t(3, size), 300),
    "uniform": _pair(lambda rng, size: rng.uniform(-2, 2, size), 300),
    "exponential": _pair(lambda rng, size: rng.exponential(1.0, size), 150),
    "log-normal": _pair(lambda rng, size: rng.lognormal(0.0, 0.7, size), 150),
}


def _contaminated(n_samples: int, n_features: int, n_far: int) -> Rows:
    def rows(rng: np.random.Generator) -> FloatArray:
        X = clusters(rng, 2, n_features, 6.0).sample(n_samples, rng)[0]
        X[:n_far] = 25.0 * rng.choice([-1.0, 1.0], size=(n_far, 1)) + rng.normal(size=(n_far, 1))
        return X

    return rows


def _fitted(rows: Rows, n_components: int) -> Callable[[np.random.Generator, int], Planted]:
    """Fit rows by EM's defaults, and draw around its estimate."""

    def make(rng: np.random.Generator, seed: int) -> Planted:
        dataset = data_of(rows(rng))
        em = em_fit(dataset, n_components, seed)
        drawn = draws_around(dataset.X, em.mixture, rng) or [em.mixture] * 4
        return dataset, {"em": em, "bayes": posterior_fit(drawn)}

    return make


def _sampled(rows: Rows, n_components: int) -> Callable[[np.random.Generator, int], Planted]:
    """Fit rows by EM's defaults, and sample the posterior: it has more hills than one."""

    def make(rng: np.random.Generator, seed: int) -> Planted:
        dataset = data_of(rows(rng))
        return dataset, {
            "em": em_fit(dataset, n_components, seed),
            "bayes": gibbs_fit(dataset, n_components, seed),
        }

    return make


def _held_by_prior(
    n_samples: int, n_features: int
) -> Callable[[np.random.Generator, int], Planted]:
    """Draw what a prior leaves that holds the means near zero, against the rows."""

    def make(rng: np.random.Generator, seed: int) -> Planted:
        dataset = data_of(clusters(rng, 2, n_features, 8.0).sample(n_samples, rng)[0])
        em = em_fit(dataset, 2, seed)
        drawn = [
            Mixture(one.weights, 0.7 * one.means, 2.0 * one.covariances)
            for one in draws_around(dataset.X, em.mixture, rng)
        ]
        return dataset, {"em": em, "bayes": posterior_fit(drawn)}

    return make


def _sure_of_itself(
    n_samples: int, n_features: int
) -> Callable[[np.random.Generator, int], Planted]:
    """Give EM standard errors that are ten times too small."""

    def make(rng: np.random.Generator, seed: int) -> Planted:
        truth = clusters(rng, 2, n_features)
        dataset = data_of(truth.sample(n_samples, rng)[0], truth)
        em = em_fit(dataset, 2, seed)
        errors = em.uncertainty
        if errors is not None:
            em = replace(em, uncertainty=combine(lambda values: values / 10.0, errors))
        return dataset, {
            "em": em,
            "bayes": posterior_fit(draws_around(dataset.X, em.mixture, rng)),
        }

    return make
