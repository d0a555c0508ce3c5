"""Exponentials of which some are left out give the same sums."""

import numpy as np
import pytest

from gmm_em.e_step import exponentials
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.e_step.exponentials import NEGLIGIBLE, exp_is_slow, exponentiate
from gmm_em.rows.samples import Parameters, Samples


@pytest.fixture(params=[False, True])
def slow(request, monkeypatch):
    """Both kinds of processor, whichever this one is."""
    monkeypatch.setattr(exponentials, "exp_is_slow", lambda: request.param)
    return request.param


@pytest.mark.parametrize("shape", [(3, 7), (8, 1000)])
@pytest.mark.parametrize("live", [0.0, 0.1, 0.9, 1.0])
def test_what_counts_is_exact_and_the_rest_is_negligible(rng, slow, shape, live):
    near = rng.uniform(NEGLIGIBLE + 1e-9, 0.0, shape)
    far = rng.choice([-65.0, -300.0, -1e4, -np.inf], shape)
    counts = rng.random(shape) < live
    values = np.where(counts, near, far)
    exponentiate(values)
    np.testing.assert_array_equal(values[counts], np.exp(near[counts]))
    assert (values[~counts] >= 0.0).all()
    assert (values[~counts] < 2e-28).all()
    tiny = np.finfo(np.float64).tiny
    assert ((values == 0.0) | (values >= tiny)).all()


def test_few_that_count_are_taken_one_by_one(rng, monkeypatch):
    monkeypatch.setattr(exponentials, "exp_is_slow", lambda: True)
    values = np.full((8, 1000), -70.0)
    values[0] = 0.0
    exponentiate(values)
    np.testing.assert_array_equal(values, np.repeat([[1.0], [0.0]], [1, 7], axis=0).repeat(1000, 1))


@pytest.mark.parametrize(
    ("found", "slow"),
    [
        ({"exp": {"dd": {"current": "X86_V4", "available": "X86_V4 baseline"}}}, False),
        ({"exp": {"dd": {"current": "AVX512_SKX", "available": "AVX512_SKX"}}}, False),
        ({"exp": {"dd": {"current": "X86_V3", "available": "X86_V4 X86_V3"}}}, True),
        ({"exp": {"dd": {"current": "baseline(NEON)", "available": "baseline(NEON)"}}}, True),
        ({}, True),
    ],
)
def test_the_loop_that_numpy_uses_decides(monkeypatch, found, slow):
    monkeypatch.setattr(np.lib.introspect, "opt_func_info", lambda **_: found)
    assert exp_is_slow.__wrapped__() is slow


def test_numpy_names_its_loop():
    kinds = np.lib.introspect.opt_func_info(func_name="^exp$", signature="float64")["exp"]
    assert [kind["current"] for kind in kinds.values()] != []


@pytest.mark.parametrize("weighted", [False, True])
def test_sums_are_those_of_all_exponentials(rng, monkeypatch, weighted):
    """Components far from each other, of which one has few rows: most responsibilities are none."""
    means = 30.0 * rng.normal(size=(6, 3))
    labels = rng.choice(6, 6000, p=[0.001, 0.199, 0.2, 0.2, 0.2, 0.2])
    X = means[labels] + rng.normal(size=(6000, 3))
    weight = rng.uniform(0.5, 2.0, 6000) if weighted else None
    samples = Samples(X, weight, units=(np.zeros(3), np.ones(3)))
    parameters = Parameters(np.full(6, 1 / 6), means, np.repeat(np.eye(3)[None], 6, axis=0))
    totals = []
    for slow in (False, True):
        monkeypatch.setattr(exponentials, "exp_is_slow", lambda slow=slow: slow)
        totals.append(BlockedEStep(samples, 6, strict=True).expect(parameters))
    expected, found = totals
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-14)
    np.testing.assert_allclose(found.counts, expected.counts, rtol=1e-14)
    np.testing.assert_allclose(found.first, expected.first, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.second, expected.second, rtol=1e-12)
