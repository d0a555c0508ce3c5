"""The computed curvature is that of the log-likelihood."""

import numpy as np
import pytest

from gmm_em import fit_em
from gmm_em.core.checks import check_ridge
from gmm_em.covariance.registry import get_structure
from gmm_em.fitting.acceleration import Chart
from gmm_em.fitting.curvature import inverse_curvature
from gmm_em.fitting.posing import ProblemMaker
from gmm_em.rows.samples import Parameters


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("weighted", [False, True])
def test_against_finite_differences_of_the_gradient(faithful, kind, weighted):
    weight = np.random.default_rng(0).uniform(0.5, 2, len(faithful)) if weighted else None
    best = fit_em(
        faithful, 2, covariance_type=kind, sample_weight=weight, random_state=0, tol=1e-14
    )
    poser = ProblemMaker(2, get_structure(kind), check_ridge(0.0), None, None, False)
    problem = poser.pose(faithful, weight)
    parameters = Parameters(*problem.samples.inner(best.mixture))
    chart, step = Chart(problem, parameters), 1e-5
    hessian = np.zeros((chart.size, chart.size))
    for i in range(chart.size):
        ends = []
        for sign in (1.0, -1.0):
            point = chart.point(sign * step * np.eye(chart.size)[i])
            ends.append(chart.gradient(point, problem.expect(point.parameters)))
        hessian[:, i] = (ends[0] - ends[1]) / (2 * step)
    # Adding to all log-weights alike changes nothing; the curvature takes it as 1 there.
    roots = np.sqrt(parameters.weights)
    expected = -hessian
    expected[:2, :2] += np.outer(roots, roots)
    inverse, least = inverse_curvature(problem, parameters, chart.factors)
    assert least == pytest.approx(np.linalg.eigvalsh(expected)[0], abs=2e-4)
    np.testing.assert_allclose(inverse @ expected, np.eye(chart.size), atol=2e-4)
