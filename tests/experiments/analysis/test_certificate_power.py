"""How often the certificate is right, on overlapping data like the quickstart's."""

import warnings

import numpy as np
import pytest

from experiments.analysis.certificate import certify
from experiments.config.load import load_config
from gmm_bayes import GaussianMixtureBayes, MixtureDraws
from gmm_em import DegenerateError, EMResult, Mixture, fit_em

N_SAMPLES = 300
N_PARAMETERS = 17
N_QUIET = 50


@pytest.fixture(scope="module")
def truth() -> Mixture:
    values = load_config("quickstart").data.truth
    return Mixture(values.weights, values.means, values.covariances)


def posterior(X: np.ndarray, seed: int) -> MixtureDraws:
    with warnings.catch_warnings():
        # Short chains on purpose: the certificate must do with what it gets.
        warnings.simplefilter("ignore")
        model = GaussianMixtureBayes(
            3, draws=150, tune=200, chains=2, cores=1, random_state=seed, progressbar=False
        )
        return model.fit(X).draws_


def certified(em: Mixture, X: np.ndarray, draws: MixtureDraws):
    return certify(em, X, draws, draws.log_likelihood(X), N_PARAMETERS, None)


def planted(X: np.ndarray, best: EMResult, rng: np.random.Generator) -> Mixture:
    """Force EM into an optimum at least one unit of log-likelihood below the best."""
    for _ in range(200):
        spread = np.cov(X, rowvar=False)
        start = Mixture(
            rng.dirichlet([2.0, 2.0, 2.0]),
            X[rng.choice(len(X), 3, replace=False)],
            [spread * rng.uniform(0.02, 1.0) for _ in range(3)],
        )
        try:
            run = fit_em(X, 3, init=start)
        except DegenerateError:
            continue
        if run.converged and not run.spurious and run.log_likelihood < best.log_likelihood - 1:
            return run.mixture
    raise AssertionError("no local optimum found to plant")


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(4))
def test_planted_local_optima_are_caught(truth, shard):
    """All of 4 x 25 seeded tries; 250 of 250 others were."""
    missed = []
    for seed in range(25 * shard, 25 * (shard + 1)):
        rng = np.random.default_rng(seed)
        X = truth.sample(N_SAMPLES, rng)[0]
        em = planted(X, fit_em(X, 3, random_state=seed), rng)
        if not certified(em, X, posterior(X, seed)).better_by > 0:
            missed.append(seed)
    assert missed == []


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(4))
def test_no_alarm_at_the_best_optimum(truth, shard):
    """None in 4 x N_QUIET seeded tries; with N_QUIET = 250 there was none in 1000 either.

    Where the certificate finds a better optimum than EM's defaults did (about 1 in 100 of these
    data sets), that is no false alarm but its work; the question is whether it then rests.
    """
    alarms = []
    for seed in range(1000 + N_QUIET * shard, 1000 + N_QUIET * (shard + 1)):
        X = truth.sample(N_SAMPLES, seed)[0]
        em, draws = fit_em(X, 3, random_state=seed).mixture, posterior(X, seed)
        certificate = certified(em, X, draws)
        if certificate.better_by > 0:
            better = fit_em(X, 3, init=Mixture(**certificate.optima[0].mixture.model_dump()))
            assert better.mixture.log_likelihood(X) > em.log_likelihood(X)
            certificate = certified(better.mixture, X, draws)
        if certificate.better_by > 0:
            alarms.append(seed)
    assert alarms == []
