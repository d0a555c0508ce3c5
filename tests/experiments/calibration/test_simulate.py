"""Calibration: an exact sampler passes, wrong ones are caught, ranks are of what is identified."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import binom, invwishart

from experiments.calibration.run import calibration_of, run_calibration, summarise
from experiments.calibration.simulate import Calibration, _as_draws
from experiments.calibration.simulator import N_DRAWS, rank
from experiments.calibration.uniformity import Uniformity, holm
from experiments.config.load import load_config, parse_config
from experiments.core.errors import FitError, UsageError
from gmm_bayes import GaussianMixtureBayes, LKJPrior, MixtureDraws, NIWPrior
from gmm_bayes.samplers.contract import Sampled
from gmm_em import Mixture

# The test -----------------------------------------------------------------------------------------


def test_false_alarms_come_at_the_stated_rate(rng):
    """400 tests at 5%: outside of these bounds for one seed in 10 000."""
    test = Uniformity(150, 64)
    p_values = [test.p_value(rng.integers(64, size=150)) for _ in range(400)]
    low, high = binom.ppf([5e-5, 1 - 5e-5], 400, 0.05)
    assert low <= sum(p < 0.05 for p in p_values) <= high


@pytest.mark.parametrize("width", [0.8, 1.25])
def test_ranks_of_too_narrow_and_too_wide_posteriors_are_not_uniform(rng, width):
    truths = rng.normal(size=1000)
    draws = width * rng.normal(size=(1000, 63))
    ranks = (draws < truths[:, None]).sum(axis=1)
    assert Uniformity(1000, 64).p_value(ranks) < 1e-3


def test_the_band_says_what_the_p_value_says(rng):
    test = Uniformity(120, 64)
    low, high = test.band(0.3)
    seen = set()
    for _ in range(60):
        ranks = rng.integers(64, size=120)
        difference = test.difference(ranks)
        inside = bool(((low <= difference) & (difference <= high)).all())
        assert inside == (test.p_value(ranks) > 0.3)
        seen.add(inside)
    assert seen == {True, False}


def test_holm_by_hand():
    """0.01 <= 0.05 / 3; 0.02 <= 0.05 / 2; 0.06 > 0.05."""
    assert holm({"a": 0.02, "b": 0.06, "c": 0.01}, 0.05) == ("c", "a")
    assert holm({"a": 0.02, "b": 0.06, "c": 0.03}, 0.05) == ()


def test_ranks_count_draws_below(rng):
    draws = np.arange(2.0 * N_DRAWS).reshape(2, -1)
    assert rank(-1.0, draws, rng) == 0
    assert rank(1e9, draws, rng) == N_DRAWS
    assert abs(rank(N_DRAWS - 0.5, draws, rng) - N_DRAWS / 2) <= 1


def test_ranks_of_whole_numbers_are_uniform(rng):
    """Truths and draws of one distribution with many ties: fails for one seed in 1000."""
    values = rng.geometric(0.5, size=(600, N_DRAWS + 1))
    ranks = np.array([rank(row[0], row[1:], rng) for row in values])
    assert Uniformity(600, N_DRAWS + 1).p_value(ranks) > 1e-3


# Samplers -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OneComponent:
    """The exact posterior of one Gaussian (Gelman et al. 2013, section 3.6), made wrong at will."""

    covariance_factor: float = 1.0
    mean_width: float = 1.0

    def default_prior(self):
        return NIWPrior()

    def sample(self, task):
        prior, X = task.prior, task.X
        n, d = X.shape
        rng = np.random.default_rng(task.seed)
        centre = X.mean(axis=0)
        away = centre - prior.mean_loc
        worth = prior.kappa + n
        scale = prior.psi * np.eye(d) + (X - centre).T @ (X - centre)
        scale += prior.kappa * n / worth * np.outer(away, away)
        size = task.chains * task.draws
        covariances = invwishart(prior.nu + n, scale).rvs(size, rng).reshape(size, d, d)
        noise = np.linalg.cholesky(covariances / worth) @ rng.normal(size=(size, d, 1))
        means = (prior.kappa * prior.mean_loc + n * centre) / worth
        means = means + self.mean_width * noise[..., 0]
        shape = (task.chains, task.draws, 1)
        draws = MixtureDraws(
            np.ones(shape),
            means.reshape(*shape, d),
            self.covariance_factor * covariances.reshape(*shape, d, d),
        )
        return Sampled(draws, {}, False, {})


def calibrated(sampler, n_sims=200):
    config = load_config("sbc-gibbs", ["n_components=1"])
    prior = NIWPrior(1.0, 1.0, 0.3, 5.0, 2.0, "data")
    calibration = Calibration(prior, sampler, 15, 2, 1, 200, 1, 2, seed=4)
    return summarise(config, calibration, [calibration.simulate(i) for i in range(n_sims)])


def test_an_exact_sampler_is_calibrated():
    result = calibrated(OneComponent())
    assert result.calibrated
    assert set(result.p_values) == {
        "means[0, 0]",
        "means[0, 1]",
        "covariances[0, 0, 0]",
        "covariances[0, 1, 0]",
        "covariances[0, 1, 1]",
        "log_likelihood",
    }
    assert result.sentence.startswith("Calibrated: ranks of all 6 quantities are uniform")


@pytest.mark.parametrize(
    ("sampler", "caught"),
    [
        (OneComponent(covariance_factor=0.85), "covariances[0, 0, 0]"),
        (OneComponent(mean_width=0.6), "means[0, 0]"),
    ],
)
def test_wrong_samplers_are_caught(sampler, caught):
    result = calibrated(sampler)
    assert caught in result.rejected
    assert not result.calibrated
    assert result.sentence.startswith("Not calibrated: ranks of")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sbc-gibbs", "sbc-nuts"])
def test_both_samplers_are_calibrated(name, tmp_path):
    """100 simulated data sets; a right sampler fails for less than one seed in 100."""
    result = run_calibration(load_config(name), tmp_path, 100)
    assert result.calibrated, result.sentence
    assert len(result.p_values) == 12


@pytest.mark.slow
def test_a_real_sampler_with_another_prior_is_caught(tmp_path):
    """Truths have small covariances, the sampler believes in large ones."""

    class Misled:
        def default_prior(self):
            return NIWPrior()

        def sample(self, task):
            model = GaussianMixtureBayes(
                task.n_components,
                prior=NIWPrior(4.0, 0.0, 0.1, 12.0, 30.0, "data"),
                sampler="gibbs",
                draws=task.draws,
                tune=task.tune,
                chains=task.chains,
                random_state=0,
                progressbar=False,
            )
            return Sampled(model.fit(task.X).draws_, {}, False, {})

    config = load_config("sbc-gibbs")
    right = calibration_of(config)
    calibration = Calibration(right.prior, Misled(), 80, 2, 2, 300, 200, 2, seed=1)
    result = summarise(config, calibration, [calibration.simulate(i) for i in range(60)])
    assert "covariances[0, 0, 0]" in result.rejected


# What is ranked -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("covariance_type", "count"), [("full", 1 + 4 + 6), ("tied", 8), ("diag", 9), ("spherical", 7)]
)
def test_quantities_are_the_free_parameters_whatever_the_labels(rng, covariance_type, count):
    prior = LKJPrior(scale="data")
    calibration = Calibration(prior, OneComponent(), 30, 2, 2, 100, 100, 2, 0, covariance_type)
    truth = prior.sample(rng, 2, 2, covariance_type)
    X = truth.sample(30, rng)[0]
    found = calibration._quantities(_as_draws(truth), X)
    swapped = calibration._quantities(_as_draws(truth.permute([1, 0])), X)
    assert len(found) == count + 1
    for name in found:
        np.testing.assert_allclose(found[name], swapped[name], rtol=1e-12)
    low = int(np.argmin(truth.means[:, 0]))
    assert found["means[0, 1]"].item() == truth.means[low, 1]
    assert found["log_likelihood"].item() == pytest.approx(truth.log_likelihood(X))


def test_simulations_depend_on_their_number_only():
    calibration = calibration_of(load_config("sbc-gibbs", ["bayes.tune=50", "bayes.draws=200"]))
    again = calibration.simulate(3)
    assert calibration.simulate(3) == again
    assert calibration.simulate(4) != again


def test_draws_worth_too_little_are_told_of():
    class Stuck:
        def default_prior(self):
            return NIWPrior()

        def sample(self, task):
            shape = (task.chains, task.draws)
            one = _as_draws(Mixture([1.0], [[0.0, 0.0]], [np.eye(2)]))
            parts = (one.weights, one.means, one.covariances)
            return Sampled(
                MixtureDraws(*(np.broadcast_to(p, (*shape, *p.shape[2:])).copy() for p in parts)),
                {},
                False,
                {},
            )

    config = load_config("sbc-gibbs", ["n_components=1"])
    calibration = Calibration(NIWPrior(scale="data"), Stuck(), 15, 2, 1, 20, 1, 2, seed=4)
    result = summarise(config, calibration, [calibration.simulate(i) for i in range(20)])
    assert result.n_short == 20
    assert not result.calibrated


# Configs ------------------------------------------------------------------------------------------


def test_the_users_prior_size_and_structure_are_calibrated():
    config = parse_config(
        {
            "name": "mine",
            "n_components": 3,
            "covariance_type": "diag",
            "data": {
                "source": "synthetic",
                "n_samples": 44,
                "truth": {"weights": [1.0], "means": [[0.0]], "covariances": [[[1.0]]]},
            },
            "bayes": {
                "sampler": "nuts",
                "prior": {
                    "kind": "lkj",
                    "scale": "data",
                    "mean_loc": 50.0,
                    "mean_scale": 0.1,
                    "sd_scale": 0.2,
                },
            },
        },
        "mine.toml",
    )
    calibration = calibration_of(config)
    assert calibration.prior == LKJPrior(2.0, 50.0, 0.1, 0.2, 1.0, "data")
    assert (calibration.n_samples, calibration.n_features, calibration.n_components) == (44, 1, 3)
    assert calibration.covariance_type == "diag"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["bayes.prior.scale=standardised"], "bayes.prior.scale = 'standardised': .* is 'data'"),
        (["n_components=[1, 2]"], r"n_components = \[1, 2\]: allowed for calibration is one"),
        (["data.n_samples=1"], "number of rows = 1: allowed for calibration is 2 or more"),
        (["n_components=90"], "number of rows = 80: allowed for calibration is 90 or more"),
        (["bayes.prior.nu=0.5"], "bayes.prior: .*nu must be more than D - 1 = 1, but is 0.5"),
        (["bayes.prior.mean_loc=[0, 0, 0]"], "bayes.prior: .*mean_loc is for 3 features"),
        (["bayes.prior.psi=[[1, 2], [2, 1]]"], "bayes.prior: .*psi must be .*positive definite"),
    ],
)
def test_what_cannot_be_calibrated_is_refused_in_a_sentence(overrides, said, tmp_path):
    with pytest.raises(UsageError, match=f"^sbc-gibbs: {said}"):
        run_calibration(load_config("sbc-gibbs", overrides), tmp_path / "out", 20)
    assert not (tmp_path / "out").exists()


def test_a_prior_that_cannot_be_drawn_from_is_told_of():
    config = load_config("sbc-nuts", ["bayes.prior.sd_scale=1e-200"])
    with pytest.raises(FitError, match=r"^simulation 0 cannot be made: covariance 0 is not pos"):
        calibration_of(config).simulate(0)
