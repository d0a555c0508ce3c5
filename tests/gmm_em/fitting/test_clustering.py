"""Starts that cluster: Ward's tree is cut where it should be, and k-means ends at a fixed point."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist

from gmm_em.covariance.registry import get_structure
from gmm_em.fitting.starts.base import Rows
from gmm_em.fitting.starts.clustering import cut, lloyd
from gmm_em.rows.samples import Samples


@pytest.mark.parametrize("n_clusters", [1, 2, 5, 40])
def test_a_cut_has_the_clusters_of_scipy(n_clusters):
    X = np.random.default_rng(0).normal(size=(40, 3))
    tree = linkage(X, "ward")
    labels, expected = cut(tree, n_clusters), fcluster(tree, n_clusters, "maxclust")
    assert sorted(set(labels.tolist())) == list(range(n_clusters))
    # Two rows are together in one where they are together in the other.
    np.testing.assert_array_equal(labels[:, None] == labels, np.equal.outer(expected, expected))


def test_a_cut_has_as_many_clusters_as_asked_for_where_heights_are_tied():
    tree = linkage(np.repeat(np.arange(4.0), 3)[:, None], "ward")
    for n_clusters in range(1, 13):
        assert len(set(cut(tree, n_clusters).tolist())) == n_clusters


def test_lloyd_ends_where_every_row_is_with_the_nearest_mean():
    X = np.random.default_rng(1).normal(size=(300, 2))
    X[:100] += 6.0
    X[100:200, 0] -= 6.0
    rows = Rows.of(Samples(X), get_structure("full"))
    labels = lloyd(rows, rows.X[[0, 150, 250]])
    means = np.stack([rows.X[labels == k].mean(axis=0) for k in range(3)])
    np.testing.assert_array_equal(labels, cdist(rows.X, means).argmin(axis=1))
