"""Simulation-based calibration of NUTS under the structures that mclust has beside our four."""

import numpy as np
import pytest

from experiments.calibration.simulate import Calibration
from experiments.calibration.simulator import N_DRAWS
from experiments.calibration.uniformity import Uniformity
from gmm_bayes import NUTS, InverseWishartPrior, VolumeShapePrior

VOLUMES = VolumeShapePrior(3.0, 0.0, 2.0, 5.0, 1.0, 1.0, "data")
WHOLE = InverseWishartPrior(3.0, 0.0, 2.0, 6.0, 1.0, "data")
N_SIMS = 30


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "prior"),
    [
        ("EEI", WHOLE),
        ("VEI", VOLUMES),
        ("EEE", WHOLE),
        ("EEV", VOLUMES),
        ("VEV", VOLUMES),
        ("VVV", WHOLE),
    ],
)
def test_ranks_of_truths_among_draws_are_uniform(kind, prior):
    """Of some dozen quantities each is tested at 1e-4: a false alarm in one run of a hundred."""
    calibration = Calibration(
        prior=prior,
        sampler=NUTS(),
        n_samples=40,
        n_features=2,
        n_components=2,
        draws=250,
        tune=250,
        chains=1,
        seed=18,
        covariance_type=kind,
    )
    found = [calibration.simulate(number).ranks for number in range(N_SIMS)]
    test = Uniformity(N_SIMS, N_DRAWS + 1)
    for name in found[0]:
        ranks = np.array([each[name] for each in found])
        assert test.p_value(ranks) > 1e-4, (kind, name)
