"""Rows that decide an estimate are named; without such rows nothing is said."""

import numpy as np

from experiments.analysis.outliers import decided_by_outliers
from experiments.values.parameters import Parameters
from gmm_em import Mixture, fit_em, standard_errors
from gmm_em.parameter_names import ParameterLayout
from tests.experiments.made import made_em

TRUTH = Mixture([0.5, 0.5], [[0.0, 0.0], [8.0, 0.0]], [np.eye(2)] * 2)


def decided(X):
    fitted = fit_em(X, 2, init=TRUTH).mixture
    errors = Parameters.of(standard_errors(X, fitted))
    return decided_by_outliers(made_em(fitted), errors, X, ParameterLayout(2, 2))


def test_a_row_far_out_is_named_and_its_weight_told(rng):
    X = TRUTH.sample(150, rng)[0]
    X[17] = [0.0, 12.0]
    found = decided(X)
    assert found.rows == [18]
    assert found.n_rows == 1
    assert found.max_change > 2
    assert found.parameter.startswith("covariance[")


def test_the_change_is_that_of_a_fit_without_the_rows(rng):
    X = TRUTH.sample(150, rng)[0]
    X[[3, 90]] = [[0.0, 14.0], [8.0, -15.0]]
    found = decided(X)
    before = fit_em(X, 2, init=TRUTH).mixture
    after = fit_em(np.delete(X, [3, 90], axis=0), 2, init=before).mixture
    errors = standard_errors(X, before)
    change = np.abs(after.covariances - before.covariances) / errors.covariances
    assert sorted(found.rows) == [4, 91]
    assert np.isclose(found.max_change, change.max())


def test_rows_of_the_model_are_no_outliers():
    """One sample in a hundred has a row that far out, of 20 more than 3 with probability 4e-5."""
    found = [decided(TRUTH.sample(150, seed)[0]) for seed in range(20)]
    assert sum(one is not None for one in found) <= 3
