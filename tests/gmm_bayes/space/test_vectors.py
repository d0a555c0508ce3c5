"""Unconstrained vectors and mixtures, where components share all of a covariance or nothing."""

import numpy as np
import pytest

from gmm_bayes.space.structures import STRUCTURES
from gmm_bayes.space.unconstrained import UnconstrainedSpace
from gmm_em.covariance import registry

WHOLE = [name for name in registry.STRUCTURES if not STRUCTURES[name].decomposed]


@pytest.mark.parametrize("structure", [STRUCTURES[name] for name in WHOLE], ids=WHOLE)
@pytest.mark.parametrize(("d", "k"), [(1, 1), (1, 3), (2, 1), (2, 3), (4, 2)])
def test_unconstrained_vector_and_mixture_are_inverse(rng, d, k, structure):
    space = UnconstrainedSpace(k, d, structure)
    theta = rng.normal(size=(7, space.size))
    weights, means, covariances = space.to_mixtures(theta)
    for i in range(7):
        back = space.from_mixture(weights[i], means[i], covariances[i])
        np.testing.assert_allclose(back, theta[i], atol=1e-10)


@pytest.mark.parametrize("name", WHOLE)
def test_covariances_and_number_of_parameters_are_those_of_em(rng, name):
    """A structure is the one of that name in gmm_em: its compact form loses nothing."""
    of_em = registry.STRUCTURES[name]
    for k, d in [(3, 2), (2, 4), (1, 3), (2, 1)]:
        space = UnconstrainedSpace(k, d, STRUCTURES[name])
        assert space.size == k - 1 + k * d + of_em.n_parameters(k, d)
        covariances = space.to_mixtures(rng.normal(size=space.size))[2]
        np.testing.assert_array_equal(of_em.expand(of_em.compact(covariances), k, d), covariances)
