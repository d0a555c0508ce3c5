import numpy as np
import pytest
from arviz_stats.base import array_stats

from experiments.analysis import pareto_smoothing as psis
from experiments.analysis.pareto_smoothing import fit_pareto, leave_out, tail_length

# Log densities whose inverse has a light, a heavy, a very heavy and no sensible tail; ties; and
# ratios beyond the range of a double.
SHAPES = {
    "normal": lambda rng, size: 0.1 * rng.normal(size=size) - 3.0,
    "uniform": lambda rng, size: rng.uniform(size=size),
    "exponential": lambda rng, size: np.log(rng.exponential(size=size)),
    "student": lambda rng, size: -np.abs(rng.standard_t(2, size=size)),
    "pareto": lambda rng, size: -rng.pareto(0.7, size=size),
    "ties": lambda rng, size: np.round(rng.normal(size=size), 1),
    "huge": lambda rng, size: 300 * rng.normal(size=size) - 5000,
}


@pytest.mark.parametrize("n_draws", [25, 100, 225, 226, 1000, 4000])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning:arviz_stats")
def test_every_row_is_as_the_reference_has_it(shape, n_draws, rng):
    log_prob = SHAPES[shape](rng, (30, n_draws))
    elpd, k, p = array_stats.loo(log_prob[:, None, :], chain_axis=1, draw_axis=2)
    found = leave_out(log_prob)
    assert np.isfinite(found.elpd).all()
    # Where ratios overflow the reference has no number; it stays the exception.
    known = np.isfinite(elpd)
    assert known.mean() > 0.7
    scale = np.maximum(1.0, np.abs(elpd[known]))
    assert np.max(np.abs(found.elpd - elpd)[known] / scale) < 1e-10
    assert np.max(np.abs(found.log_predictive - elpd - p)[known] / scale) < 1e-10
    fitted = known & np.isfinite(k)
    assert np.array_equal(np.isfinite(found.pareto_k)[known], fitted[known])
    assert np.allclose(found.pareto_k[fitted], k[fitted], rtol=0, atol=1e-10)


def test_the_fit_finds_the_parameters_of_a_pareto_tail():
    rng = np.random.default_rng(4)
    n = 20_000
    uniform = rng.random((3, n))
    shape, scale = np.array([-0.3, 0.2, 0.8]), np.array([2.0, 1e-6, 5.0])
    values = np.sort(scale[:, None] * np.expm1(-shape[:, None] * np.log(uniform)) / shape[:, None])
    found_shape, found_scale = fit_pareto(values)
    # Asymptotic standard errors (1 + k) / sqrt(n) and about sqrt(2) of that: 5 of them.
    assert np.all(np.abs(found_shape - shape) < 5 * (1 + shape) / np.sqrt(n) + 10 / n)
    assert np.all(np.abs(found_scale / scale - 1) < 5 * np.sqrt(2) * (1 + shape) / np.sqrt(n))


def test_a_constant_density_is_left_as_it_is():
    found = leave_out(np.full((2, 200), -1.5))
    assert np.allclose(found.elpd, -1.5)
    assert np.all(np.isinf(found.pareto_k))


def test_rows_do_not_know_of_each_other(rng, monkeypatch):
    log_prob = rng.normal(size=(9, 500))
    together = leave_out(log_prob.copy())
    monkeypatch.setattr(psis, "BLOCK_VALUES", 1)
    alone = leave_out(log_prob.copy())
    assert np.allclose(together.elpd, alone.elpd, rtol=1e-13)
    assert np.allclose(together.pareto_k, alone.pareto_k, rtol=1e-12)


def test_too_few_draws_have_no_tail():
    assert tail_length(25) == 5
    with pytest.raises(ValueError, match="24 draws, allowed is at least 25"):
        leave_out(np.zeros((3, 24)))
