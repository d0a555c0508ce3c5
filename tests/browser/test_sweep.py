"""The reports of sweeps, of a choice of K, and of everything that ships."""

import re
from dataclasses import replace

import numpy as np
import pytest

from experiments.api.run import run_experiment
from experiments.calibration.result import Calibrated
from experiments.config.load import load_config, shipped_configs
from experiments.datasets.dataset import Dataset
from experiments.report.calibration import write_calibration_report
from experiments.report.sweep.page import write_sweep_report
from experiments.selection import choose as choosing
from experiments.sweeps.run import run_sweep
from experiments.values.components import PosteriorOfK
from gmm_em import Mixture
from tests.browser.pages import SCREENS, SECTIONS, check_everything, contrast, eventually
from tests.experiments.api.test_components import fit_at_once
from tests.experiments.made import compare_components
from tests.experiments.sweeps.sweeping import sweep_config

SWEEP = (
    "Conclusion",
    "Along the axis",
    "Error, coverage, agreement and cost",
    "Point by point",
    "Cell by cell",
    "Failed cells",
    "How it was made",
)
CHOICE = (
    "Verdict",
    "How many components",
    "Findings",
    "Each number by itself",
    "How it was made",
)
FIGURE = {"x": "data.n_samples", "y": ["em.density.total_variation"], "log_x": True}
AUTO = (CHOICE[0], "The posterior of the number of components", *CHOICE[1:])


@pytest.fixture(scope="session")
def sweep_report(tmp_path_factory):
    """Two axes, the second as small multiples; one size at which nothing can be fitted."""
    config = sweep_config(
        seeds=2,
        keep="comparison",
        over={"data.n_samples": [1, 60, 80], "em.init_params": ["textbook", "auto"]},
        figure=FIGURE,
    )
    directory = tmp_path_factory.mktemp("sweep") / "made"
    run_sweep(config, directory, n_workers=0)
    return write_sweep_report(directory)


@pytest.fixture
def page(sweep_report, look_at):
    return look_at(sweep_report)


def test_sweep_is_whole_and_fits(page):
    check_everything(page, SWEEP)


def test_small_multiples_stand_side_by_side_or_one_above_the_other(page):
    def places():
        return page.evaluate(
            """() => [...document.querySelectorAll("[data-figure=drawn-1] .annotation-text")]
                .map(node => node.getBoundingClientRect()).map(box => [box.left, box.top])"""
        )

    (left, right) = places()
    assert right[0] > left[0] + 100
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_selector("html[data-ready='390']", state="attached")
    (upper, lower) = places()
    assert lower[1] > upper[1] + 100


def test_points_of_a_sweep_sort(page):
    table = page.locator("section[aria-labelledby=points] table")
    heads = table.locator("thead button")
    cells = table.locator("tbody td:first-child")
    heads.first.press("Enter")
    heads.first.press("Enter")
    shown = [float(text) for text in cells.all_inner_texts()]
    assert shown == sorted(shown, reverse=True)
    heads.first.press("Enter")
    assert [float(text) for text in cells.all_inner_texts()] == sorted(shown)


def test_every_cell_leads_to_its_record(page, sweep_report):
    summary = page.locator("section[aria-labelledby=cells] details details summary")
    summary.press("Enter")
    links = page.locator("section[aria-labelledby=cells] a")
    eventually(page, lambda: links.first.is_visible())
    targets = [link.get_attribute("href") for link in links.all()]
    assert sum(target.endswith("/comparison.json") for target in targets) == 8
    # A failed cell has a record, and nothing to compare.
    assert all((sweep_report.parent / target).is_file() for target in targets)
    summary.press("Enter")


def test_wide_tables_are_printed_whole(page):
    page.set_viewport_size({"width": 700, "height": 900})
    page.emulate_media(media="print")
    ends = page.evaluate(
        "() => [...document.querySelectorAll('table')].map(x => x.getBoundingClientRect().right)"
    )
    assert len(ends) > 2
    assert max(ends) <= 701


def test_failed_cells_say_why(page):
    text = page.locator("section[aria-labelledby=failed]").inner_text()
    assert text.count("n_components = 2: allowed is") == 4


@pytest.fixture(scope="module")
def choice_of_k(tmp_path_factory):
    """Four numbers of components, of which the last could not be fitted."""
    truth = Mixture([0.6, 0.4], [[0.0, 0.0], [4.0, 3.0]], [np.eye(2), np.eye(2)])
    rng = np.random.default_rng(11)
    dataset = Dataset("made", truth.sample(120, rng)[0], ("u", "v"), truth.sample(60, rng)[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing, "fit_engines", fit_at_once)
        found = compare_components(dataset, [1, 2, 3, 4], ["em", "bayes"], {}, experiment="made")
    return found.report(tmp_path_factory.mktemp("choice") / "report.html")


def test_choice_of_components_is_whole_and_fits(open_page, choice_of_k):
    page = open_page(choice_of_k)
    check_everything(page, CHOICE)
    assert "not fitted" in page.locator("main").inner_text()


def test_posterior_of_the_number_of_components_is_drawn_and_fits(open_page, tmp_path, monkeypatch):
    monkeypatch.setattr(choosing, "fit_engines", fit_at_once)
    dataset = Dataset("made", np.random.default_rng(12).normal(size=(90, 2)), ("u", "v"))
    found = compare_components(dataset, [1, 2], ["em", "bayes"], {}, experiment="made")
    shares = {str(k): 2.0**-k for k in range(1, 13)}
    posterior = PosteriorOfK(
        engine="bayes-auto",
        prior="geometric (p 0.5)",
        prior_probabilities=shares,
        probabilities=shares,
        filled={"1": 0.7, "2": 0.3},
        other_prior="uniform (max 30)",
        under_other_prior={str(k): 1 / 12 for k in range(1, 13)},
        effective_draws=400.0,
        problems=[],
    )
    drawn = found.model_copy(update={"posterior_of_k": posterior})
    page = open_page(drawn.report(tmp_path / "report.html"))
    check_everything(page, AUTO)
    assert (
        "compare(X, n_components='auto'"
        in page.locator("section[aria-labelledby=made]").inner_text()
    )


def check_answer(page, number: int) -> None:
    """The first box names the number to believe, which has a star and is shown at first."""
    box = page.locator("section[aria-labelledby=verdict] .headline")
    assert box.get_attribute("class") == "headline number"
    assert box.locator(".believe").inner_text() == f"Believe {number} components"
    paper = box.evaluate("node => getComputedStyle(node).backgroundColor")
    for part in (".believe", "p:not(.believe)"):
        ink = box.locator(part).first.evaluate("node => getComputedStyle(node).color")
        assert contrast(ink, paper) > 4.5
    row = page.locator("section[aria-labelledby=how-many] tbody tr").nth(number - 1)
    assert "(best)" in row.inner_text()
    assert page.locator(".pick output").inner_text() == f"K = {number}"
    fits = page.locator("section[aria-labelledby=verdict] a[href='#each']")
    assert fits.inner_text() == f"The fits with {number} components"
    link = page.locator("section[aria-labelledby=verdict] a[href='#findings']")
    assert re.search(r"\d to mind", link.locator("..").inner_text())


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_a_slider_goes_through_the_numbers_of_components(open_page, choice_of_k, width, scheme):
    page = open_page(choice_of_k, width, color_scheme=scheme)
    slider = page.get_by_role("slider", name="Components")
    output = page.locator(".pick output")
    ellipses = page.locator(".slide:not([hidden]) .plot .scatterlayer .trace")
    check_answer(page, 2)
    assert slider.get_attribute("max") == "2"
    assert page.locator(".slide:not([hidden])").count() == 1
    for index, k in enumerate((1, 2, 3)):
        slider.press("Home")
        for _ in range(index):
            slider.press("ArrowRight")
        page.wait_for_selector(f".slides[data-shown='{index}']", state="attached")
        assert output.inner_text() == slider.get_attribute("aria-valuetext") == f"K = {k}"
        slide = page.locator(".slide:not([hidden])")
        assert slide.locator(".plot").get_attribute("data-figure") == f"mixture-{k}"
        assert slide.locator(".believe").inner_text().startswith("Believe")
        assert "BIC" in slide.locator("dl").inner_text()
        numbers = slide.locator(".plot .textpoint").count()
        assert numbers == k
        assert ellipses.count() >= 3
        room, plot = slide.locator(".plot"), slide.locator("svg.main-svg").first
        assert abs(room.bounding_box()["width"] - plot.bounding_box()["width"]) < 2
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    best = page.locator(".slide[data-label='K = 2'] dl")
    slider.press("Home")
    slider.press("ArrowRight")
    assert "the best" in best.inner_text()


def test_page_of_a_calibration_is_whole_and_fits(open_page, tmp_path):
    rng = np.random.default_rng(2)
    ranks = {f"mean[{k}, {d}]": rng.integers(0, 100, 50).tolist() for k in (1, 2) for d in (1, 2)}
    ranks["weight[1]"] = rng.integers(0, 30, 50).tolist()
    result = Calibrated(
        name="made",
        sampler="gibbs",
        size={"n_samples": 80, "n_features": 2, "n_components": 2},
        ranks=ranks,
        p_values=dict.fromkeys(ranks, 0.4) | {"weight[1]": 1e-9},
        rejected=("weight[1]",),
        n_sims=50,
        n_ranks=100,
        n_short=0,
        seconds=1.0,
    )
    page = open_page(write_calibration_report(result, tmp_path / "sbc.html"))
    sections = ("Verdict", "Ranks of the truth among posterior draws", "How it was made")
    check_everything(page, sections)
    assert "Not calibrated" in page.locator(".verdict .fail").inner_text()
    few = replace(result, p_values=dict.fromkeys(ranks, 0.4), rejected=())
    page = open_page(write_calibration_report(few, tmp_path / "few.html"))
    assert "Too few simulations to say" in page.locator(".verdict .warn").inner_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", list(shipped_configs()))
def test_reports_of_shipped_configs(name, open_page, tmp_path):
    """At their quick sizes: every page is whole, shows its figures and fits."""
    config = load_config(name, quick=True)
    if config.sweep is not None:
        run_sweep(config, tmp_path / "run", n_workers=0)
        write_sweep_report(tmp_path / "run")
        sections = tuple(title for title in SWEEP if title != "Failed cells")
    else:
        run_experiment(config, tmp_path / "run")
        several = AUTO if config.n_components == "auto" else CHOICE
        sections = SECTIONS if isinstance(config.n_components, int) else several
    report = tmp_path / "run" / "report.html"
    assert report.stat().st_size < 6_000_000
    page = open_page(report)
    check_everything(page, sections)
    if config.sweep is not None:
        answer = page.locator(".answer").inner_text()
        assert re.search(r"\d", answer)
        assert "Nothing can be concluded" not in answer
