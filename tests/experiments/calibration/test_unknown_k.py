"""Calibration of the posterior of the number of components."""

import json
from dataclasses import replace

import numpy as np
import pytest

from experiments.calibration.result import PAGE, RESULT
from experiments.calibration.run import address, calibration_of, run_calibration, summarise
from experiments.calibration.simulator import N_DRAWS
from experiments.calibration.unknown_k import UnknownKCalibration
from experiments.config.load import load_config
from experiments.core.errors import UsageError
from gmm_bayes import PoissonComponents
from gmm_bayes.unknown_k.settings import PriorOfUnknownK
from tests.experiments.cli.running import run

QUANTITIES = {
    "n_components",
    "n_filled",
    "largest_weight",
    "log_likelihood",
    "mean[0]",
    "mean[1]",
    "covariance[0, 0]",
    "covariance[1, 0]",
    "covariance[1, 1]",
}


def setting(key, value):
    return f"settings.bayes-auto.{key}={value}"


def test_the_command_ranks_the_number_of_components(tmp_path, monkeypatch, capsys):
    small = [setting("draws", 250), setting("tune", 20), setting("max_components", 3)]
    small.append("data.n_samples=10")
    sets = [part for override in small for part in ("--set", override)]
    out = tmp_path / "out"
    _, text, errors = run(
        monkeypatch, capsys, "sbc", "sbc-unknown-k", "--n-sims", "20", "--out", out, *sets
    )
    assert "n_components" in text, errors
    found = json.loads((out / RESULT).read_text())
    assert set(found["ranks"]) == QUANTITIES
    assert all(0 <= r <= N_DRAWS for ranks in found["ranks"].values() for r in ranks)
    assert found["size"] == {"n_samples": 10, "n_features": 2, "n_components": "1 to 3"}
    assert "from 1 to 3 components" in (out / PAGE).read_text()


def test_the_address_follows_the_settings():
    addresses = set()
    for overrides in ([], [setting("draws", 300)], [setting("components_prior.rate", 2.0)]):
        config = load_config("sbc-unknown-k", overrides)
        addresses.add(address(config, calibration_of(config)))
    assert len(addresses) == 3


def test_true_numbers_follow_their_prior():
    """Mean of 400 numbers, Poisson(1.5) + 1, within 4.5 standard errors: one seed in 100 000."""
    calibration = calibration_of(load_config("sbc-unknown-k"))
    rng = np.random.default_rng(5)
    truths = [calibration.truth(rng)[0] for _ in range(400)]
    numbers = np.array([truth["n_components"].item() for truth in truths])
    assert abs(numbers.mean() - 2.5) < 4.5 * np.sqrt(1.5 / 400)
    assert all(truth["n_filled"].item() <= k for truth, k in zip(truths, numbers, strict=True))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([setting("prior.scale", '"standardised"')], "settings.bayes-auto.prior.scale"),
        ([setting("prior", '{kind = "lkj", scale = "data"}')], "needs an InverseWishartPrior"),
        ([setting("max_components", 0)], "max_components"),
        (["engines=['em']", "settings={}"], "allowed with 'bayes-auto' among them"),
        (["settings={}"], "settings.bayes-auto.prior is not given"),
        (["n_components=[2, 3]", "engines=['bayes-auto']"], "allowed for calibration is one"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(overrides, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        run_calibration(load_config("sbc-unknown-k", overrides), tmp_path / "out", 20)


class Misled(UnknownKCalibration):
    """The sampler believes in many components, and truths have few."""

    def posterior(self, X, draws, seed):
        many = PriorOfUnknownK(PoissonComponents(6.0), self.prior, False, 12)
        return UnknownKCalibration.posterior(replace(self, found=many), X, draws, seed)


@pytest.mark.slow
def test_the_number_of_components_is_calibrated(tmp_path):
    """300 simulated data sets; a right sampler fails for less than one seed in 100."""
    result = run_calibration(load_config("sbc-unknown-k"), tmp_path, 300)
    assert result.calibrated, result.sentence
    assert set(result.p_values) == QUANTITIES


@pytest.mark.slow
def test_a_sampler_with_another_prior_of_the_number_is_caught():
    config = load_config("sbc-unknown-k")
    misled = Misled(**vars(calibration_of(config)))
    result = summarise(config, misled, [misled.simulate(i) for i in range(30)])
    assert "n_components" in result.rejected
