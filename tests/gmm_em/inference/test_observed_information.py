import numpy as np
import pytest

from gmm_em import fit_em
from gmm_em.covariance.registry import get_structure
from gmm_em.inference.observed_information import InformationLayout, information
from tests.gmm_em.inference.densities import log_likelihood

KINDS = ["full", "tied", "diag", "spherical"]


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
