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
    plan = BlockPlan(n_rows=n, columns=n, tile=tile, n_lanes=1, tiny=False)
    coefficients, phi = rng.normal(size=(4, 6)), rng.normal(size=(6, n))
    out = np.empty((4, n))
    plan.project(coefficients, phi, out)
    np.testing.assert_allclose(out, coefficients @ phi, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(plan.collect(out, phi), out @ phi.T, rtol=1e-12, atol=1e-10)
