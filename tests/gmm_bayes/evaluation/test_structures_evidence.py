"""Marginal likelihoods by volume, shape and orientation, against the mean over prior draws."""

import numpy as np
import pytest
from scipy.special import logsumexp

from gmm_bayes import GaussianMixtureBayes, VolumeShapePrior
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.many import BatchDensity
from gmm_bayes.density.prior_draws import prior_vectors
from gmm_bayes.space.structures import get_structure

PRIOR = VolumeShapePrior(2.0, 0.0, 1.0, 6.0, 2.0, 0.7, "data")
FEW = np.random.default_rng(11).normal(size=(6, 2)) * [1.0, 1.5]


def mean_over_prior_draws(kind, rng, n=20_000):
    """Return the log of the mean likelihood over prior draws, and its standard error."""
    target = LogPosterior(FEW, 2, PRIOR, get_structure(kind))
    thetas = prior_vectors(target, n, rng)
    density = BatchDensity(target)
    logs = density.posterior(thetas)[0] - density.prior(thetas)[0]
    weights = np.exp(logs - logs.max())
    error = weights.std() / weights.mean() / np.sqrt(n)
    return logsumexp(logs) - np.log(n), error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "sampler"), [("VEI", "nuts"), ("EVV", "nuts"), ("EEV", "smc"), ("EVE", "smc")]
)
def test_marginal_likelihoods_are_means_over_the_prior(rng, kind, sampler):
    """Within five of both standard errors: for less than one seed in a million."""
    expected, error = mean_over_prior_draws(kind, rng)
    model = GaussianMixtureBayes(
        2,
        covariance_type=kind,
        prior=PRIOR,
        sampler=sampler,
        draws=1000,
        tune=500,
        chains=4,
        random_state=3,
        progressbar=False,
    ).fit(FEW)
    value, own_error = model.log_marginal_likelihood()
    assert abs(value - expected) < 5.0 * np.hypot(error, own_error)


def test_axes_without_coordinates_have_no_bridge(rng):
    X = rng.normal(size=(40, 2))
    model = GaussianMixtureBayes(
        1, covariance_type="VEV", draws=50, tune=50, chains=1, random_state=0, progressbar=False
    ).fit(X)
    with pytest.raises(ValueError, match="'VEV', whose draws have several vectors each") as caught:
        model.log_marginal_likelihood()
    assert "\n" not in str(caught.value)
