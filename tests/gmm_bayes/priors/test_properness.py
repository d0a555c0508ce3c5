"""Where repeated values leave a posterior improper."""

import numpy as np
import pytest

from gmm_bayes import InverseWishartPrior, LKJPrior, NIWPrior
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
