"""A component that all but lies on a hyperplane has collapsed, in whatever units and direction."""

import numpy as np
import pytest

from gmm_em import DegenerateError, fit_em
from gmm_em.covariance.collapse import collapsed
from gmm_em.covariance.registry import STRUCTURES


@pytest.mark.parametrize("units", [1.0, 1e-7, 1e7])
@pytest.mark.parametrize(("thin", "expected"), [(1e-7, True), (1e-5, False)])
def test_a_component_collapses_along_any_direction(units, thin, expected):
    """The thin direction is the diagonal of the plane; the third feature has its own units."""
    along, across = np.array([1.0, 1.0]) / np.sqrt(2), np.array([1.0, -1.0]) / np.sqrt(2)
    matrix = np.eye(3)
    matrix[:2, :2] = np.outer(along, along) + thin**2 * np.outer(across, across)
    scale = np.array([1.0, 1.0, units])
    both = np.stack([matrix, np.eye(3)]) * scale[:, None] * scale
    np.testing.assert_array_equal(collapsed(both, scale), [expected, False])


def collinear_rows(rng, n_rows):
    """The third feature is the sum of the other two."""
    return rng.normal(size=(n_rows, 2)) @ np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])


@pytest.mark.parametrize("kind", STRUCTURES)
def test_an_m_step_answers_where_few_collinear_rows_have_no_maximum(kind):
    """Volumes that grow without bound and singular sums end neither in an error nor a warning."""
    rng, structure = np.random.default_rng(5), STRUCTURES[kind]
    for _ in range(150):
        counts = rng.integers(1, 6, size=rng.integers(1, 5)).astype(float)
        groups = [collinear_rows(rng, int(n)) for n in counts]
        scatter = np.array([len(rows) * np.cov(rows.T, bias=True) for rows in groups])
        found = structure.covariances(counts, structure.reduce(scatter), counts.sum())
        assert found.shape == (len(counts), 3, 3)
        assert np.isfinite(found).all()


@pytest.mark.parametrize("kind", ["VEE", "VEV"])
def test_collinear_rows_are_degenerate_for_structures_with_correlations(kind):
    rows = collinear_rows(np.random.default_rng(7), 60)
    with pytest.raises(DegenerateError):
        fit_em(rows, 2, covariance_type=kind, random_state=0)
