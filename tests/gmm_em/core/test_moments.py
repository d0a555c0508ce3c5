import numpy as np

from gmm_em.core.moments import variances


def test_variances_within_and_between_groups_add_up_to_that_of_all_rows():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [20, 30, 50])
    X = (
        rng.normal(size=(100, 3))
        + np.array([[0.0, 4.0, 0.0], [9.0, 0.0, 0.0], [0.0, 0.0, 0.0]])[labels]
    )
    groups = [X[labels == j] for j in range(3)]
    means = np.stack([rows.mean(axis=0) for rows in groups])
    covariances = np.stack([np.cov(rows.T, bias=True) for rows in groups])
    within, between = variances(np.array([0.2, 0.3, 0.5]), means, covariances)
    np.testing.assert_allclose(within + between, X.var(axis=0))
    assert between.argmax() == 0
    assert between[2] < 0.1 < 0.8 < within.min()
