"""Co-clustering, and the partition of least expected loss."""

import numpy as np
import pytest

from gmm_bayes.unknown_k.partition import (
    LOSSES,
    by_size,
    co_clustering,
    expected_loss,
    point_partition,
)
from tests.gmm_bayes.unknown_k.partitions import partitions


def test_co_clustering_counts_pairs():
    allocations = np.array([[0, 0, 1], [1, 2, 1], [0, 0, 0], [2, 2, 1]], dtype=np.uint16)
    expected = np.array([[1.0, 0.75, 0.5], [0.75, 1.0, 0.25], [0.5, 0.25, 1.0]])
    np.testing.assert_array_equal(co_clustering(allocations), expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_search_finds_the_best_of_all_partitions(rng, loss):
    """Of seven rows in draws that are two clusters with noise; 877 partitions are tried."""
    truth = np.array([0, 0, 0, 1, 1, 1, 1])
    draws = np.where(rng.random((200, 7)) < 0.2, rng.integers(0, 4, (200, 7)), truth)
    matrix = co_clustering(draws.astype(np.uint16))
    found = point_partition(matrix, draws.astype(np.uint16), loss)
    best = min(expected_loss(matrix, np.array(labels), loss) for labels in partitions(7))
    assert expected_loss(matrix, found, loss) == pytest.approx(best, abs=1e-12)


def test_the_bound_of_the_variation_of_information_is_exact_for_one_draw():
    """With one draw the expected loss is least, by its definition, at that draw."""
    draw = np.array([[0, 1, 1, 2, 2, 2]], dtype=np.uint16)
    for loss in LOSSES:
        np.testing.assert_array_equal(
            point_partition(co_clustering(draw), draw, loss), [2, 1, 1, 0, 0, 0]
        )


def test_an_unknown_loss_is_refused():
    with pytest.raises(ValueError, match="loss is 'rand'; allowed are 'vi', 'binder'"):
        point_partition(np.eye(2), np.zeros((1, 2), dtype=np.uint16), "rand")


def test_clusters_are_numbered_by_size():
    np.testing.assert_array_equal(by_size(np.array([5, 5, 2, 9, 9, 9])), [1, 1, 2, 0, 0, 0])
