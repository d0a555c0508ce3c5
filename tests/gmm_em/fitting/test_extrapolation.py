"""Steps beyond two steps of EM."""

import numpy as np
import pytest

from gmm_em.covariance.registry import get_structure
from gmm_em.fitting.ascent import Climb
from gmm_em.fitting.extrapolation import extrapolated
from gmm_em.fitting.posing import ProblemMaker
from gmm_em.fitting.short_runs import Batch
from gmm_em.rows.samples import Parameters

RATE = 0.9


def posed(X, n_components, structure="full"):
    return ProblemMaker(n_components, get_structure(structure), 0.0 * X[0], None, None, False).pose(
        X, None
    )


def overlapping(n=500):
    rng = np.random.default_rng(3)
    centres = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 2.0]])
    return rng.normal(size=(n, 2)) + centres[rng.integers(3, size=n)]


def starts(problem, n):
    rng = np.random.default_rng(5)
    k, d = problem.n_components, problem.samples.n_features
    covariances = np.broadcast_to(np.eye(d), (k, d, d)).copy()
    return [Parameters(np.full(k, 1 / k), rng.normal(size=(k, d)), covariances) for _ in range(n)]


def stacked(one):
    return Parameters(*(array[None] for array in one))


def test_an_error_that_shrinks_by_a_constant_factor_is_removed_at_once():
    limit, begin = np.array([[1.0, -2.0]]), np.array([[1.3, -1.0]])
    means = [limit + RATE**i * (begin - limit) for i in range(3)]
    points = [stacked(Parameters(np.ones(1), m, np.eye(2)[None])) for m in means]
    proposal, lengths = extrapolated(*points)
    assert lengths == pytest.approx([1.0 / (1.0 - RATE)])
    np.testing.assert_allclose(proposal.means[0], limit, rtol=1e-12)
    np.testing.assert_allclose(proposal.covariances[0, 0], np.eye(2), atol=1e-12)


def test_a_proposal_does_not_depend_on_units_and_order_of_features():
    problem = posed(overlapping(), 3)
    batch = Batch(problem, starts(problem, 1), tol=1e-10, keep_path=True)
    batch.advance(2)
    points = batch.runs[0].path
    A = np.array([[0.0, 7.0], [0.01, 0.0]])
    moved = [Parameters(p.weights, p.means @ A.T, A @ p.covariances @ A.T) for p in points]
    plain, lengths = extrapolated(*map(stacked, points))
    other, same = extrapolated(*map(stacked, moved))
    np.testing.assert_allclose(same, lengths, rtol=1e-6)
    np.testing.assert_allclose(other.means, plain.means @ A.T, rtol=1e-6)
    np.testing.assert_allclose(other.covariances, A @ plain.covariances @ A.T, rtol=1e-5)


@pytest.mark.parametrize("structure", ["full", "diag", "tied", "VVE"])
def test_leaps_never_fall_and_lead_higher_than_as_many_steps(structure):
    problem = posed(overlapping(), 3, structure)
    begin = starts(problem, 4)
    plain, fast = (Batch(problem, begin, tol=1e-10) for _ in range(2))
    plain.advance(40)
    fast.advance(4)
    fast.leap(36)
    for run in fast.runs:
        assert (np.diff(run.trace) >= 0).all()
    fast.leave(fast.active.tolist())
    plain.leave(plain.active.tolist())
    reached = [sum(run.trace[-1] for run in batch.runs) for batch in (plain, fast)]
    assert reached[1] > reached[0]
    for run in fast.runs:
        assert problem.in_family(run.parameters) is run.parameters


def test_a_run_that_leaps_alone_or_with_others_takes_the_same_path():
    problem = posed(overlapping(), 3)
    begin = starts(problem, 3)
    # The last one is about to collapse, and must not change the others.
    begin[2].covariances[0] *= 1e-14
    batch, alone = Batch(problem, begin, tol=1e-10), Batch(problem, begin[:1], tol=1e-10)
    for one in (batch, alone):
        one.advance(2)
        one.leap(30)
    np.testing.assert_allclose(batch.runs[0].trace, alone.runs[0].trace, rtol=1e-9)


def test_a_run_that_has_converged_leaves_at_its_maximum():
    problem = posed(overlapping(), 1)
    batch = Batch(problem, starts(problem, 1), tol=1e-10)
    batch.advance(1)
    batch.leap(10)
    assert batch.runs[0].converged
    climb = Climb(problem, batch.runs[0], tol=1e-10)
    climb.advance(100)
    assert climb.objective == pytest.approx(batch.runs[0].trace[-1], abs=1e-6)
