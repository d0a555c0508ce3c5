"""Many moves from a maximum, made some steps on few rows."""

import numpy as np
import pytest

from gmm_em import DegenerateError, Mixture, fit_em
from gmm_em.covariance.registry import get_structure
from gmm_em.fitting.moves import Moves
from gmm_em.fitting.options import Options
from gmm_em.fitting.posing import ProblemMaker
from gmm_em.fitting.problem import ConstantFeatureError
from gmm_em.fitting.short_runs import Batch
from gmm_em.fitting.starts.base import Rows
from gmm_em.rows.samples import Parameters

OPTIONS = Options.of(1e-10, 1000, True, False, None)


def posed(X, n_components, kind, *, missing=False):
    maker = ProblemMaker(n_components, get_structure(kind), np.asarray(0.0), None, 1, missing)
    return maker.pose(X, None)


def moves_of(problem, sample=None):
    return Moves(problem, Rows.of(problem.samples, problem.structure), OPTIONS, sample)


def skewed(seed):
    """Three groups of lognormal rows, of which a common covariance makes many maxima."""
    rng = np.random.default_rng(seed)
    rows, centres = 0.6 * rng.normal(size=(500, 3)), 0.3 * rng.normal(size=(3, 3))
    return np.exp(rows + centres[rng.integers(3, size=500)])


@pytest.mark.parametrize("seed", [47, 146, 191])
def test_many_moves_find_what_the_first_do_not(seed):
    X = skewed(seed)
    stuck = fit_em(
        X, 7, covariance_type="tied", n_init=1, init_params="k-means++", random_state=seed
    )
    problem = posed(X, 7, "tied")
    moves = moves_of(problem)
    maximum = Parameters(*problem.samples.inner(stuck.mixture))

    def highest(starts):
        fits = []
        for start in starts:
            try:
                fits.append(
                    fit_em(X, 7, covariance_type="tied", init=problem.samples.outer(*start))
                )
            except DegenerateError:
                continue
        return max(fit.log_likelihood for fit in fits)

    assert highest(moves.first(maximum, 6)) == pytest.approx(stuck.log_likelihood, abs=1e-5)
    found = moves.screened(maximum)
    assert 1 <= len(found) <= 4
    assert highest(found) > stuck.log_likelihood + 4.0


def groups():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    return np.repeat(centres, 1_400, axis=0) + rng.normal(size=(4_200, 2))


def test_nothing_is_left_where_all_moves_lead_back_or_lower():
    X = groups()
    problem = posed(X, 3, "full")
    best = Parameters(*problem.samples.inner(fit_em(X, 3, random_state=0).mixture))
    assert moves_of(problem).screened(best) == []


def test_many_moves_are_made_on_a_sample_that_is_drawn_once():
    X = groups()
    whole, asked = posed(X, 3, "full"), []

    def sample(n_rows):
        asked.append(n_rows)
        return posed(X[:: len(X) // n_rows][:n_rows], 3, "full")

    # Two components share the first group, and one has the others.
    means = np.array([[-0.5, 0.0], [0.5, 0.0], [4.5, 4.5]])
    covariances = np.array([np.eye(2), np.eye(2), [[21.0, -20.0], [-20.0, 21.0]]])
    mixture = Mixture(np.array([1.0, 1.0, 4.0]) / 6.0, means, covariances)
    stuck = Parameters(*whole.samples.inner(mixture))
    moves = moves_of(whole, sample)
    found = moves.screened(stuck)
    assert found
    assert len(moves.screened(found[0])) == 0
    assert asked == [2_000]
    best = fit_em(X, 3, random_state=0).log_likelihood
    first = fit_em(X, 3, init=whole.samples.outer(*found[0]))
    assert first.log_likelihood == pytest.approx(best, abs=1e-5)
    assert first.n_iter < 12


def test_all_rows_are_used_where_a_sample_has_a_constant_feature():
    X = groups()
    problem = posed(X, 3, "full")

    def sample(n_rows):
        raise ConstantFeatureError(0)

    best = Parameters(*problem.samples.inner(fit_em(X, 3, random_state=0).mixture))
    assert moves_of(problem, sample).screened(best) == []


def test_rows_with_missing_values_have_no_moves():
    X = groups()[::20].copy()
    X[::7, 1] = np.nan
    problem = posed(X, 3, "full", missing=True)
    fit = fit_em(X, 3, missing="mar", n_init=1, random_state=0)
    assert moves_of(problem).screened(Parameters(*problem.samples.inner(fit.mixture))) == []


@pytest.mark.parametrize("step", ["advance", "leap"])
def test_a_batch_of_which_every_run_has_left_goes_on_as_it_is(step):
    problem = posed(groups()[::20], 3, "full")
    flat = Parameters(np.full(3, 1 / 3), np.zeros((3, 2)), np.zeros((3, 2, 2)))
    batch = Batch(problem, [flat, flat], tol=1e-10)
    batch.advance(1)
    assert not batch.active.size
    getattr(batch, step)(4)
    assert [bool(run.degenerate) for run in batch.runs] == [True, True]
