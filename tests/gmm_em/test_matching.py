from itertools import permutations

import numpy as np
import pytest

from gmm_em.matching import assign, assignment_cost, match, second_best

SHAPES = [(1, 1), (1, 4), (4, 1), (2, 2), (2, 3), (3, 2), (4, 4), (5, 5), (3, 5), (5, 3)]


def every_assignment(n_rows, n_columns):
    """All ways to give as many rows as possible a column of their own; -1 is none."""
    choices = [*range(n_columns), *[-1] * max(0, n_rows - n_columns)]
    return sorted(set(permutations(choices, n_rows)))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_best_and_the_second_best_of_all_assignments(rng, shape):
    for _ in range(20):
        costs = rng.exponential(size=shape)
        by_cost = sorted(
            every_assignment(*shape),
            key=lambda c: sum(costs[i, j] for i, j in enumerate(c) if j >= 0),
        )
        best = assign(costs)
        assert tuple(best.tolist()) == by_cost[0]
        cost = sum(costs[i, j] for i, j in enumerate(by_cost[0]) if j >= 0)
        assert assignment_cost(costs, best) == pytest.approx(cost, rel=1e-12)
        second = second_best(costs, best)
        if len(by_cost) == 1:
            assert second is None
        else:
            assert tuple(second.tolist()) == by_cost[1]


def test_a_tie_costs_the_same_and_is_another_assignment():
    costs = np.ones((3, 3))
    best = assign(costs)
    second = second_best(costs, best)
    assert (second != best).any()
    assert sorted(second.tolist()) == [0, 1, 2]
    assert assignment_cost(costs, second) == assignment_cost(costs, best) == 3.0


def test_many_tables_are_assigned_one_by_one(rng):
    costs = rng.normal(size=(2, 5, 3, 4))
    found = assign(costs)
    assert found.shape == (2, 5, 3)
    for at in np.ndindex(2, 5):
        np.testing.assert_array_equal(found[at], assign(costs[at]))


def test_the_costs_are_left_as_they_were(rng):
    costs = rng.normal(size=(4, 4))
    before = costs.copy()
    second_best(costs, assign(costs))
    np.testing.assert_array_equal(costs, before)


def test_an_impossible_table_is_refused():
    with pytest.raises(ValueError, match="infeasible"):
        assign(np.full((2, 2), np.inf))


def test_matching_undoes_a_permutation(make_mixture):
    mixture = make_mixture(6, 2)
    order = np.random.default_rng(0).permutation(6)
    np.testing.assert_array_equal(match(mixture, mixture.permute(order)), np.argsort(order))
