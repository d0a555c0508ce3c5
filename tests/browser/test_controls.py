"""Navigation, themes, folding and saving of tables, on wide and narrow, light and dark screens."""

import csv
import io

import numpy as np
import pytest

from experiments.api.comparing import compare_fits
from experiments.datasets.dataset import Dataset
from experiments.report.comparison.page import write_comparison_report
from tests.browser.pages import contrast, eventually
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em


@pytest.fixture(scope="module")
def comparison():
    rng = np.random.default_rng(4)
    mixture = random_mixture(rng, 2, 2)
    dataset = Dataset("made", mixture.sample(60, rng)[0], ('len,"gth"', "width"), truth=mixture)
    return compare_fits(dataset, {"em": made_em(mixture), "bayes": made_bayes(mixture, rng)})


@pytest.fixture(scope="module")
def report(comparison, tmp_path_factory):
    folder = tmp_path_factory.mktemp("controls")
    return write_comparison_report(comparison, folder / "report.html")


def colour(page, selector, part):
    return page.evaluate(
        "([selector, part]) => getComputedStyle(document.querySelector(selector))[part]",
        [selector, part],
    )


def inks(page):
    return page.evaluate(
        """() => [...new Set([...document.querySelectorAll(".plot .xtick text")]
            .map(node => getComputedStyle(node).fill))]"""
    )


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_navigation_stays_in_sight_and_the_theme_changes(report, open_page, width, scheme):
    page = open_page(report, width, color_scheme=scheme)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    box = page.locator("nav").bounding_box()
    assert box["y"] == pytest.approx(0, abs=1)
    assert box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    button = page.locator("button.theme")
    assert button.inner_text() == "Theme: system"
    backgrounds = {"Theme: system": colour(page, "body", "backgroundColor")}
    for expected in ("Theme: light", "Theme: dark"):
        button.click()
        assert button.inner_text() == expected
        backgrounds[expected] = colour(page, "body", "backgroundColor")
        paper = backgrounds[expected]
        # Text and the figures follow.
        assert contrast(colour(page, "body", "color"), paper) > 7
        eventually(page, lambda paper=paper: min(contrast(i, paper) for i in inks(page)) > 7)
    assert backgrounds["Theme: light"] != backgrounds["Theme: dark"]
    assert backgrounds["Theme: system"] == backgrounds[f"Theme: {scheme}"]
    button.click()
    assert button.inner_text() == "Theme: system"


@pytest.mark.parametrize("width", [1440, 390])
def test_the_answer_is_in_sight_and_the_evidence_is_folded_at_first(report, open_page, width):
    page = open_page(report, width, unfolded=False)
    shown = page.locator("main > section > details[open] h2").all_inner_texts()
    assert shown == [
        "Verdict", "Data and mixtures", "Findings", "Rows and clusters", "Parameters",
    ]  # fmt: skip
    assert page.locator(".headline .believe").inner_text().startswith("Believe")
    # A finding opens to what it means.
    finding = page.locator(".verdict > li").first
    assert not finding.locator("details p").is_visible()
    finding.locator("summary").press("Enter")
    assert len(finding.locator("details p").inner_text()) > 40
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    figure = page.locator("#figure-ranks .plot")
    assert not figure.is_visible()
    page.locator("nav a[href='#health']").click()
    eventually(page, figure.is_visible)
    eventually(
        page,
        lambda: (
            abs(
                figure.locator("svg.main-svg").first.bounding_box()["width"]
                - figure.bounding_box()["width"]
            )
            < 2
        ),
    )


@pytest.mark.parametrize("width", [1440, 390])
def test_sections_fold_and_a_link_opens_them(report, open_page, width):
    page = open_page(report, width)
    figure = page.locator("#figure-mixture")
    summary = page.locator("summary:has(#data)")
    assert figure.is_visible()
    summary.press("Enter")
    assert not figure.is_visible()
    # What is folded while the window changes has its size when it is opened.
    other = 1830 - width
    page.set_viewport_size({"width": other, "height": 900})
    page.wait_for_selector(f"html[data-ready='{other}']", state="attached")
    page.locator("nav a[href='#data']").click()
    eventually(page, figure.is_visible)
    plot = page.locator("#figure-mixture .plot svg.main-svg").first
    room = page.locator("#figure-mixture .plot")
    eventually(
        page,
        lambda: abs(plot.bounding_box()["width"] - room.bounding_box()["width"]) < 2,
    )


def test_a_table_is_saved_with_all_digits(report, comparison, open_page):
    page = open_page(report, accept_downloads=True)
    section = page.locator("section[aria-labelledby=parameters]")
    with page.expect_download() as waiting:
        section.locator("button.csv").click()
    text = waiting.value.path().read_text()
    rows = list(csv.reader(io.StringIO(text)))
    head = ["parameter", "truth", "EM ± se", "EM ± se, error"]
    assert rows[0] == [*head, "posterior ± sd", "posterior ± sd, error", "EM’s z-score"]
    assert len(rows) == 1 + len(comparison.table())
    weight = next(row for row in rows if row[0] == "weight 1")
    assert float(weight[2]) == comparison.engines["em"].mixture.weights[0]
    mean = next(row for row in rows if row[0] == 'mean 1, len,"gth"')
    assert float(mean[2]) == comparison.engines["em"].mixture.means[0][0]
    assert float(mean[3]) == pytest.approx(0.02)
