"""The sampler against posteriors that are known exactly, and against the Gibbs sampler."""

from dataclasses import replace

import numpy as np
import pytest
from arviz_stats.base import array_stats

from gmm_bayes import (
    FixedComponents,
    GaussianMixtureBayes,
    GaussianMixtureUnknownK,
    GeometricComponents,
    HierarchicalPrior,
    InverseWishartPrior,
    NIWPrior,
    PoissonComponents,
    UniformComponents,
)
from gmm_bayes.priors.data_scale import DataScale
from gmm_bayes.space.structures import get_structure
from tests.gmm_bayes.exact import one_gaussian, one_semi_conjugate
from tests.gmm_bayes.unknown_k.partitions import by_first_appearance, exact_posterior

X = np.array([[-1.9], [-1.2], [-0.8], [0.3], [1.4], [1.6]])
TWO = np.column_stack([X[:, 0], [0.5, -1.0, 0.2, 1.3, 0.9, 1.5]])


def z_scores(draws, exact):
    """How many Monte Carlo errors the shares of draws (C, S) are from probabilities."""
    shares = [(draws == value).astype(float) for value in exact]
    return np.array(
        [
            (share.mean() - p) / array_stats.mcse(share, method="mean")
            for share, p in zip(shares, exact.values(), strict=True)
        ]
    )


def check_against_enumeration(rows, prior, components, largest, weights, log_marginal, draws):
    """All probabilities above 0.01 of partitions and of K within 4.5 Monte Carlo errors.

    About 35 z-scores: fails for one seed in 4000.
    """
    c = prior.concentration
    of_partitions, of_k = exact_posterior(
        rows, components, largest, lambda k: c if weights == "static" else c / k, log_marginal
    )
    model = GaussianMixtureUnknownK(
        components_prior=components,
        prior=prior,
        weights=weights,
        max_components=largest,
        draws=draws,
        tune=100,
        chains=2,
        thin=2,
        random_state=1,
        progressbar=False,
    ).fit(rows)
    kept = model.draws_
    assert z_scores(
        kept.n_components, {k: p for k, p in enumerate(of_k, 1) if p > 0.01}
    ) == pytest.approx(0.0, abs=4.5)
    powers = len(rows) ** np.arange(len(rows))
    codes = by_first_appearance(kept.allocations.reshape(-1, len(rows))) @ powers
    exact = {int(np.array(labels) @ powers): p for labels, p in of_partitions.items() if p > 0.01}
    assert len(exact) >= 10
    assert z_scores(codes.reshape(kept.n_components.shape), exact) == pytest.approx(0.0, abs=4.5)


def test_static_weights_and_a_conjugate_prior():
    prior = NIWPrior(concentration=1.5, mean_loc=0.1, kappa=0.3, psi=0.5, scale="data")
    check_against_enumeration(
        X, prior, UniformComponents(8), 8, "static", lambda rows, k: one_gaussian(rows, prior), 8000
    )


@pytest.mark.slow
def test_dynamic_weights_in_two_dimensions():
    prior = NIWPrior(concentration=1.5, mean_loc=0.1, kappa=0.3, psi=0.5, scale="data")
    check_against_enumeration(
        TWO,
        prior,
        PoissonComponents(2.0),
        9,
        "dynamic",
        lambda rows, k: one_gaussian(rows, prior),
        20000,
    )


@pytest.mark.slow
def test_a_semi_conjugate_prior():
    prior = InverseWishartPrior(
        concentration=0.7, mean_loc=0.1, mean_scale=1.2, nu=3.0, psi=0.4, scale="data"
    )
    check_against_enumeration(
        X,
        prior,
        GeometricComponents(0.2),
        7,
        "static",
        lambda rows, k: one_semi_conjugate(rows, prior),
        20000,
    )


@pytest.mark.slow
def test_a_prior_of_the_components_that_follows_from_k():
    prior = InverseWishartPrior(scale="data")
    full = get_structure("full")
    known = {}
    for k in range(1, 8):
        written = prior.written_out(DataScale.of(X, k, full))
        known[k] = replace(prior, nu=3.0, psi=float(written.psi[0][0]))
    check_against_enumeration(
        X,
        prior,
        UniformComponents(7),
        7,
        "static",
        lambda rows, k: one_semi_conjugate(rows, known[k]),
        20000,
    )


@pytest.mark.slow
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_with_a_fixed_number_it_is_the_gibbs_sampler(two_clusters, covariance_type):
    """Means of five label-free quantities each: fails for one seed in 800 of all four."""
    rows = two_clusters[:60]
    unknown = GaussianMixtureUnknownK(
        covariance_type=covariance_type,
        components_prior=FixedComponents(3),
        draws=4000,
        chains=2,
        thin=5,
        random_state=4,
        progressbar=False,
    ).fit(rows)
    known = GaussianMixtureBayes(
        3,
        covariance_type=covariance_type,
        sampler="gibbs",
        draws=10_000,
        chains=2,
        random_state=5,
        progressbar=False,
    ).fit(rows)
    assert unknown.n_components_probabilities_ == {3: 1.0}
    ours, theirs = unknown.diagnostics_.label_free, known.diagnostics_.label_free
    for name in ("log_likelihood", "mean[0]", "mean[1]", "covariance[0, 0]", "covariance[1, 0]"):
        error = np.hypot(ours.loc[name, "mcse_mean"], theirs.loc[name, "mcse_mean"])
        assert ours.loc[name, "mean"] == pytest.approx(theirs.loc[name, "mean"], abs=4.0 * error)


@pytest.mark.slow
def test_the_posterior_of_k_is_proportional_to_the_evidences(galaxies):
    """Three differences of logarithms within 4 combined errors: one seed in 5000."""
    model = GaussianMixtureUnknownK(
        components_prior=UniformComponents(10), draws=4000, random_state=2, progressbar=False
    ).fit(galaxies)
    logs, errors, evidences, theirs = [], [], [], []
    for k in (3, 4, 5, 6):
        share = (model.draws_.n_components == k).astype(float)
        logs.append(np.log(share.mean()))
        errors.append(array_stats.mcse(share, method="mean") / share.mean())
        known = GaussianMixtureBayes(
            k, sampler="gibbs", draws=2000, random_state=k, progressbar=False
        ).fit(galaxies)
        value, error = known.log_marginal_likelihood()
        evidences.append(value)
        theirs.append(error)
    both = np.hypot(errors, theirs)
    for at in (0, 2, 3):
        difference = (logs[at] - logs[1]) - (evidences[at] - evidences[1])
        assert difference == pytest.approx(0.0, abs=4.0 * np.hypot(both[at], both[1]))


# p(K | y) for K = 3 ... 10 and p(filled | y) for 3 ... 9 of an independent run of four million
# draws, with standard errors of at most 0.002.
OF_K = dict(enumerate((0.062, 0.133, 0.196, 0.199, 0.157, 0.106, 0.065, 0.037), 3))
OF_FILLED = dict(enumerate((0.072, 0.159, 0.240, 0.231, 0.155, 0.082, 0.037), 3))


@pytest.mark.slow
def test_richardson_and_green_s_galaxies(galaxies):
    """Fifteen shares within 4 combined errors: fails for one seed in 1000."""
    spread = float(np.ptp(galaxies))
    model = GaussianMixtureUnknownK(
        components_prior=UniformComponents(30),
        prior=HierarchicalPrior(
            concentration=1.0,
            mean_loc=float(galaxies.min() + galaxies.max()) / 2.0,
            mean_scale=spread,
            shape=2.0,
            rate_shape=0.2,
            rate_rate=10.0 / spread**2,
            scale="data",
        ),
        draws=10_000,
        chains=2,
        random_state=6,
        progressbar=False,
    ).fit(galaxies)
    draws = model.draws_
    for numbers, known in ((draws.n_components, OF_K), (draws.n_filled, OF_FILLED)):
        for k, probability in known.items():
            share = (numbers == k).astype(float)
            error = np.hypot(float(array_stats.mcse(share, method="mean")), 0.002)
            assert share.mean() == pytest.approx(probability, abs=4.0 * error)
