"""A component that all but lies on a hyperplane has collapsed, in whatever units and direction."""

import numpy as np
import pytest

from gmm_em.covariance.collapse import collapsed


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
