"""The chains of one parameter, as the report draws them."""

import numpy as np
import pytest

from experiments.api.comparing import compare_fits
from experiments.core.errors import UsageError
from experiments.datasets.dataset import Dataset
from experiments.report.comparison.chains import BINS, MAX_CHOSEN, chain_blocks
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em


@pytest.fixture(scope="module")
def comparison():
    rng = np.random.default_rng(6)
    mixture = random_mixture(rng, 2, 2)
    dataset = Dataset("made", mixture.sample(60, rng)[0], ("a", "b"))
    fits = {"em": made_em(mixture), "bayes": made_bayes(mixture, rng, n_chains=3, n_draws=60)}
    return compare_fits(dataset, fits)


def panel(figure, place):
    number = "" if place == 0 else str(place + 1)
    return [trace for trace in figure.data if trace.xaxis == f"x{number}"]


def test_each_panel_shows_what_it_says(comparison):
    health = comparison.illustration.health
    chains = np.asarray(health.traces[1])
    figure = comparison.plot_chains(health.traced[1])
    traces, densities, ranks, correlations = (panel(figure, place) for place in range(4))
    assert [len(part) for part in (traces, densities, ranks, correlations)] == [3] * 4
    for chain, trace, density, rank, correlation in zip(
        chains, traces, densities, ranks, correlations, strict=True
    ):
        assert np.allclose(trace.y, chain, rtol=1e-5)
        assert list(trace.x) == health.draws
        assert np.trapezoid(density.y, density.x) == pytest.approx(1.0, abs=0.02)
        # A chain has on average as many ranks in each part as all have.
        assert np.mean(rank.y[:BINS]) == pytest.approx(1.0)
        centred = chain - chain.mean()
        lag_one = np.sum(centred[1:] * centred[:-1]) / np.sum(centred**2)
        assert correlation.y[0] == pytest.approx(1.0)
        assert correlation.y[1] == pytest.approx(lag_one, abs=1e-4)


def test_ranks_of_a_chain_that_lies_above_are_high(comparison):
    health = comparison.illustration.health
    chains = np.asarray(health.traces[0])
    moved = chains.copy()
    moved[2] += 10 * np.ptp(chains)
    traces = [moved.tolist(), *health.traces[1:]]
    apart = comparison.model_copy(
        update={
            "illustration": comparison.illustration.model_copy(
                update={"health": health.model_copy(update={"traces": traces})}
            )
        }
    )
    low, _, high = panel(apart.plot_chains(), 2)
    third = BINS // 3
    assert max(high.y[:third]) == 0 < min(high.y[-third:])
    assert max(low.y[-third:]) == 0


def test_a_constant_has_a_trace_and_no_density(comparison):
    health = comparison.illustration.health
    flat = np.full_like(np.asarray(health.traces[0]), 2.0)
    still = comparison.model_copy(
        update={
            "illustration": comparison.illustration.model_copy(
                update={"health": health.model_copy(update={"traces": [flat.tolist()] * 12})}
            )
        }
    )
    figure = still.plot_chains()
    assert len(panel(figure, 0)) == 3
    assert panel(figure, 1) == []


def test_every_parameter_that_is_kept_can_be_chosen(comparison):
    html = "".join(block.__html__() for block in chain_blocks(comparison))
    traced = comparison.illustration.health.traced
    assert len(traced) > MAX_CHOSEN
    assert html.count("<option") == MAX_CHOSEN == html.count('<div class="slide"')
    assert html.count(" selected>") == 1
    with pytest.raises(UsageError, match=r"parameter = 'mean\[9, 9\]': allowed is"):
        comparison.plot_chains("mean[9, 9]")
