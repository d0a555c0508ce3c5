import numpy as np
import pytest

from gmm_em import bootstrap, fit_em


def test_the_bootstrap_is_reproducible_and_checked(faithful):
    fit = fit_em(faithful, 2, random_state=0).mixture
    runs = [bootstrap(faithful, fit, n_bootstrap=5, random_state=3) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].means, runs[1].means)
    for options, error, message in (
        ({"n_bootstrap": 1}, ValueError, "at least 2"),
        ({"n_bootstrap": 2.0}, TypeError, "integer"),
        ({"kind": "wild"}, ValueError, "kind must be"),
    ):
        with pytest.raises(error, match=message):
            bootstrap(faithful, fit, **options)


def test_percentile_intervals(faithful):
    fit = fit_em(faithful, 2, random_state=0).mixture
    replicates = bootstrap(faithful, fit, n_bootstrap=50, random_state=0)
    low, high = replicates.interval(0.9)
    assert np.all(low.means < fit.means)
    assert np.all(fit.means < high.means)
    assert replicates.weights.shape == (50, 2)
    assert replicates.covariances.shape == (50, 2, 2, 2)
    assert replicates.n_failed == 0
    for bad in (0.0, 1.0, -1.0):
        with pytest.raises(ValueError, match="level"):
            replicates.interval(bad)
