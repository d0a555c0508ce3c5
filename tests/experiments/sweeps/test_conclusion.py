"""The sentence's numbers, and its direction, are those of the results."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from experiments.analysis.headline import conclusion_of_comparison
from experiments.config.conclusion import Detected, ReachedBest, Trend, Winner
from experiments.config.load import load_config, parse_config, shipped_configs
from experiments.sweeps.conclusion import conclusion_of_sweep, conclusion_of_table
from experiments.values.comparison import Finding


def trend(**changes):
    values = {"kind": "trend", "x": "n", "x_label": "N", "y": {"error": "the error"}}
    return Trend(**values | changes)


def table(**columns):
    return pd.DataFrame(columns)


def test_a_trend_tells_both_ends_and_the_direction():
    rng = np.random.default_rng(0)
    n = np.repeat([10, 1000, 100], 50)
    error = 1 / np.sqrt(n) + 0.001 * rng.standard_normal(n.size)
    said = conclusion_of_table(trend(), table(n=n, error=error))
    first, last = error[n == 10], error[n == 1000]
    assert said.startswith("As N went from 10 to 1 000, the error fell from ")
    assert f"{first.mean():.5f} ± {first.std(ddof=1) / 50**0.5:.5f}" in said
    assert f"to {last.mean():.5f} ±" in said
    rising = conclusion_of_table(trend(), table(n=n, error=-error))
    assert "the error rose from -0.3" in rising


def test_a_difference_within_two_standard_errors_is_no_trend():
    frame = table(n=[1, 1, 2, 2], error=[0.0, 1.0, 0.2, 1.0])
    assert "did not clearly change (0.5 ± 0.5 and 0.6 ± 0.4)" in conclusion_of_table(trend(), frame)


def test_failed_cells_are_left_out_of_a_trend():
    frame = table(n=[1, 1, 2, 3], error=[2.0, np.nan, 4.0, np.nan])
    said = conclusion_of_table(trend(), frame)
    assert said == "As N went from 1 to 2, the error rose from 2 to 4."


def test_a_mean_over_all_cells_is_told_beside_a_trend():
    frame = table(n=[1, 2], error=[2.0, 4.0], seconds=[0.5, 1.5])
    said = conclusion_of_table(trend(overall={"seconds": "the seconds were"}), frame)
    assert said.endswith("; over all, the seconds were 1.0 ± 0.5.")


def test_of_some_columns_the_median_is_told():
    n = np.repeat([1, 2], 9)
    largest = np.tile([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 100.0], 2) + n
    said = conclusion_of_table(
        trend(median={"largest": "the median of the largest"}), table(n=n, error=n, largest=largest)
    )
    assert said.startswith("As N went from 1 to 2, the error rose from 1 to 2, and the median of ")
    assert "the largest rose from 2.40 ± 0.20 to 3.40 ± 0.20" in said


def test_words_keep_their_order_along_an_axis():
    frame = table(n=["tied", "full"], error=[1.0, 2.0])
    assert conclusion_of_table(trend(), frame).startswith("As N went from tied to full")


def test_reaching_the_best_is_counted_within_each_data_set():
    frame = table(
        **{
            "em.init_params": ["textbook", "auto"] * 4,
            "em.n_init": [1, 30] * 4,
            "em.log_likelihood.train": [-9, -5, -3, -3, -8, -8.001, -4, -2],
            "dataset.sha256": list("aabbccdd"),
        }
    )
    said = conclusion_of_table(
        ReachedBest(kind="reached-best", settings=["em.init_params", "em.n_init"]), frame
    )
    assert "textbook (n_init = 1) in 50% of 4 tries (95% interval 15% to 85%)" in said
    assert "auto (n_init = 30) in 100% of 4 tries (95% interval 51% to 100%)" in said


def test_winners_are_counted_by_data_set_and_told_apart():
    frame = table(
        shape=["full", "tied"] * 4,
        bic=[5, 4, 7, 3, 1, 2, 4, 6],
        n=[50] * 4 + [500] * 4,
        **{"dataset.sha256": list("aabbccdd")},
    )
    values = {"kind": "winner", "setting": "shape", "values": {"bic": "BIC"}, "best": "lowest"}
    apart = conclusion_of_table(Winner(**values, by="n", by_label="N ="), frame)
    assert apart == (
        "At N = 50 BIC chose tied in 2 of 2 data sets, and at N = 500 BIC chose full in 2 of 2 "
        "data sets."
    )
    together = conclusion_of_table(Winner(**values), frame)
    assert together.startswith("BIC chose ")
    assert "full in 2" in together
    assert "tied in 2" in together
    highest = conclusion_of_table(Winner(**values | {"best": "highest"}, by="n"), frame)
    assert "50 BIC chose full in 2 of 2" in highest


def test_alarms_are_counted_against_what_the_better_start_found():
    frame = table(
        start=["textbook", "auto"] * 4,
        **{
            # Stuck and caught; fine; stuck and missed; both stuck, and the certificate knows.
            "em.log_likelihood.train": [-9.0, -5.0, -3.0, -3.0, -9.0, -5.0, -6.0, -6.0],
            "certificate.better_by": [4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0],
            "dataset.sha256": list("aabbccdd"),
        },
    )
    said = conclusion_of_table(
        Detected(kind="detected", setting="start", suspect="textbook"), frame
    )
    assert said == (
        "EM from textbook starts stopped in a local optimum on 3 of 4 data sets; the certificate "
        "said so on 2 of these 3, and raised 0 false alarms on the other 1."
    )


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (table(n=[1, 2]), "the results have no column error"),
        (table(n=[1, 2], error=[np.nan, np.nan]), "no cell has n and error"),
    ],
)
def test_results_without_what_is_needed_are_said_to_be(frame, reason):
    assert conclusion_of_table(trend(), frame) == f"Nothing can be concluded: {reason}."


def test_every_shipped_sweep_says_what_it_concludes():
    for name in shipped_configs():
        config = load_config(name)
        assert (config.sweep is None) == (config.conclusion is None), name
        assert config.quick or config.kind in ("run", "sbc"), name


def test_a_sweep_without_a_conclusion_of_its_own_tells_how_its_figure_changes():
    values = {
        "name": "mine",
        "n_components": 2,
        "data": {"source": "builtin", "name": "faithful"},
        "sweep": {"over": {"n_components": [1, 2]}, "figure": {"x": "n", "y": ["error"]}},
    }
    frame = table(n=[1, 2], error=[3.0, 5.0])
    said = conclusion_of_sweep(parse_config(values, "here"), frame)
    assert said == "As n went from 1 to 2, error rose from 3 to 5."
    del values["sweep"]["figure"]
    assert conclusion_of_sweep(parse_config(values, "here"), frame) == ""


def finding(name, level, text):
    return Finding(id=name, level=level, text=text, value=1.0, threshold=2.0)


def judged(*findings):
    return SimpleNamespace(verdict=findings)


def test_an_experiment_tells_what_stands_or_its_gravest_failure():
    agrees = finding("agreement", "ok", "They agree.")
    stands = finding("certificate", "ok", "It stands.")
    other = finding("posterior-ess", "warn", "Few draws.")
    assert conclusion_of_comparison(judged(other, agrees, stands)) == "They agree; It stands."
    stuck = finding("certificate", "fail", "EM is stuck.")
    assert conclusion_of_comparison(judged(stuck, agrees)) == "EM is stuck."
    choice = finding("choice", "ok", "All choose 3.")
    assert conclusion_of_comparison(judged(choice, other)) == "All choose 3."
    assert "nothing to conclude" in conclusion_of_comparison(judged())
