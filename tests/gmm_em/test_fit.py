import numpy as np
import pytest

from gmm_em import fit_em

MCLUST_FULL = {
    ("faithful", 1): -1289.796745,
    ("faithful", 2): -1130.263960,
    ("faithful", 3): -1127.071667,
    ("iris", 1): -379.914630,
    ("iris", 2): -214.354704,
    ("iris", 3): -180.185477,
    ("galaxies", 1): -240.337891,
    ("galaxies", 2): -220.243277,
    ("galaxies", 3): -212.080404,
}


@pytest.mark.parametrize(("name", "n_components"), MCLUST_FULL)
def test_at_least_as_good_as_mclust(request, name, n_components):
    result = fit_em(request.getfixturevalue(name), n_components, random_state=0)
    assert result.log_likelihood >= MCLUST_FULL[name, n_components] - 1e-5
    assert result.converged


def test_every_path_rises(faithful):
    result = fit_em(faithful, 3, random_state=1)
    for run in result.runs:
        assert np.all(np.diff(run.trace) >= 0)
        assert run.trace[-1] == run.log_likelihood


def test_the_result_is_what_it_says(faithful):
    result = fit_em(faithful, 2, random_state=0, snapshots=True)
    best = result.runs[result.best]
    again = result.mixture.log_likelihood(faithful)
    assert result.log_likelihood == pytest.approx(again, rel=1e-12)
    assert result.log_likelihood == max(run.log_likelihood for run in result.runs)
    for value, mixture in zip(best.trace, best.snapshots, strict=True):
        assert value == pytest.approx(mixture.log_likelihood(faithful), rel=1e-12)
    assert best.snapshots[0] == best.start
    assert np.all(np.diff(result.mixture.weights) <= 0)
