"""Sequential Monte Carlo through PyMC: the same posterior, from the prior on."""

import itertools
import logging

import numpy as np
import pytest
import xarray as xr
from scipy.stats import sem

from gmm_bayes import SMC, GaussianMixtureBayes, LKJPrior, NIWPrior
from gmm_bayes.density.closed_form import MIN_SD
from gmm_bayes.density.conversion import own_draws, standardised_draws, vectors
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.many import density_of
from gmm_bayes.density.prior_draws import prior_vectors
from gmm_bayes.labels.one_labelling import OneLabelling
from gmm_bayes.samplers.smc.chains import _mean_evidence
from gmm_bayes.space.structures import get_structure

QUICK = {"sampler": SMC(max_steps=10), "draws": 100, "chains": 2, "random_state": 1}


@pytest.fixture(scope="module")
def drawn(two_clusters) -> GaussianMixtureBayes:
    model = GaussianMixtureBayes(2, sampler="smc", draws=500, chains=4, random_state=2)
    return model.fit(two_clusters)


@pytest.mark.slow
def test_agrees_with_nuts(drawn, two_clusters):
    """Eleven means within 0.25 sd: over 5 errors of 400 draws. Fails for one seed in 10 000."""
    nuts = GaussianMixtureBayes(2, random_state=1).fit(two_clusters)
    found, expected = drawn.diagnostics_.parameters, nuts.diagnostics_.parameters
    assert ((found["mean"] - expected["mean"]).abs() < 0.25 * expected["sd"]).all()
    np.testing.assert_allclose(found["sd"], expected["sd"], rtol=0.25)


@pytest.mark.slow
def test_the_tree_is_the_same_and_plain(drawn, tmp_path):
    attributes = drawn.posterior_["posterior"].attrs
    assert attributes["sampler"] == "smc"
    assert attributes["inference_library"] == "pymc"
    assert isinstance(attributes["log_marginal_likelihood"], float)
    assert drawn.posterior_["posterior"]["means"].shape == (4, 500, 2, 2)
    assert drawn.posterior_["sample_stats"]["lp"].shape == (4, 500)
    assert any("ancestors" in note for note in drawn.diagnostics_.notes)
    drawn.posterior_.to_netcdf(tmp_path / "posterior.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "posterior.nc", engine="h5netcdf") as back:
        value = back["posterior"].attrs["log_marginal_likelihood"]
        assert float(value) == attributes["log_marginal_likelihood"]


def test_same_seed_same_draws_whatever_the_cores(two_clusters, caplog):
    calls: list[tuple[int, int]] = []
    with caplog.at_level(logging.INFO):
        one = GaussianMixtureBayes(2, cores=1, **QUICK).fit(two_clusters)
        two = GaussianMixtureBayes(2, cores=2, **QUICK).fit(
            two_clusters, callback=lambda *call: calls.append(call)
        )
    # Other libraries may note something meanwhile, such as that files of an earlier test are gone.
    assert not [r for r in caplog.records if r.name.startswith("pymc")]
    np.testing.assert_array_equal(one.draws_.means, two.draws_.means)
    assert not np.array_equal(one.draws_.means[0], one.draws_.means[1])
    assert calls[-1][0] == calls[-1][1]
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_interrupted(two_clusters):
    def late(done: int, total: int) -> None:
        if done > 0.6 * total:
            raise KeyboardInterrupt

    def at_once(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GaussianMixtureBayes(2, **QUICK).fit(two_clusters, callback=at_once)
    model = GaussianMixtureBayes(2, **QUICK).fit(two_clusters, callback=late)
    assert model.posterior_["posterior"].attrs["interrupted"] == 1
    assert model.draws_.n_chains == 1


def test_particles_start_from_the_prior(rng, two_clusters):
    """Weights, means and log standard deviations at 5 errors: one seed in 50 000 fails."""
    prior = LKJPrior(3.0, [1.0, 2.0], 0.5, [1.0, 2.0], 2.0, "data")
    target = LogPosterior(two_clusters, 2, prior)
    draws = standardised_draws(target, prior_vectors(target, 2000, rng)[None])
    means = target.scaling.loc + target.scaling.scale * draws.means
    error = 0.5 / np.sqrt(2000)
    assert (np.abs(means.mean(axis=(0, 1)) - [1.0, 2.0]) < 5.0 * error).all()
    assert abs(draws.weights[..., 0].mean() - 0.5) < 5.0 * draws.weights[..., 0].std() / 2000**0.5
    sds = target.scaling.scale * np.sqrt(np.diagonal(draws.covariances, axis1=-2, axis2=-1))
    expected = np.array([1.0, 2.0]) * np.sqrt(2.0 / np.pi)
    assert (np.abs(sds.mean(axis=(0, 1)) - expected) < 5.0 * sds.std(axis=(0, 1)) / 2000**0.5).all()


def test_prior_times_likelihood_is_the_posterior(rng, two_clusters):
    target = LogPosterior(two_clusters, 3, NIWPrior())
    thetas = 0.3 * rng.normal(size=(5, target.space.size))
    with density_of(target, 2) as density:
        posterior, slopes = density.posterior(thetas)
        prior, _ = density.prior(thetas)
    likelihood = own_draws(target, thetas[None]).log_likelihood(two_clusters)[0]
    np.testing.assert_allclose(posterior - prior, likelihood, rtol=1e-10)
    np.testing.assert_array_equal(slopes[2], target(thetas[2])[1])


def test_one_labelling_of_each_mixture_is_inside(rng, two_clusters):
    target = LogPosterior(two_clusters, 3, NIWPrior())
    thetas = rng.normal(size=(40, target.space.size))
    mixtures = standardised_draws(target, thetas[None])
    labelling = OneLabelling(target, mixtures[0, 7])
    held = sum(
        labelling.contains(vectors(target, mixtures.permute(order))[0]).astype(int)
        for order in itertools.permutations(range(3))
    )
    np.testing.assert_array_equal(held, 1)
    assert labelling.contains(labelling.renumber(thetas)).all()
    values = np.zeros(40)
    values[3] = -np.inf
    restricted = labelling.restrict(values, thetas)
    assert set(restricted[np.isfinite(restricted)]) == {np.log(6.0)} or np.isinf(restricted).all()
    assert restricted[3] == -np.inf


def test_impossible_settings(two_clusters):
    with pytest.raises(ValueError, match=r"threshold must lie in \(0, 1\)"):
        SMC(threshold=1.0)
    with pytest.raises(ValueError, match="max_steps must be at least 2"):
        SMC(max_steps=1)
    with pytest.raises(ValueError, match="at least 22 draws per chain"):
        GaussianMixtureBayes(2, sampler="smc", draws=10).fit(two_clusters)


@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_no_particle_starts_off_the_support(two_clusters, rng, covariance_type):
    """A prior of which most draws have a deviation that is too small for the density."""
    prior = LKJPrior(sd_scale=[MIN_SD, 1.0])
    target = LogPosterior(two_clusters, 2, prior, get_structure(covariance_type))
    thetas = prior_vectors(target, 40, rng)
    with density_of(target, 1) as density:
        assert np.isfinite(density.prior(thetas)[0]).all()
    shares = [
        np.isfinite(target.log_prior(theta))
        for theta in (
            target.space.from_mixture(drawn.weights, drawn.means, drawn.covariances)
            for drawn in (prior.sample(rng, 2, 2, covariance_type) for _ in range(100))
        )
    ]
    assert np.mean(shares) < 0.5


def test_evidence_of_several_chains_is_their_mean_with_its_error(rng):
    """Spread of 400 values: its own error is 4 %, so that 20 % is exceeded once in 10**6."""
    levels = np.log(rng.gamma(50.0, 1 / 50.0, size=(400, 8)))
    found = [_mean_evidence(row) for row in levels]
    for one, row in zip(found, levels, strict=True):
        assert one.value == pytest.approx(np.log(np.exp(row).mean()))
        assert one.standard_error == pytest.approx(sem(np.exp(row)) / np.exp(row).mean())
    spread = np.std([one.value for one in found], ddof=1)
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.2)
