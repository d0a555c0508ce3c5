"""EM on a dask array: its own scheduler sums over chunks, and the result is that in memory."""

import dask
import dask.array as da
import numpy as np
import pytest

from gmm_em import Mixture, fit_em
from gmm_em.rows.memory_maps import release

TRUTH = Mixture([0.3, 0.7], [[0.0, 0.0], [3.0, 1.0]], [np.eye(2), [[2.0, 0.5], [0.5, 1.0]]])


@pytest.fixture(scope="module")
def rows():
    return TRUTH.sample(30_000, 0)[0]


def assert_same_fit(first, second):
    """Step by step the same numbers but for rounding, which may decide where to stop."""
    steps = min(first.n_iter, second.n_iter)
    np.testing.assert_allclose(first.trace[:steps], second.trace[:steps], rtol=1e-12)
    assert abs(first.n_iter - second.n_iter) <= 1
    for name in ("weights", "means", "covariances"):
        values = (getattr(result.mixture, name) for result in (first, second))
        np.testing.assert_allclose(*values, atol=1e-5)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("chunks", [(7_000, 2), (11_000, 1)])
def test_the_result_is_that_in_memory_search_included(rows, chunks, covariance_type):
    how = {"covariance_type": covariance_type, "random_state": 0, "n_init": 4}
    assert_same_fit(fit_em(da.from_array(rows, chunks), 2, **how), fit_em(rows, 2, **how))


def test_few_rows_and_a_start_of_ones_own(rows):
    few = rows[:400]
    assert_same_fit(fit_em(da.from_array(few, (90, 2)), 2, init=TRUTH), fit_em(few, 2, init=TRUTH))
    assert_same_fit(
        fit_em(da.from_array(few, (90, 2)), 2, random_state=3), fit_em(few, 2, random_state=3)
    )


def test_the_scheduler_does_not_change_a_bit(rows):
    lazy = da.from_array(rows, (4_000, 2))
    results = []
    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler):
            results.append(fit_em(lazy, 2, init=TRUTH))
    assert np.array_equal(results[0].trace, results[1].trace)
    assert results[0].mixture == results[1].mixture


def test_a_value_that_is_missing_is_named_by_its_row(rows):
    holes = rows.copy()
    holes[21_234, 1] = np.nan
    with pytest.raises(ValueError, match=r"NaN \(row 21234, column 1\)"):
        fit_em(da.from_array(holes, (4_000, 2)), 2, random_state=0)


def test_chunks_of_unknown_size_are_told(rows):
    lazy = da.from_array(rows, (4_000, 2))
    unknown = lazy[lazy[:, 0] > 0]
    with pytest.raises(ValueError, match=r"unknown size, allowed is known ones: .*chunk_sizes\(\)"):
        fit_em(unknown, 2)
    unknown.compute_chunk_sizes()
    assert fit_em(unknown, 1).total_weight == np.count_nonzero(rows[:, 0] > 0)


@pytest.mark.slow
def test_on_a_cluster_every_chunk_is_summed_by_who_has_it(rows):
    from distributed import Client, LocalCluster  # noqa: PLC0415 - only this slow test needs it

    options = {"dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster,
        Client(cluster) as client,
    ):
        lazy = da.from_array(rows, (4_000, 2)).persist()
        assert_same_fit(fit_em(lazy, 2, random_state=0), fit_em(rows, 2, random_state=0))
        held = client.run(lambda dask_worker: len(dask_worker.data))
    assert all(held.values())


def test_pages_of_a_map_are_given_back_and_read_again(tmp_path, rows):
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    for part in (mapped[1_001:9_000], np.asarray(mapped[5:]), mapped[:, :1], mapped[:0], rows):
        before = part.copy()
        release(part)
        assert np.array_equal(part, before)
    # Changes to a private copy would be lost with its pages.
    private = np.load(tmp_path / "rows.npy", mmap_mode="c")
    private[0] = -1.0
    release(private)
    assert private[0, 0] == -1.0
    assert_same_fit(fit_em(mapped, 2, random_state=0), fit_em(rows, 2, random_state=0))
