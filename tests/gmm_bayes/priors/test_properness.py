"""Where repeated values leave a posterior improper."""

import numpy as np
import pytest

from gmm_bayes import HierarchicalPrior, InverseWishartPrior, LKJPrior, NIWPrior
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.priors.properness import largest_tie
from gmm_bayes.space.structures import FULL, STRUCTURES


@pytest.mark.parametrize("n_tied", [1, 2, 3, 5])
def test_the_condition_is_where_the_integral_over_a_standard_deviation_diverges(rng, n_tied):
    """The density near a collapse, per unit of log s, times s for the mean, is ``s**(2 - c)``.

    Its integral towards s = 0 is finite for c = 1 only.
    """
    X = np.concatenate([np.full((n_tied, 1), 0.3), rng.normal(size=(20, 1))])
    prior = LKJPrior()
    target = LogPosterior(X, 2, prior)
    tie = target.scaling.standardise(X)[0]

    def near(sd: float, of: LogPosterior) -> float:
        theta = of.space.from_mixture(
            np.array([0.2, 0.8]),
            np.array([tie, [0.0]]),
            np.array([[[sd**2]], [[1.0]]]),
        )
        return of(theta)[0] + np.log(sd)

    power = (near(1e-5, target) - near(1e-4, target)) / np.log(0.1)
    assert power == pytest.approx(2 - n_tied, abs=1e-2)
    assert (prior.improper_on(X, 2, FULL) is None) == (n_tied == 1)
    proper = LogPosterior(X, 2, InverseWishartPrior())
    assert near(1e-3, proper) < near(1e-2, proper) - 1000.0


def test_ties_are_what_a_structure_can_collapse_onto():
    X = np.array([[1.0, 5.0], [1.0, 6.0], [1.0, 7.0], [2.0, 8.0], [3.0, 8.0], [2.0, 8.0]])
    found = {name: largest_tie(X, 2, structure) for name, structure in STRUCTURES.items()}
    assert found["full"].n_rows == found["diag"].n_rows == 3
    assert found["spherical"].n_rows == 2
    assert found["tied"] is None
    assert largest_tie(X, 3, STRUCTURES["tied"]).place == "the value 1 in column 0"
    assert largest_tie(X, 1, FULL) is None
    assert largest_tie(X[:, 1:] + np.arange(6.0)[:, None], 2, FULL) is None


def test_the_sentence_says_where_and_what_to_use():
    X = np.array([[1.0, 5.0], [4.0, 6.0], [4.0, 7.0], [4.0, 8.0]])
    told = LKJPrior().improper_on(X, 2, FULL)
    assert "3 rows have the value 4 in column 0" in told
    assert "InverseWishartPrior()" in told
    for prior in (InverseWishartPrior(), NIWPrior()):
        assert prior.improper_on(X, 2, FULL) is None


@pytest.mark.parametrize(
    "covariance_type", [name for name, found in STRUCTURES.items() if not found.decomposed]
)
@pytest.mark.parametrize("rate_shape", [1.0, 2.0, 4.0, 8.0])
def test_the_hierarchical_condition_is_where_the_integral_diverges(
    rng, covariance_type, rate_shape
):
    """All but one of three components collapse, onto 7 rows, 5 rows or none.

    Their precisions go to infinity together. Per unit of the logarithm of their standard deviation
    s, with the volumes of the means and of the directions that keep the likelihood, the density is
    a power of s. The posterior is improper where that power is not positive.
    """
    d, k, shape = 2, 3, 2.0
    structure = STRUCTURES[covariance_type]
    X = rng.normal(size=(20, d)) * 3.0
    X[:7, 0], X[7:12, 0] = 0.3, -1.0
    if structure.shared:
        X[12:, 0] = 2.0
    if structure.isotropic:
        X[:7, 1], X[7:12, 1] = 0.5, 2.0
    if structure.isotropic and structure.shared:
        X[12:, 1] = 3.0
    prior = HierarchicalPrior(shape=shape, rate_shape=rate_shape, rate_rate=1.0)
    target = LogPosterior(X, k, prior, structure)
    Z = target.scaling.standardise(X)
    powers = []
    for sizes in ((7, 5), (7, 0)):
        values = [_near_collapse(target, Z, sizes, sd, structure) for sd in (1e-4, 1e-3)]
        powers.append((values[1] - values[0]) / np.log(10.0))
    improper = min(powers) <= 1e-2
    told = prior.improper_on(X, k, structure)
    assert (told is not None) == improper
    if told is not None:
        least = float(told.split()[-1])
        assert HierarchicalPrior(shape=shape, rate_shape=least).improper_on(X, k, structure)
        enough = HierarchicalPrior(shape=shape, rate_shape=least + 1e-6)
        assert enough.improper_on(X, k, structure) is None


def _near_collapse(target, Z, sizes, sd, structure):
    """Log density, times the volume of the parameters that keep it, as components collapse."""
    k, d = target.n_components, Z.shape[1]
    means = np.array([Z[:7].mean(0), Z[7:12].mean(0), Z[12:].mean(0)])
    spread = np.tile(np.eye(d), (k, 1, 1))
    n_means = 0
    for j, size in enumerate(sizes if not structure.shared else (7, 5, 8)):
        spread[j] *= sd**2 if structure.isotropic else np.where(np.arange(d) == 0, sd**2, 1.0)
        means[j] = {7: Z[0], 5: Z[7], 8: Z[12]}.get(size, means[j] + 0.05)
        n_means += (d if structure.isotropic else 1) * (size > 0)
    if not structure.isotropic:
        means[:, 1] = 0.0
    theta = target.space.from_mixture(np.array([0.3, 0.3, 0.4]), means, spread)
    return target(theta)[0] + n_means * np.log(sd)
