"""Situations that a sampler reports: EM is right, and something is wrong with the draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.benchmarks.verdict.fits import draws_around, em_fit, posterior_fit
from experiments.benchmarks.verdict.situation import Planted, Situation, clusters, data_of
from experiments.engines.contract import Fit
from experiments.values.comparison import Level
from experiments.values.headline import Believe
from gmm_em import Mixture

SIZES = ((120, 1, 2), (200, 2, 2), (300, 2, 3))
GOOD = ("agreement", "posterior-normal", "labels", "certificate")
Change = Callable[[list[Mixture], np.random.Generator], Fit]


def situations() -> Iterator[Situation]:
    """Yield each kind at each size."""
    for size in SIZES:
        for kind, change, level, believe, must in _kinds():
            good = GOOD if level == "fail" else ()
            name = "N = {}, D = {}, K = {}".format(*size)
            yield Situation(kind, name, _made(size, change), level, believe, must, good)


def _kinds() -> Iterator[tuple[str, Change, Level, frozenset[Believe], tuple[str, ...]]]:
    em, both = frozenset[Believe]({"em"}), frozenset[Believe]({"both"})
    apart = {"label_free": {"log_likelihood": {"r_hat": 1.8}}, "max_r_hat": 2.1}
    far = "Pareto-k of the importance ratios is 1.38, above 0.7: use sampler 'nuts'"
    improper = "the prior leaves the posterior improper: use prior=InverseWishartPrior()"
    yield "ADVI too far", _reporting(problems=[far]), "fail", em, ("posterior-sampler",)
    yield "improper prior", _reporting(problems=[improper]), "fail", em, ("posterior-sampler",)
    yield "chains in modes", _reporting(**apart), "fail", em, ("posterior-modes",)
    yield "chains disagree", _reporting(max_r_hat=1.2), "fail", em, ("posterior-r-hat",)
    short = _reporting(min_ess_bulk=60.0, min_ess_tail=40.0, max_r_hat=1.04)
    yield "short chains", short, "fail", em, ("posterior-ess",)
    few = _reporting(min_ess_bulk=260.0, min_ess_tail=220.0)
    yield "few effective draws", few, "warn", both, ("posterior-ess",)
    yield "divergences", _reporting(n_divergent=9), "fail", em, ("posterior-divergences",)
    yield "one chain", _one_chain, "warn", both, ("posterior-r-hat",)
    yield "draws of unknown origin", _unknown, "warn", both, ("posterior-unchecked",)
    yield "collapsed chain", _collapsed(0.5), "fail", em, ("posterior-collapsed",)
    yield "all collapsed", _collapsed(1.0), "fail", em, ("posterior-collapsed",)


def _made(
    size: tuple[int, int, int], change: Change
) -> Callable[[np.random.Generator, int], Planted]:
    n_samples, n_features, n_components = size

    def make(rng: np.random.Generator, seed: int) -> Planted:
        truth = clusters(rng, n_components, n_features)
        dataset = data_of(truth.sample(n_samples, rng)[0])
        em = em_fit(dataset, n_components, seed, n_init=20)
        return dataset, {"em": em, "bayes": change(draws_around(dataset.X, em.mixture, rng), rng)}

    return make


def _reporting(**reported: Any) -> Change:
    return lambda mixtures, rng: posterior_fit(mixtures, **reported)


def _one_chain(mixtures: list[Mixture], rng: np.random.Generator) -> Fit:
    return posterior_fit(mixtures, n_chains=1, max_r_hat=None)


def _unknown(mixtures: list[Mixture], rng: np.random.Generator) -> Fit:
    fit = posterior_fit(mixtures)
    return Fit(
        mixture=fit.mixture,
        seconds=fit.seconds,
        uncertainty=fit.uncertainty,
        intervals=fit.intervals,
        draws=fit.draws,
        title="posterior",
    )


def _collapsed(share: float) -> Change:
    def change(mixtures: list[Mixture], rng: np.random.Generator) -> Fit:
        count = int(share * len(mixtures))
        thin = [
            Mixture(
                one.weights,
                one.means,
                np.concatenate([1e-14 * one.covariances[:1], one.covariances[1:]]),
            )
            for one in mixtures[:count]
        ]
        return posterior_fit([*thin, *mixtures[count:]], max_r_hat=1.9, min_ess_bulk=5.0)

    return change
