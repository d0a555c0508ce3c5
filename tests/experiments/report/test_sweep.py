"""The report of a sweep: its numbers are those of the table, and what failed is said."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.stats import binom, sem

from experiments.cli import cli
from experiments.config.conclusion import Detected, ReachedBest, Winner
from experiments.report.sweep.axes import BINS, MAX_VALUES, binned, panel_layout
from experiments.report.sweep.conclusion_figures import outcome_blocks
from experiments.report.sweep.figures import quantity_figure, use_medians
from experiments.report.sweep.page import write_sweep_report
from experiments.report.sweep.quantities import quantities_of, usual_columns
from experiments.sweeps.centres import Centre, are_skewed, mean_and_error, median_and_error
from experiments.sweeps.conclusion import conclusion_of_table
from experiments.sweeps.directory import SweepDirectory
from experiments.sweeps.results import read_results
from experiments.sweeps.run import run_sweep
from experiments.sweeps.tallies import optima, shares_that_chose, shares_that_reached
from tests.experiments.sweeps.sweeping import sweep_config

# Middles and errors ----------------------------------------------------------------------------


def test_error_of_a_mean_is_the_standard_error(rng):
    values = rng.normal(size=17)
    found = mean_and_error(values)
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.value == pytest.approx(sem(values))
    assert mean_and_error(values[:1]) == Centre(values[0], values[0], values[0], 1)


@pytest.mark.parametrize("n", [3, 8, 9, 25, 40, 200])
def test_interval_of_a_median_holds_it_with_68_percent(n):
    """Of the values 0, ..., n - 1 the ends are ranks, and a binomial says what they hold."""
    found = median_and_error(np.arange(n, dtype=float))
    held = binom.cdf(found.high, n, 0.5) - binom.cdf(found.low, n, 0.5)
    assert 0.68 < held < 0.9
    assert found.value == (n - 1) / 2


def test_coverage_is_a_mean_however_skewed_its_cells(rng):
    values = rng.lognormal(sigma=1.5, size=50)
    frame = pd.DataFrame({"point": 0, "em.coverage.95": values, "em.seconds": values})
    coverage, seconds = quantities_of(["em.coverage.95", "em.seconds"], ["em"])
    assert not use_medians(frame, coverage)
    assert use_medians(frame, seconds)


def test_medians_are_taken_of_skewed_values_only(rng):
    normal, skewed = rng.normal(size=(4, 50)), rng.lognormal(sigma=1.5, size=(4, 50))
    assert not are_skewed(normal)
    assert are_skewed(skewed)
    assert not are_skewed(skewed[:, :5]), "too few to tell"
    mostly_zero = np.where(np.arange(50) < 30, 0.0, skewed)
    assert not are_skewed(mostly_zero), "their median is zero and says nothing"


@pytest.mark.parametrize(
    ("centre", "text"),
    [
        (Centre(0.51234, 0.50, 0.52468, 9), "0.512 ± 0.012"),
        (Centre(2.0, 1.5, 4.0, 9), "2.0 (1.5 to 4.0)"),
        (Centre(7.0, 7.0, 7.0, 1), "7"),
        (Centre(-2641.381622, -2641.381622, -2641.381622, 4), "-2641.382"),
        (Centre(-2641.381622, -2641.381622, -2641.381622, 1), "-2641.4"),
        (Centre(-2640.4735251683, -2640.4735251695, -2640.4735251671, 4), "-2640.474"),
    ],
)
def test_a_middle_is_written_to_the_digits_of_its_error(centre, text):
    assert centre.text == text


# Which columns go together ---------------------------------------------------------------------


def test_columns_that_measure_the_same_share_a_panel():
    columns = [
        "em.coverage.95",
        "sklearn-bayes.coverage.95",
        "log_likelihood.differences_test.truth-em.mean",
        "log_likelihood.differences_test.truth-sklearn-bayes.mean",
        "agreement.max_abs_z",
        "em.odd.one",
    ]
    found = quantities_of(columns, ["em", "sklearn-bayes"])
    assert [quantity.columns for quantity in found] == [
        columns[:2],
        columns[2:4],
        columns[4:5],
        columns[5:],
    ]
    assert [series.engine for series in found[1].series] == ["em", "sklearn-bayes"]
    assert [series.engine for series in found[2].series] == [""]
    assert found[0].target == 0.95
    assert found[0].is_share
    assert found[3].title == "odd.one"


def test_error_coverage_agreement_and_cost_are_shown_unasked():
    known = [
        "em.density.total_variation",
        "em.errors.mean_mahalanobis.mean",
        "bayes.seconds",
        "em.seconds",
        "em.coverage.95",
        "agreement.max_abs_z",
        "em.diagnostics.n_iter",
    ]
    assert usual_columns(known, ["em", "bayes"]) == [
        "em.density.total_variation",
        "em.coverage.95",
        "agreement.max_abs_z",
        "bayes.seconds",
        "em.seconds",
    ]


# What a conclusion counts ----------------------------------------------------------------------


def made_table(rng):
    """Three settings tried on twenty data sets, two sizes, with log-likelihoods and alarms."""
    rows = pd.DataFrame(
        [(f"sha{d}", s, 100 * (1 + d % 2)) for d in range(20) for s in ("poor", "fair", "good")],
        columns=["dataset.sha256", "start", "n"],
    )
    luck = rng.random(len(rows)) < rows["start"].map({"poor": 0.4, "fair": 0.7, "good": 1.0})
    short = np.where(luck, 0.0, rng.uniform(1, 9, len(rows)))
    rows["em.log_likelihood.train"] = -500 - short
    rows["certificate.better_by"] = np.where(rng.random(len(rows)) < 0.8, short, 0.0)
    rows["bic"] = rng.normal(size=len(rows))
    return rows


def numbers(text):
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", text)]


def test_shares_drawn_are_those_of_the_sentence(rng):
    table = made_table(rng)
    conclusion = ReachedBest(kind="reached-best", settings=["start"])
    said = conclusion_of_table(conclusion, table)
    found = shares_that_reached(conclusion, table)
    for start, share, n in zip(found["start"], found["share"], found["n"], strict=True):
        assert f"{start} in {share:.0%} of {n} tries" in said
    (picture,) = outcome_blocks(conclusion, table)
    marks = picture.figure.data[0]
    assert list(marks.x) == list(found["share"])
    ends = zip(marks.x, marks.error_x.arrayminus, marks.error_x.array, strict=True)
    for (share, below, above), n in zip(ends, found["n"], strict=True):
        told = f"{share:.0%} of {n} tries (95% interval {share - below:.0%} to {share + above:.0%})"
        assert told in said
        assert below + above > 0.1


def test_choices_drawn_are_those_of_the_sentence(rng):
    table = made_table(rng)
    conclusion = Winner(
        kind="winner", setting="start", best="lowest", by="n", by_label="N =", values={"bic": "BIC"}
    )
    said = conclusion_of_table(conclusion, table).replace("At", "at")
    found = shares_that_chose(conclusion, "bic", table)
    for size, rows in found.groupby("by"):
        assert rows["share"].sum() == pytest.approx(1)
        best = rows.loc[rows["share"].idxmax()]
        chosen = round(best["share"] * best["n"])
        assert f"at N = {size} BIC chose {best['setting']} in {chosen} of 10 data sets" in said
    (picture,) = outcome_blocks(conclusion, table)
    assert [trace.name for trace in picture.figure.data] == ["N = 100", "N = 200"]


def test_alarms_drawn_are_those_of_the_sentence(rng):
    table = made_table(rng)
    conclusion = Detected(kind="detected", setting="start", suspect="poor")
    found = optima(conclusion, table)
    stuck, alarm = found["stuck"], found["alarm"] > 0
    said = numbers(conclusion_of_table(conclusion, table))
    assert said == [
        stuck.sum(),
        20,
        (stuck & alarm).sum(),
        stuck.sum(),
        (~stuck & alarm).sum(),
        (~stuck).sum(),
    ]
    _, picture = outcome_blocks(conclusion, table)
    drawn = sum(len(trace.x) for trace in picture.figure.data if trace.mode == "markers")
    assert drawn == 20


# The page --------------------------------------------------------------------------------------

FAILING = {"over": {"data.n_samples": [1, 60, 80], "em.init_params": ["textbook", "auto"]}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Two axes, three seeds, and a size at which nothing can be fitted."""
    directory = tmp_path_factory.mktemp("sweep") / "made"
    config = sweep_config(**FAILING)
    run_sweep(config, directory, n_workers=0)
    return directory


def test_figure_has_the_means_and_errors_of_the_table(finished):
    results = read_results(finished)
    layout = panel_layout(results)
    assert layout.scale.column == "data.n_samples"
    assert layout.facets == ("em.init_params",)
    (quantity,) = quantities_of(["em.density.total_variation"], ["em"])
    figure = quantity_figure(results.done, quantity, layout)
    lines = [trace for trace in figure.data if trace.error_y.array is not None]
    assert len(lines) == 2, "a small multiple for each start"
    for start, line in zip(("textbook", "auto"), lines, strict=True):
        rows = results.done[results.done["em.init_params"] == start]
        groups = rows.groupby("data.n_samples")["em.density.total_variation"]
        assert np.allclose(line.y, groups.mean())
        assert np.allclose(line.error_y.array, groups.sem())
    dots = [trace for trace in figure.data if trace.error_y.array is None]
    assert sum(len(trace.y) for trace in dots) == len(results.done)


def test_page_of_a_sweep_names_what_failed_and_leads_to_every_record(finished):
    page = write_sweep_report(finished).read_text(encoding="utf-8")
    titles = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert titles == [
        "Conclusion",
        "Along the axis",
        "Point by point",
        "Cell by cell",
        "Failed cells",
        "How it was made",
    ]
    assert "18 cells: 6 points, 3 seeds each; 12 done, 6 failed." in page
    assert "n_components = 2: allowed is" in page
    links = set(re.findall(r'href="(cells/[^"]+)"', page))
    assert len(links) == 18
    assert all(json.loads((finished / link).read_text())["status"] for link in links)
    for expected in (
        "gmm-compare sweep config.toml",
        "numpy",
        "Copy the command",
        SweepDirectory(finished).manifest()["code"],
    ):
        assert expected in page


def test_report_command_writes_the_page_of_a_sweep_again(finished):
    before = write_sweep_report(finished).read_text(encoding="utf-8")
    (finished / "report.html").unlink()
    done = CliRunner().invoke(cli, ["report", str(finished)])
    assert done.exit_code == 0, done.output
    assert f"Report: {finished / 'report.html'}" in done.output
    assert (finished / "report.html").read_text(encoding="utf-8") == before


def test_unfinished_sweep_has_a_report_of_what_there_is(finished, tmp_path):
    """Every cell that failed or is missing leaves the rest as it was; so does a sweep of none."""
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    (copy / "results.parquet").unlink()
    records = sorted((copy / "cells").glob("*/*.json"))
    records[0].unlink()
    assert "1 missing" in write_sweep_report(copy).read_text(encoding="utf-8")
    for record in records[1:]:
        record.unlink()
    page = write_sweep_report(copy).read_text(encoding="utf-8")
    assert "0 done, 18 missing" in page
    assert "no cell is done yet" in page


def test_a_column_that_is_not_there_is_named(tmp_path):
    config = sweep_config(seeds=1, figure={"x": "data.n_rows", "y": ["em.seconds"]})
    run_sweep(config, tmp_path / "made", n_workers=0)
    page = write_sweep_report(tmp_path / "made").read_text(encoding="utf-8")
    assert "the results have no column data.n_rows." in page


def test_many_values_of_a_random_sweep_are_put_in_bins(rng):
    values = rng.uniform(1, 100, 60)
    found = binned(values, log=True)
    assert len(np.unique(found)) == BINS
    assert np.corrcoef(found, values)[0, 1] > 0.95
    few = np.repeat(np.arange(MAX_VALUES), 3).astype(float)
    assert np.array_equal(binned(few, log=False), few)


def test_text_of_a_config_is_shown_as_text(tmp_path):
    config = sweep_config(seeds=1, over={"data.n_samples": [60, 80]}).model_copy(
        update={"description": "<script>alert(1)</script>"}
    )
    run_sweep(config, tmp_path / "made", n_workers=0)
    page = write_sweep_report(tmp_path / "made").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
