import json

import numpy as np
import pandas as pd
import pytest
from arviz_stats.base import array_stats

from gmm_bayes import (
    GaussianMixtureBayes,
    ImproperPosteriorWarning,
    LKJPrior,
    MixtureDraws,
    relabel,
)
from gmm_bayes.core.limits import (
    MAX_R_HAT,
    MIN_BFMI,
    MIN_ESS_PER_CHAIN,
    SEPARATE_MODES_R_HAT,
)
from gmm_bayes.evaluation.diagnostics import Diagnostics, diagnose
from gmm_bayes.evaluation.problems import collapsed_draws, sampler_failures, unreliable_rows
from gmm_em import Mixture


def _chains(
    rng: np.random.Generator, means: list[list[float]], n_draws: int = 500, sd: float = 1.0
) -> MixtureDraws:
    """Independent draws around given component means, one list per chain."""
    centre = np.array(means)[:, None, :, None]
    noise = 0.05 * rng.normal(size=(len(means), n_draws, len(means[0]), 1))
    weights = rng.beta(40.0, 60.0, size=(len(means), n_draws))
    return MixtureDraws(
        np.stack([weights, 1.0 - weights], axis=-1),
        centre + noise,
        np.full((*noise.shape, 1), sd**2) * rng.uniform(0.9, 1.1, size=(*noise.shape, 1)),
    )


def _diagnosed(draws: MixtureDraws, X: np.ndarray) -> Diagnostics:
    aligned, permutations = relabel(draws)
    return diagnose(aligned, draws, permutations, aligned.log_likelihood(X), {})


@pytest.fixture
def X() -> np.ndarray:
    return Mixture([0.4, 0.6], [[0.0], [8.0]], np.ones((2, 1, 1))).sample(100, 1)[0]


def test_good_draws_are_trusted_and_agree_with_arviz(rng, X):
    draws = _chains(rng, [[0.0, 8.0]] * 4)
    found = _diagnosed(draws, X)
    assert found.converged
    assert found.problems == ()
    assert found.switch_rate == 0.0
    aligned, _ = relabel(draws)
    row = found.parameters.loc["means[1, 0]"]
    values = aligned.means[:, :, 1, 0]
    assert row["r_hat"] == pytest.approx(array_stats.rhat(values))
    assert row["ess_bulk"] == pytest.approx(array_stats.ess(values))
    assert row["mcse_mean"] == pytest.approx(array_stats.mcse(values))
    assert row["mean"] == pytest.approx(values.mean())
    assert row["verdict"] == "ok"
    json.dumps(found.to_dict(), allow_nan=False)


def test_label_switching_is_seen_before_and_gone_after_alignment(rng, X):
    draws = _chains(rng, [[0.0, 8.0]] * 4)
    switched = draws.permute(rng.permuted(np.tile([0, 1], (4, 500, 1)), axis=-1))
    found = _diagnosed(switched, X)
    assert found.converged
    assert found.n_labelings == 2
    assert 0.4 < found.switch_rate < 0.6
    by_chain = np.array([[0, 1], [0, 1], [1, 0], [1, 0]])
    swapped = draws.permute(np.repeat(by_chain[:, None], 500, axis=1))
    found = _diagnosed(swapped, X)
    assert found.converged
    assert found.switch_rate == 0.0
    assert found.before_alignment["r_hat"].max() > 1.5


def test_modes_that_no_relabelling_reconciles_are_reported(rng, X):
    found = _diagnosed(_chains(rng, [[0.0, 8.0]] * 3 + [[-3.0, 5.0]]), X)
    assert not found.converged
    assert "different modes" in found.problems[0]
    assert found.max_r_hat > 1.2


def test_a_collapsed_component_is_reported(rng, X):
    draws = _chains(rng, [[0.0, 8.0]] * 2)
    covariances = draws.covariances.copy()
    covariances[1, 300:, 0] = 1e-14
    found = _diagnosed(MixtureDraws(draws.weights, draws.means, covariances), X)
    assert found.problems[0].startswith("chains 1: a component collapsed")


def test_few_draws_are_reported(rng, X):
    found = _diagnosed(_chains(rng, [[0.0, 8.0]] * 4, n_draws=20), X)
    assert any("too few: sample longer" in problem for problem in found.problems)
    found = _diagnosed(_chains(rng, [[0.0, 8.0]] * 4, n_draws=3), X)
    assert "too few draws per chain" in found.problems[0]
    json.dumps(found.to_dict(), allow_nan=False)


def test_sampler_trouble_is_reported(rng, X):
    draws = _chains(rng, [[0.0, 8.0]] * 4)
    aligned, permutations = relabel(draws)
    shape = (4, 500)
    stats = {
        "diverging": np.zeros(shape, dtype=bool),
        "reached_max_treedepth": np.ones(shape, dtype=bool),
        "energy": np.cumsum(rng.normal(size=shape), axis=1),
    }
    stats["diverging"][2, 7] = True
    found = diagnose(aligned, draws, permutations, aligned.log_likelihood(X), stats)
    told = " ".join(found.problems)
    assert "1 of 2000 transitions diverged" in told
    assert "2000 of 2000 trajectories were cut short" in told
    assert "E-BFMI" in told
    assert (found.n_divergent, found.n_max_treedepth) == (1, 2000)


def test_tied_rows_end_in_a_report_and_not_in_an_error(rng):
    """Thirty rows on one point: with an LKJPrior the posterior is improper, and chains fall in."""
    X = np.concatenate([np.tile([[2.0, 3.0]], (30, 1)), rng.normal(size=(30, 2))])
    model = GaussianMixtureBayes(2, prior=LKJPrior(), draws=200, tune=300, chains=2, random_state=0)
    with pytest.warns(ImproperPosteriorWarning, match="30 rows have the value 2 in column 0"):
        model.fit(X)
    assert "the posterior is improper: 30 rows" in model.diagnostics_.problems[0]
    assert "collapsed" in model.diagnostics_.problems[1]
    assert np.isfinite(model.mixture_.covariances).all()
    with pytest.raises(ValueError, match="no log marginal likelihood: the posterior is improper"):
        model.log_marginal_likelihood()


def test_tied_rows_leave_the_default_posterior_sound(rng):
    X = np.concatenate([np.tile([[2.0, 3.0]], (30, 1)), rng.normal(size=(30, 2))])
    model = GaussianMixtureBayes(2, draws=500, tune=500, random_state=0).fit(X)
    assert not collapsed_draws(model.draws_).any()
    assert model.diagnostics_.max_r_hat < SEPARATE_MODES_R_HAT
    assert np.isfinite(model.log_marginal_likelihood()).all()


@pytest.mark.parametrize(
    ("r_hat", "ess", "told"),
    [
        (MAX_R_HAT, 4 * MIN_ESS_PER_CHAIN, []),
        (
            np.nextafter(MAX_R_HAT, 2),
            4 * MIN_ESS_PER_CHAIN,
            ["R-hat of parameter weights[0] is 1.010"],
        ),
        (MAX_R_HAT, 4 * MIN_ESS_PER_CHAIN - 1, ["parameter weights[0] has 399 effective draws"]),
    ],
)
def test_a_parameter_at_a_limit_is_let_pass(r_hat, ess, told):
    table = pd.DataFrame(
        {"r_hat": [r_hat, 1.0], "ess_bulk": [ess, 1e4], "ess_tail": [1e4, 1e4], "verdict": "ok"},
        index=["weights[0]", "weights[1]"],
    )
    found = list(unreliable_rows("parameter", table, 4))
    assert len(found) == len(told)
    for problem, expected in zip(found, told, strict=True):
        assert expected in problem


@pytest.mark.parametrize(
    ("counts", "n_problems"),
    [
        ((0, 50, (MIN_BFMI,)), 0),
        ((1, 50, (MIN_BFMI,)), 1),
        ((0, 51, (MIN_BFMI,)), 1),
        ((0, 50, (MIN_BFMI, np.nextafter(MIN_BFMI, 0))), 1),
        ((1, 51, (0.0,)), 3),
    ],
)
def test_a_sampler_at_a_limit_is_let_pass(counts, n_problems):
    assert len(list(sampler_failures(*counts, 1000))) == n_problems
