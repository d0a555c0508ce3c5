"""Where runs lead, and where they are left."""

import numpy as np
import pytest

from gmm_em import fit_em
from gmm_em.covariance.registry import get_structure
from gmm_em.fitting.options import Options
from gmm_em.fitting.posing import ProblemMaker
from gmm_em.fitting.trails import Trails
from gmm_em.rows.samples import Parameters


@pytest.mark.parametrize("n_final", [None, 2])
def test_a_run_is_left_where_it_comes_to_a_known_maximum(n_final):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2)) + np.repeat([[0.0, 0.0], [2.8, 0.0]], 300, axis=0)
    maker = ProblemMaker(2, get_structure("full"), np.asarray(0.0), None, 1, False)
    problem = maker.pose(X, None)
    # Plain steps of EM are many.
    trails = Trails(problem, Options.of(1e-10, 1000, False, False, None), n_final)
    end = Parameters(*problem.samples.inner(fit_em(X, 2, random_state=0).mixture))
    aside = end._replace(means=end.means + 0.5 * np.sqrt(np.diagonal(end.covariances[0])))
    # Runs that wait are not followed to their ends.
    trails.wait = True
    trails.follow([end], None)
    trails.follow([aside], None)
    first, second = (trail.climb for trail in trails.trails)
    assert not second.converged
    for index, trail in enumerate(trails.trails):
        assert trails.carry(trail, index)
    assert [maximum.hits for maximum in trails.atlas.maxima] == [[0, 1]]
    assert first.converged
    assert second.objective == pytest.approx(first.objective, abs=5e-3)
    # Where every run is to be carried by itself, all are.
    assert second.converged == (n_final is not None)


def test_strides_end_where_a_run_stays_lower(faithful):
    maker = ProblemMaker(3, get_structure("full"), np.asarray(0.0), None, 1, False)
    problem = maker.pose(faithful, None)
    options = Options.of(1e-10, 1000, True, False, None)
    start = fit_em(faithful, 3, n_init=1, init_params="random", max_iter=0, random_state=0).mixture
    begun = Parameters(*problem.samples.inner(start))
    whole, low, high = (options.climb(problem, begun, 0) for _ in range(3))
    whole.advance(1000)
    for _ in low.strides(1000, whole.objective + 50.0):
        pass
    assert not low.finished
    assert low.n_iter < whole.n_iter
    lengths = [high.n_iter for _ in high.strides(1000)]
    assert lengths[0] == 8
    assert high.converged
    assert high.objective == pytest.approx(whole.objective, abs=1e-7)
