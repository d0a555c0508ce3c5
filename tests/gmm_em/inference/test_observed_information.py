import numpy as np
import pytest

from gmm_em import fit_em
from gmm_em.covariance.registry import STRUCTURES, get_structure
from gmm_em.inference.observed_information import InformationLayout, information
from tests.gmm_em.inference.densities import log_likelihood

KINDS = [name for name in STRUCTURES if get_structure(name).natural(np.eye(2)[None]) is None]
CURVED = [name for name in STRUCTURES if name not in KINDS]


@pytest.mark.parametrize("kind", KINDS)
def test_the_information_is_minus_the_hessian(faithful, kind):
    """Central differences of SciPy's densities, at a point that is not the maximum."""
    structure = get_structure(kind)
    mixture = fit_em(faithful, 2, covariance_type=kind, random_state=0, max_iter=2).mixture
    info = information(faithful, mixture, structure)
    layout = InformationLayout(structure, 2, 2)
    entries = layout.entries()
    rows, columns = np.tril_indices(2)
    fixed = np.zeros(entries.shape[0])
    fixed[1] = 1.0
    start = np.concatenate(
        [mixture.weights, mixture.means.ravel(), mixture.covariances[:, rows, columns].ravel()]
    )
    theta = np.linalg.lstsq(entries, start - fixed)[0]

    def value(theta):
        full = fixed + entries @ theta
        covariances = np.zeros((2, 2, 2))
        covariances[:, rows, columns] = covariances[:, columns, rows] = full[6:].reshape(2, 3)
        return log_likelihood(full[:2], full[2:6].reshape(2, 2), covariances, faithful)

    back = np.linalg.inv(info.to_free)
    observed = back.T @ info.observed @ back
    unit = 1.0 / np.sqrt(np.abs(np.diagonal(observed)))
    steps = np.diag(2e-3 * np.sqrt(272) * unit)
    hessian = np.array(
        [
            [
                value(theta + a + b)
                - value(theta + a - b)
                - value(theta - a + b)
                + value(theta - a - b)
                for b in steps
            ]
            for a in steps
        ]
    ) / (4 * (2e-3) ** 2 * 272)
    np.testing.assert_allclose(-hessian, observed * np.outer(unit, unit), atol=2e-3)
    gradient = np.array([(value(theta + a) - value(theta - a)) for a in steps])
    scaled = back.T @ info.score * np.diagonal(steps)
    np.testing.assert_allclose(gradient / 2, scaled, rtol=5e-3, atol=5e-3)


def slopes_of(function, step, size):
    """Gradient and Hessian of a function at zero, by central differences."""
    units = step * np.eye(size)
    ahead, behind = (np.array([function(a * unit) for unit in units]) for a in (1.0, -1.0))
    here = function(np.zeros(size))
    hessian = np.diag(ahead - 2.0 * here + behind)
    for i in range(size):
        for j in range(i):
            a, b = units[i], units[j]
            corners = function(a + b) + function(-a - b) - function(a - b) - function(b - a)
            hessian[i, j] = hessian[j, i] = 0.25 * corners
    return (ahead - behind) / (2.0 * step), hessian / step**2


@pytest.mark.parametrize("kind", CURVED)
def test_the_information_by_curved_coordinates_is_minus_the_hessian(faithful, kind):
    """Differences of SciPy's densities in the structure's own coordinates, off the maximum."""
    X = faithful[::4]
    structure = get_structure(kind)
    mixture = fit_em(X, 2, covariance_type=kind, random_state=0, max_iter=2).mixture
    info = information(X, mixture, structure)
    coordinates = structure.natural(mixture.covariances)
    size = 5 + coordinates.size
    assert info.observed.shape == (size, size)
    assert coordinates.size == structure.n_parameters(2, 2)

    def value(theta):
        weights = mixture.weights + np.array([1.0, -1.0]) * theta[0]
        factors = coordinates.factors(theta[5:])
        covariances = factors @ factors.transpose(0, 2, 1)
        return log_likelihood(weights, mixture.means + theta[1:5].reshape(2, 2), covariances, X)

    back = np.linalg.inv(info.to_free)
    unit = 1.0 / np.sqrt(np.abs(np.diagonal(back.T @ info.observed @ back)))
    gradient, hessian = slopes_of(lambda theta: value(theta * unit), 0.02, size)
    observed = back.T @ info.observed @ back * np.outer(unit, unit)
    np.testing.assert_allclose(-hessian, observed, atol=2e-3)
    np.testing.assert_allclose(gradient, back.T @ info.score * unit, atol=2e-3)
