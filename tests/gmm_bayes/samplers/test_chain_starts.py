"""Where chains start on many rows: the same maxima from few climbs as from many."""

from dataclasses import replace

import numpy as np
import pytest

from gmm_bayes import InverseWishartPrior, Task
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.samplers import chain_starts
from gmm_bayes.samplers.chain_starts import find_starts


@pytest.fixture
def task(rng):
    """Rows that two components can describe in two ways: three groups, the middle one smaller."""
    groups = [rng.normal(center, 0.5, size=(n, 1)) for center, n in ((-5, 500), (0, 250), (5, 500))]
    return Task(
        X=np.concatenate(groups),
        n_components=2,
        prior=InverseWishartPrior(),
        draws=10,
        tune=100,
        chains=2,
        cores=1,
        seed=np.random.SeedSequence(3),
        progress=lambda done, total: None,
        covariance_type="full",
    )


def peaks_and_climbs(monkeypatch, task, operations):
    """Return the highest log densities of the maxima, and the climbs on all rows."""
    climbs = []

    def counted(target, starts, factor, cores, plain=chain_starts.find_peaks):
        if len(target.X) == len(task.X):
            climbs.append(len(starts))
        return plain(target, starts, factor, cores)

    with monkeypatch.context() as patch:
        patch.setattr(chain_starts, "find_peaks", counted)
        patch.setattr(chain_starts, "_CLIMB_OPERATIONS", operations)
        target = LogPosterior(task.X, task.n_components, task.prior)
        # A seed counts the streams that were made of it, so each run has its own.
        starts, _ = find_starts(replace(task, seed=np.random.SeedSequence(3)), target)
    return [peak.log_density for peak in starts.peaks], sum(climbs)


def test_few_climbs_on_all_rows_reach_the_maxima_that_many_reach(monkeypatch, task):
    many, n_many = peaks_and_climbs(monkeypatch, task, 1e15)
    few, n_few = peaks_and_climbs(monkeypatch, task, 0.0)
    assert len(many) >= 2
    assert n_few <= 20 < 60 <= n_many, f"{n_few} and {n_many} climbs"
    assert few == pytest.approx(many, abs=1e-4)


def test_a_population_that_sees_all_rows_is_climbed_from_as_before(monkeypatch, task):
    less = replace(task, X=task.X[::2])
    assert peaks_and_climbs(monkeypatch, less, 0.0) == peaks_and_climbs(monkeypatch, less, 1e15)
