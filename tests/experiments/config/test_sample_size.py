"""With more rows EM and the posterior become the same: the shipped config, at both its ends."""

import numpy as np
import pytest

from experiments.api.run import compare_config
from experiments.config.load import load_config

N_PARAMETERS = 17


def compared(n_samples):
    config = load_config(
        "sample-size",
        [f"data.n_samples={n_samples}", "em.n_init=5", "em.n_bootstrap=0", "bayes.draws=500"],
    )
    return compare_config(config)


@pytest.mark.slow
def test_standard_errors_and_deviance_reach_their_limits():
    """False alarms at N = 20 000: below 1 in 5 000 by each bound, over seeds; the seed is fixed."""
    few, many = compared(200), compared(20_000)
    assert many.certificate.n_parameters == N_PARAMETERS
    draws = many.engines["bayes"].diagnostics["label_free"]["log_likelihood"]["ess_bulk"]
    assert draws > 300
    # Four standard errors of the mean of so many chi-squares, whose variance is twice their mean.
    error = np.sqrt(2 * N_PARAMETERS / draws)
    assert abs(many.certificate.deviance_mean - N_PARAMETERS) < 4 * error
    # Kolmogorov's distribution leaves 2 exp(-2 * 2.2**2) = 1.2e-4 beyond.
    assert many.certificate.deviance_distance < 2.2 / np.sqrt(draws)
    # Over seeds the mean ratio at this N has a standard deviation of 0.012, five of which:
    ratio, before = (c.agreement.mean_sd_ratio for c in (many, few))
    assert abs(np.log(ratio)) < 0.06
    # At N = 200 the posterior is wider than EM's standard errors (0.68 to 0.86 in three others).
    assert before < 0.95 < ratio
    assert few.certificate.deviance_distance > many.certificate.deviance_distance
    assert few.agreement.max_abs_z > many.agreement.max_abs_z
    # Estimates differ by O(1 / N), of which a standard deviation is O(1 / sqrt(N)).
    assert many.agreement.max_abs_z < 0.3
