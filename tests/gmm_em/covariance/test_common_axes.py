"""The M-step with common axes beside the majorisation of Browne & McNicholas (2014)."""

import numpy as np
import pytest

from gmm_em.covariance.common_axes import CommonAxes
from gmm_em.covariance.frames import moments_along, shared_frame
from gmm_em.covariance.registry import get_structure
from gmm_em.covariance.turns import newton_turns, rotation


def made(seed, k=3, d=4):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(k, d, d))
    counts = rng.uniform(5.0, 30.0, size=k)
    return counts, (roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(d)) * counts[:, None, None]


def cost(structure, frame, counts, scatter):
    variances = structure.variances(moments_along(frame, scatter), counts)
    return counts @ np.log(variances).sum(axis=1)


def majorised(structure, frame, counts, scatter):
    """One step of the paper's equation for the rotation, with the variances renewed before it."""
    precisions = 1.0 / structure.variances(moments_along(frame, scatter), counts)
    largest = np.linalg.eigvalsh(scatter)[:, -1]
    pull = np.zeros_like(frame)
    for w, matrix, top in zip(precisions, scatter, largest, strict=True):
        pull += w[:, None] * (frame.T @ matrix) - top * w[:, None] * frame.T
    left, _, right = np.linalg.svd(pull)
    return -(left @ right).T


@pytest.mark.parametrize("kind", ["EVE", "VVE"])
@pytest.mark.parametrize("seed", range(5))
def test_rotations_end_where_the_majorisation_rests(kind, seed):
    structure = get_structure(kind)
    assert isinstance(structure, CommonAxes)
    counts, scatter = made(seed)
    found = shared_frame(structure.covariances(counts, scatter, counts.sum()))
    best = cost(structure, found, counts, scatter)
    assert cost(structure, majorised(structure, found, counts, scatter), counts, scatter) == (
        pytest.approx(best, abs=1e-9)
    )
    for start in np.linalg.eigh(np.concatenate([scatter, scatter.sum(axis=0)[None]]))[1]:
        frame, before = start, np.inf
        for _ in range(300):
            frame = majorised(structure, frame, counts, scatter)
            value = cost(structure, frame, counts, scatter)
            assert value <= before + 1e-9
            before = value
        # No start from which the majorisation climbs does better.
        assert best <= before + 1e-6


@pytest.mark.parametrize("kind", ["EVE", "VVE"])
def test_newton_s_step_is_that_of_differences(kind):
    structure = get_structure(kind)
    counts, scatter = made(1)
    start = np.linalg.eigh(scatter.sum(axis=0))[1]
    # Near the optimum, where no step is cut short.
    frame, _ = structure._climb(start, counts, scatter, 100)
    frame = frame @ rotation(0.05 * np.array([1.0, -1.0, 0.5, 1.0, 0.3, -0.7]), 4)

    def at(turns):
        return cost(structure, frame @ rotation(turns, 4), counts, scatter)

    units = 1e-4 * np.eye(6)
    gradient = np.array([at(a) - at(-a) for a in units]) / 2e-4
    hessian = [[at(a + b) - at(a - b) - at(b - a) + at(-a - b) for b in units] for a in units]
    expected = -np.linalg.solve(np.array(hessian) / 4e-8, gradient)
    rotated = frame.T @ scatter @ frame
    moments = np.diagonal(rotated, axis1=1, axis2=2)
    precisions = 1.0 / structure.variances(moments, counts)
    step = newton_turns(rotated, precisions, structure.coupling(moments, counts), 1e-9)
    np.testing.assert_allclose(step, expected, atol=1e-5)
    assert np.abs(step).max() > 0.02


def test_a_common_frame_is_found_where_axes_tie():
    rng = np.random.default_rng(0)
    frame = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    # Each matrix has a tie of its own; together they single out every axis.
    variances = np.array([[1.0, 1.0, 2.0, 3.0], [5.0, 1.0, 1.0, 4.0], [2.0, 3.0, 2.0, 2.0]])
    matrices = (frame * variances[:, None, :]) @ frame.T
    found = shared_frame(matrices)
    rotated = found.T @ matrices @ found
    off = rotated - rotated * np.eye(4)
    np.testing.assert_allclose(off, 0.0, atol=1e-12)
