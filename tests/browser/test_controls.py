"""Navigation, themes, folding and saving of tables, on wide and narrow, light and dark screens."""

import csv
import io

import numpy as np
import pytest

from experiments.api.comparing import compare_fits
from experiments.datasets.dataset import Dataset
from experiments.report.comparison.page import write_comparison_report
from tests.browser.conftest import opened
from tests.browser.pages import SCREENS, contrast, eventually, resize
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em, with_energies


@pytest.fixture(scope="module")
def comparison():
    rng = np.random.default_rng(4)
    mixture = random_mixture(rng, 2, 2)
    dataset = Dataset("made", mixture.sample(60, rng)[0], ('len,"gth"', "width"), truth=mixture)
    bayes = with_energies(made_bayes(mixture, rng, n_draws=60), rng)
    return compare_fits(dataset, {"em": made_em(mixture), "bayes": bayes})


@pytest.fixture(scope="module")
def report(comparison, tmp_path_factory):
    folder = tmp_path_factory.mktemp("controls")
    return write_comparison_report(comparison, folder / "report.html")


@pytest.fixture(
    scope="module",
    params=[
        (390, "dark"),
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in [(390, "light"), (1440, "light"), (1440, "dark")]
        ),
    ],
    ids=lambda each: f"{each[0]}-{each[1]}",
)
def page_and_width(report, browser, request):
    """One page for several tests, each of which leaves it as it was."""
    width, scheme = request.param
    with opened(browser, report, width, color_scheme=scheme) as (page, complaints):
        yield page, width
        assert complaints == []


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


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_the_navigation_stays_in_sight_and_the_theme_changes(report, open_page, width, scheme):
    page = open_page(report, width, color_scheme=scheme)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    box = page.locator("nav").bounding_box()
    assert box["y"] == pytest.approx(0, abs=1)
    assert box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    button = page.locator("button.theme")
    assert button.get_attribute("aria-label") == "Theme: system"
    assert button.inner_text() == ("Theme: system" if width == 1440 else "◐")
    backgrounds = {"Theme: system": colour(page, "body", "backgroundColor")}
    for expected in ("Theme: light", "Theme: dark"):
        button.click()
        assert button.get_attribute("aria-label") == expected
        backgrounds[expected] = colour(page, "body", "backgroundColor")
        paper = backgrounds[expected]
        # Text and the figures follow.
        assert contrast(colour(page, "body", "color"), paper) > 7
        eventually(page, lambda paper=paper: min(contrast(i, paper) for i in inks(page)) > 7)
    assert backgrounds["Theme: light"] != backgrounds["Theme: dark"]
    assert backgrounds["Theme: system"] == backgrounds[f"Theme: {scheme}"]
    button.click()
    assert button.get_attribute("aria-label") == "Theme: system"


def test_every_section_can_be_reached_in_the_navigation(page_and_width):
    page, _ = page_and_width
    page.evaluate("scrollTo(0, 0)")
    names, button = page.locator("nav ul"), page.locator("button.theme").bounding_box()
    links = page.locator("nav a")
    room = names.bounding_box()
    assert room["x"] + room["width"] <= button["x"]
    assert names.get_attribute("data-more") == "right"
    for place in range(links.count()):
        links.nth(place).focus()
        box = links.nth(place).bounding_box()
        assert box["x"] >= room["x"] - 1
        assert box["x"] + box["width"] <= room["x"] + room["width"] + 1
    eventually(page, lambda: names.get_attribute("data-more") == "left")
    # Who reads on is told where; the list follows.
    links.first.focus()
    current = page.locator("nav a[aria-current]")
    assert current.inner_text() == "Verdict"
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    eventually(page, lambda: current.inner_text() == "How it was made")
    eventually(page, lambda: names.get_attribute("data-more") == "left")
    page.evaluate("document.getElementById('likelihoods').scrollIntoView()")
    eventually(page, lambda: current.inner_text() == "Log-likelihoods")
    page.evaluate("scrollTo(0, 0)")


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


PIXELS_FOR_A_UNIT = """name => {
    const node = document.querySelector(`[data-figure=${name}]`), layout = node._fullLayout;
    return Object.keys(layout)
        .filter(key => /^[xy]axis\\d*$/.test(key) && layout[key].rangemode !== "tozero")
        .map(key => layout[key]._length / (layout[key].range[1] - layout[key].range[0]));
}"""


def spread(page, name):
    """How unequal the scales of a figure's axes are: 1 where they are equal."""
    found = page.evaluate(PIXELS_FOR_A_UNIT, name)
    assert len(found) > 1
    return max(found) / min(found)


@pytest.fixture(scope="module")
def report_of_three(tmp_path_factory):
    rng = np.random.default_rng(5)
    mixture = random_mixture(rng, 2, 3)
    X = mixture.sample(60, rng)[0]
    dataset = Dataset("made", X, ("length", "width", "height of the whole flower"))
    found = compare_fits(dataset, {"em": made_em(mixture), "bayes": made_bayes(mixture, rng)})
    return write_comparison_report(found, tmp_path_factory.mktemp("three") / "report.html")


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_the_scales_of_a_figure_can_be_made_equal(report_of_three, open_page, width, scheme):
    page = open_page(report_of_three, width, color_scheme=scheme)
    button = page.locator("#figure-mixture button.scales")
    assert button.get_attribute("aria-pressed") == "false"
    before = spread(page, "mixture")
    assert before > 1.05
    button.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    eventually(page, lambda: spread(page, "mixture") < 1.001)
    # They stay equal where the window changes, and go back where the button is pressed again.
    resize(page, 1830 - width)
    eventually(page, lambda: spread(page, "mixture") < 1.001)
    resize(page, width)
    button.press("Enter")
    eventually(page, lambda: abs(spread(page, "mixture") - before) < 0.01 * before)
    # The two directions that separate the components have one unit.
    eventually(page, lambda: spread(page, "projection") < 1.001)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_names_of_features_are_whole_where_there_is_room(report_of_three, look_at):
    page = look_at(report_of_three)
    texts = "() => [...document.querySelectorAll('[data-figure=mixture] [class*=title] text,"
    texts += " [data-figure=mixture] text[class*=title]')].map(node => node.textContent)"
    assert "height of the whole flower" in page.evaluate(texts)
    resize(page, 390)
    eventually(page, lambda: "height of the whole flower" not in page.evaluate(texts))
    assert any("…" in text for text in page.evaluate(texts))


SELECTED = """() => Object.fromEntries(
    [...document.querySelectorAll(".js-plotly-plot")].map(node => [
    node.dataset.figure,
    node.data.filter(trace => trace.meta && trace.meta.rows).map(trace => trace.selectedpoints
        && trace.selectedpoints.map(point => trace.meta.rows[point]).sort((a, b) => a - b)),
]).filter(([, rows]) => rows.length))"""


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_rows_are_selected_in_all_figures(report_of_three, open_page, width, scheme):
    page = open_page(report_of_three, width, color_scheme=scheme)
    plot = page.locator("#figure-projection .plot")
    plot.scroll_into_view_if_needed()
    plot.hover()
    plot.locator("[data-title='Box Select']").click()
    box = plot.locator(".nsewdrag").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 2, steps=4)
    page.mouse.up()
    page.wait_for_selector("html[data-selected]", state="attached")
    found = page.evaluate(SELECTED)
    [chosen] = found["projection"]
    assert 0 < len(chosen) < 60
    assert {"mixture", "projection", "disagreement"} <= {*found}
    assert len(found["mixture"]) == 3, "a panel for each pair"
    assert all(rows == chosen for traces in found.values() for rows in traces)
    bar = page.locator(".selected")
    assert f"{len(chosen)} row" in bar.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    bar.get_by_role("button").press("Enter")
    page.wait_for_selector("html[data-selected='0']", state="attached")
    every = list(range(60))
    assert all(rows == every for traces in page.evaluate(SELECTED).values() for rows in traces)
    assert not bar.is_visible()


def test_a_row_tells_its_probabilities_in_small_panels_too(report_of_three, look_at):
    page = look_at(report_of_three)
    told = page.evaluate(
        """() => Object.fromEntries(["mixture", "projection"].map(name => [name,
            document.querySelector(`[data-figure=${name}]`).data
                .filter(trace => trace.meta && trace.meta.rows).map(trace => trace.text)]))"""
    )
    [large] = told["projection"]
    assert all("EM: component" in text and "posterior: component" in text for text in large)
    assert told["mixture"] == [large] * 3


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_the_chains_of_a_parameter_can_be_chosen(report, open_page, width, scheme):
    page = open_page(report, width, color_scheme=scheme)
    chosen = page.get_by_label("Parameter", exact=True)
    names = chosen.locator("option").all_inner_texts()
    assert len(names) == len(set(names)) > 4
    shown = page.locator("section[aria-labelledby=health] .slide:not([hidden])")
    for place in (0, 3):
        chosen.select_option(names[place])
        figure = page.locator(f"#figure-chain-{place + 1} .plot")
        eventually(page, lambda figure=figure: figure.locator(".js-line").count() >= 8)
        assert figure.is_visible()
        assert shown.count() == 1
        assert figure.bounding_box()["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_feature_that_is_checked_can_be_chosen(comparison, page_and_width):
    page, width = page_and_width
    chosen = page.get_by_label("Feature", exact=True)
    names = chosen.locator("option").all_inner_texts()
    checks = comparison.illustration.feature_checks
    assert names == [comparison.dataset.feature_names[check.feature] for check in checks]
    shown = page.locator("section[aria-labelledby=model] .slide:not([hidden])")
    for place in (1, 0):
        chosen.select_option(names[place])
        figure = page.locator(f"#figure-replicates-{place + 1} .plot")
        # The data and the replicated data sets in both panels, and the band in one.
        lines = 2 * (1 + len(checks[place].replicated_excess)) + 1
        eventually(page, lambda figure=figure, n=lines: figure.locator(".js-line").count() >= n)
        assert figure.is_visible()
        assert shown.count() == 1
        assert f"edge {checks[place].band:.3f}" in shown.inner_text()
        title = figure.locator(".annotation-text").last.bounding_box()
        assert title["x"] >= 0
        assert title["x"] + title["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_table_that_is_wider_than_the_screen_says_so(page_and_width):
    page, width = page_and_width
    table = page.locator("section[aria-labelledby=parameters] .scroll").first
    said = """() => getComputedStyle(
        document.querySelector("section[aria-labelledby=parameters] .scroll caption"), "::after"
    ).content"""
    if width == 1440:
        assert table.get_attribute("data-more") == ""
        assert page.evaluate(said) == "none"
        return
    assert table.get_attribute("data-more") == "right"
    assert "Scroll sideways" in page.evaluate(said)
    room, fading = table.bounding_box(), 40
    caption = table.locator("caption").bounding_box()
    assert caption["x"] + caption["width"] <= room["x"] + room["width"] - fading
    table.evaluate("node => { node.scrollLeft = node.scrollWidth; }")
    eventually(page, lambda: table.get_attribute("data-more") == "left")
    caption = table.locator("caption").bounding_box()
    assert caption["x"] >= room["x"]
    assert caption["x"] + caption["width"] <= width
    # The names of the rows do not go away with the columns.
    for cell in (table.locator("th").first, table.locator("td").first):
        assert cell.bounding_box()["x"] == pytest.approx(room["x"], abs=1)
        assert cell.evaluate("node => getComputedStyle(node).backgroundColor") == colour(
            page, "body", "backgroundColor"
        )
    table.evaluate("node => { node.scrollLeft = 0; }")
    eventually(page, lambda: table.get_attribute("data-more") == "right")


def test_rows_of_large_pareto_k_are_found_in_the_data(page_and_width):
    page, _ = page_and_width
    plot = page.locator("#figure-left-out .plot")
    plot.scroll_into_view_if_needed()
    mark = plot.locator(".points path").first
    box = mark.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    told = plot.locator(".hoverlayer .hovertext")
    eventually(page, lambda: told.count() == 1)
    assert "Pareto k" in told.text_content()
    assert "EM: component" in told.text_content()
    plot.locator("[data-title='Box Select']").click()
    area = plot.locator(".nsewdrag").bounding_box()
    page.mouse.move(area["x"] + 2, area["y"] + 2)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] - 2, area["y"] + area["height"] / 2, steps=4)
    page.mouse.up()
    page.wait_for_selector("html[data-selected]", state="attached")
    found = page.evaluate(SELECTED)
    chosen = sorted(row for rows in found["left-out"] for row in rows)
    assert 0 < len(chosen) < 60
    assert found["disagreement"] == [chosen]
    page.locator(".selected").get_by_role("button").press("Enter")
    page.wait_for_selector("html[data-selected='0']", state="attached")


def test_energies_are_drawn_chain_by_chain(comparison, page_and_width):
    page, width = page_and_width
    plot = page.locator("#figure-energy .plot")
    titles = plot.locator(".annotation-text").all_text_contents()
    bfmi = comparison.illustration.energies.bfmi
    assert titles == [f"chain {i + 1}: E-BFMI {value:.2f}" for i, value in enumerate(bfmi)]
    assert plot.locator(".js-line").count() >= 2 * len(bfmi)
    assert plot.bounding_box()["width"] <= width
