"""The model against the data, and the sampler's energies, as the report draws them."""

import numpy as np
import pytest

from experiments.api.comparing import compare_fits
from experiments.core.errors import UsageError
from experiments.datasets.dataset import Dataset
from experiments.report.comparison.energy import MAX_CHAINS, energy_blocks
from experiments.report.comparison.left_out import MAX_SHOWN, left_out_text
from experiments.report.comparison.model_checks import model_check_blocks
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em, with_energies


@pytest.fixture(scope="module")
def comparison():
    rng = np.random.default_rng(6)
    mixture = random_mixture(rng, 2, 2)
    dataset = Dataset("made", mixture.sample(60, rng)[0], ("length", "width"))
    bayes = with_energies(made_bayes(mixture, rng, n_chains=10, n_draws=30), rng)
    return compare_fits(dataset, {"em": made_em(mixture), "bayes": bayes})


def having(comparison, **changes):
    shown = comparison.illustration.model_copy(update=changes)
    return comparison.model_copy(update={"illustration": shown})


def panel(figure, place):
    number = "" if place == 0 else str(place + 1)
    return [trace for trace in figure.data if trace.xaxis == f"x{number}"]


def test_both_panels_have_the_data_and_the_replicated_data_sets(comparison):
    for check in comparison.illustration.feature_checks:
        name = comparison.dataset.feature_names[check.feature]
        figure = comparison.plot_replicates(name)
        densities, shares = panel(figure, 0), panel(figure, 1)
        data = [next(t for t in part if t.name == "data") for part in (densities, shares)]
        assert np.allclose(data[0].y, check.density)
        assert np.allclose(data[1].y, check.excess)
        assert data[0].x0 + data[0].dx * (len(data[0].y) - 1) == pytest.approx(check.grid[-1])
        assert len(densities) == 1 + len(check.replicated_densities)
        band = next(trace for trace in shares if trace.fill == "toself")
        assert max(band.y) == -min(band.y) == check.band
        assert figure.layout.xaxis.title.text == name
    with pytest.raises(UsageError, match=r"feature = 'depth': allowed is (length|width), "):
        comparison.plot_replicates("depth")


def test_rows_above_the_limit_are_named_the_worst_first(comparison):
    found = comparison.illustration.left_out
    k = [0.1] * 60
    k[3], k[8], k[41] = 0.8, 1.2, None
    worse = having(comparison, left_out=found.model_copy(update={"pareto_k": k}))
    said = left_out_text(worse)
    assert "Rows 42 (too large to say), 9 (1.20) and 4 (0.80) are above 0.7" in said
    assert f"rows above {MAX_SHOWN}" in said
    figure = worse.plot_pareto_k()
    levels = {trace.name: list(trace.x) for trace in figure.data}
    assert levels["k from 0.7 to 1"] == [4]
    assert levels["k above 1"] == [9, 42]
    assert len(levels["k up to 0.7"]) == 57
    good = having(comparison, left_out=found.model_copy(update={"pareto_k": [0.1] * 60}))
    assert "No row is above 0.7." in left_out_text(good)


def test_rows_are_linked_to_those_of_the_other_figures(comparison):
    found = comparison.illustration.left_out
    points = [None, *range(1, 60)]
    linked = having(comparison, left_out=found.model_copy(update={"points": points}))
    rows = [row for trace in linked.plot_pareto_k().data for row in trace.meta["rows"]]
    assert sorted(rows)[1:] == list(range(1, 60))
    # One that no other figure draws has a number that none of those has.
    assert min(rows) < 0


def test_energies_of_the_chains_that_are_worst_are_drawn(comparison):
    found = comparison.illustration.energies
    figure = comparison.plot_energy()
    titles = [note.text for note in figure.layout.annotations]
    chains = sorted(np.argsort(found.bfmi)[:MAX_CHAINS])
    assert titles == [f"chain {i + 1}: E-BFMI {found.bfmi[i]:.2f}" for i in chains]
    for place in range(MAX_CHAINS):
        energy, change = panel(figure, place)
        for trace in (energy, change):
            assert np.trapezoid(trace.y, trace.x) == pytest.approx(1.0, abs=0.02)
    html = "".join(block.__html__() for block in energy_blocks(comparison))
    assert f"the lowest here is {min(found.bfmi):.2f}. Of 10 chains the 8" in html


def test_figures_of_a_comparison_that_was_read_are_the_same(comparison):
    read = type(comparison).from_dict(comparison.to_dict())
    for name in ("plot_energy", "plot_pareto_k", "plot_replicates"):
        assert getattr(read, name)().to_json() == getattr(comparison, name)().to_json()


def test_what_is_missing_is_said(comparison):
    bare = having(comparison, energies=None, left_out=None, feature_checks=[])
    assert list(energy_blocks(bare)) == []
    assert "only the numbers" in "".join(b.__html__() for b in model_check_blocks(bare))
    for draw in (bare.plot_energy, bare.plot_pareto_k, bare.plot_replicates):
        with pytest.raises(UsageError, match="to show"):
            draw()
