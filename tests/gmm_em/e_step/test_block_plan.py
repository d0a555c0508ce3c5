import numpy as np
import pytest

from gmm_em.e_step.block_plan import BlockPlan


@pytest.mark.parametrize("n_rows", [1, 2, 63, 1_000, 8_192, 20_000, 1_000_001])
@pytest.mark.parametrize(("n_features", "n_components"), [(1, 1), (2, 3), (10, 40), (60, 200)])
def test_every_row_is_in_one_block_of_one_lane(n_rows, n_features, n_components):
    size = 1 + n_features + n_features * (n_features + 1) // 2
    plan = BlockPlan.of((n_rows, n_features), n_components, size)
    starts = [start for lane in range(plan.n_lanes) for start in plan.lane(lane)]
    assert starts == list(plan.starts)
    stops = [min(start + plan.columns, n_rows) for start in starts]
    assert starts == [0, *stops[:-1]]
    assert stops[-1] == n_rows
    assert all(len(plan.lane(lane)) > 0 for lane in range(plan.n_lanes))


def test_the_columns_that_are_asked_for_are_at_most_used():
    plan = BlockPlan.of((100, 2), 3, 6, columns=30)
    assert plan.columns <= 30
    assert len(plan.starts) == 4


@pytest.mark.parametrize("n", [1, 50, 64, 300, 1_000])
@pytest.mark.parametrize("tile", [32, 64, 256, 4_000])
def test_products_in_tiles_are_the_products(rng, n, tile):
    plan = BlockPlan(n_rows=n, columns=n, tile=tile, n_lanes=1, tiny=False, n_threads=1)
    coefficients, phi = rng.normal(size=(4, 6)), rng.normal(size=(6, n))
    out = np.empty((4, n))
    plan.project(coefficients, phi, out)
    np.testing.assert_allclose(out, coefficients @ phi, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(plan.collect(out, phi), out @ phi.T, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize(
    ("n_rows", "n_features", "n_components", "least", "most"),
    [(1_000, 2, 3, 1, 1), (10_000, 2, 5, 1, 1), (100_000, 2, 5, 1, 2), (1_000_000, 4, 8, 2, 5),
     (100_000, 32, 16, 4, 8)],
)  # fmt: skip
def test_threads_are_no_more_than_the_work_is_worth(n_rows, n_features, n_components, least, most):
    """The bounds are what was fastest on sixteen cores."""
    size = 1 + n_features + n_features * (n_features + 1) // 2
    plan = BlockPlan.of((n_rows, n_features), n_components, size)
    assert least <= plan.n_threads <= most


def test_more_rows_are_never_worth_fewer_threads():
    threads = [BlockPlan.of((n, 10), 8, 66).n_threads for n in (10**3, 10**4, 10**5, 10**6, 10**7)]
    assert threads == sorted(threads)
    assert threads[-1] > threads[0] == 1
