"""The report of a comparison, as people see and use it."""

from dataclasses import replace

import numpy as np
import pytest

from experiments import compare
from experiments.api.comparing import compare_fits
from experiments.datasets.dataset import Dataset
from experiments.engines.fit import fit_engines
from experiments.report.comparison.page import write_comparison_report
from experiments.report.page.blocks import PageSection
from gmm_bayes import MixtureDraws
from gmm_em import Mixture
from tests.browser.pages import check_everything, contrast, eventually, rgb
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em

EVIL = "<script>alert(1)</script>"
GIBBS = {"sampler": "gibbs", "prior": {"kind": "niw"}, "draws": 100, "tune": 50, "chains": 2}


def two_clusters(n_features, n_samples=120):
    shift = np.full(n_features, 4.0)
    covariance = np.eye(n_features) + 0.3
    truth = Mixture([0.6, 0.4], [0 * shift, shift], [covariance, covariance / 2])
    rng = np.random.default_rng(7)
    return truth, truth.sample(n_samples, rng)[0], truth.sample(40, rng)[0]


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """A real comparison of two features, with names that would be markup."""
    truth, X, X_test = two_clusters(2)
    dataset = Dataset("data <b>set</b>", X, (EVIL, "waiting <i>time</i>"), X_test, truth)
    options = {"em": {"n_init": 4, "n_bootstrap": 10}, "bayes": GIBBS}
    fits = fit_engines(dataset, 2, ("em", "bayes"), options, seed=1)
    path = tmp_path_factory.mktemp("report") / "report.html"
    return write_comparison_report(compare_fits(dataset, fits, experiment="<u>name</u>"), path)


@pytest.fixture
def page(report, look_at):
    return look_at(report)


def test_report_is_whole_and_fits(page):
    check_everything(page)


def test_report_opened_on_a_phone_fits(report, open_page):
    check_everything(open_page(report, 390, has_touch=True, device_scale_factor=2))


def test_names_from_data_are_shown_as_text(page):
    """A name that ran as a script would open a dialog, which every page reports."""
    assert page.locator("h1").inner_text() == "<u>name</u>"
    assert EVIL in page.locator("main").inner_text()
    titles = page.locator(".plot .xtitle, .plot .ytitle").all_text_contents()
    assert EVIL in titles
    assert "waiting <i>time</i>" in titles
    assert page.locator("main i, main u, main b:not(svg b)").count() == 0


def positions(page):
    return page.evaluate(
        """() => [...document.querySelectorAll("[data-figure=steps-best] .scatterlayer .js-line")]
            .map(node => node.getAttribute("d"))"""
    )


def colours(page):
    return page.evaluate(
        """() => [...document.querySelectorAll("[data-figure=steps-best] .scatterlayer .point")]
            .map(node => node.style.fill)"""
    )


def move(page, key, step):
    """Press a key on the slider of the best run, and wait until its picture shows the step."""
    page.get_by_role("slider", name="Step").first.press(key)
    page.wait_for_selector(f"#figure-steps-best .controls[data-drawn='{step}']", state="attached")


def test_slider_moves_the_picture(page):
    slider = page.get_by_role("slider", name="Step").first
    move(page, "Home", 0)
    before, shades = positions(page), colours(page)
    move(page, "End", slider.get_attribute("max"))
    assert positions(page) != before
    assert colours(page) != shades
    assert slider.input_value() == slider.get_attribute("max")
    said = page.locator("figure#figure-steps-best output").inner_text()
    assert said.startswith("iteration ")
    assert slider.get_attribute("aria-valuetext") == said
    move(page, "Home", 0)
    assert positions(page) == before
    assert colours(page) == shades


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_play_goes_through_the_steps_and_stops(page, motion):
    page.emulate_media(reduced_motion=motion)
    slider = page.get_by_role("slider", name="Step").first
    button = page.locator("figure#figure-steps-best .play")
    last = int(slider.get_attribute("max"))
    slider.press("End")
    slider.press("ArrowLeft")
    assert slider.input_value() == str(last - 1)
    button.press("Enter")
    assert button.inner_text() == "Pause"
    eventually(page, lambda: button.inner_text() == "Play")
    assert slider.input_value() == str(last)
    move(page, "Home", 0)


def column(page, index):
    return page.locator(f"section[aria-labelledby=parameters] tbody td:nth-child({index + 1})")


def test_table_sorts_by_number_both_ways(page):
    head = page.locator("section[aria-labelledby=parameters] thead th").nth(1)
    original = column(page, 0).all_inner_texts()
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    up = [float(text) for text in column(page, 1).all_inner_texts()]
    assert up == sorted(up)
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert [float(text) for text in column(page, 1).all_inner_texts()] == up[::-1]
    page.locator("section[aria-labelledby=parameters] thead button").first.click()
    assert head.get_attribute("aria-sort") == "none"
    assert column(page, 0).all_inner_texts() == original


def test_legend_hides_and_shows(page):
    button = page.locator("#figure-mixture .legend button").filter(has_text="truth")
    traces = page.locator("[data-figure=mixture] .scatterlayer .trace")
    before = traces.count()
    button.press("Space")
    assert button.get_attribute("aria-pressed") == "false"
    eventually(page, lambda: traces.count() == before - 1)
    button.press("Space")
    eventually(page, lambda: traces.count() == before)


def test_buttons_of_a_figure_show_themselves_to_the_keyboard(page):
    button = page.locator("[data-figure=mixture] .modebar-btn").first
    shade = "node => getComputedStyle(node.closest('.modebar-group')).opacity"
    page.mouse.move(0, 0)
    eventually(page, lambda: button.evaluate(shade) == "0")
    button.focus()
    eventually(page, lambda: button.evaluate(shade) == "1")
    assert button.get_attribute("aria-label")


def test_an_engine_has_one_colour_in_every_figure(page):
    """What is called EM or posterior in a legend has the colour that the tables' dots have."""
    dots = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("th .swatch")].map(node =>
            [node.parentElement.textContent.trim().split(" ")[0],
             getComputedStyle(node).backgroundColor]))"""
    )
    assert {"EM", "posterior"} <= set(dots)
    marks = page.evaluate(
        """() => [...document.querySelectorAll(".legend button")].map(node =>
            [node.textContent.trim(), getComputedStyle(node.querySelector(".mark")).color])"""
    )
    seen = set()
    for text, colour in marks:
        name = text.split(" ")[0].rstrip(",")
        if name in dots:
            seen.add(name)
            assert rgb(colour) == rgb(dots[name]), text
    assert seen >= {"EM", "posterior"}


def test_light_and_dark_are_legible_and_figures_follow(page):
    axes = {}
    for scheme, is_dark in (("dark", True), ("light", False)):
        page.emulate_media(color_scheme=scheme)
        shade = "() => getComputedStyle(document.querySelector('.xtick text')).fill"
        eventually(page, lambda: page.evaluate(shade) not in axes.values())  # noqa: B023
        paper, ink, soft, axes[scheme] = page.evaluate(
            """() => [getComputedStyle(document.body).backgroundColor,
                      getComputedStyle(document.body).color,
                      getComputedStyle(document.querySelector(".note")).color,
                      getComputedStyle(document.querySelector(".xtick text")).fill]"""
        )
        assert (contrast(paper, "rgb(255, 255, 255)") > 10) is is_dark
        assert contrast(paper, ink) > 7
        assert contrast(paper, axes[scheme]) > 7
        assert contrast(paper, soft) > 4.5


def test_command_is_copied(page):
    page.get_by_role("button", name="Copy the command").click()
    page.get_by_text("Copied", exact=True).wait_for()
    assert "compare(X, n_components=2" in page.evaluate("navigator.clipboard.readText()")


def test_report_prints_on_white_within_the_sheet(page, tmp_path):
    page.emulate_media(color_scheme="dark")
    path = tmp_path / "report.pdf"
    page.pdf(path=path, format="A4")
    assert path.read_bytes().startswith(b"%PDF")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.get_by_role("button", name="Play").first.is_visible()


def test_page_is_small(report):
    assert report.stat().st_size < 3_000_000


# Two features without a truth are those of the failed chain below.
SHAPES = [
    pytest.param(d, truth, marks=() if (d, truth) in ((1, False), (5, True)) else pytest.mark.slow)
    for d in (1, 2, 5)
    for truth in (True, False)
]


@pytest.mark.parametrize(("n_features", "with_truth"), SHAPES)
def test_every_shape_of_comparison_is_drawn(n_features, with_truth, open_page, tmp_path):
    truth, X, X_test = two_clusters(n_features, 60)
    rng = np.random.default_rng(3)
    names = tuple(f"x{i}" for i in range(n_features))
    dataset = Dataset("made", X, names, *((X_test, truth) if with_truth else (None, None)))
    fits = {"em": made_em(truth), "bayes": made_bayes(truth, rng)}
    check_everything(
        open_page(write_comparison_report(compare_fits(dataset, fits), tmp_path / "r.html"))
    )


def test_failed_chain_and_unconverged_em_are_said_to_be(open_page, tmp_path):
    """One chain stuck elsewhere, EM cut off: the report is whole, and its verdict says so."""
    truth, X, _ = two_clusters(2)
    rng = np.random.default_rng(5)
    good, bad = made_bayes(truth, rng), made_bayes(random_mixture(rng, 2, 2), rng)
    draws = MixtureDraws(
        *(
            np.concatenate([getattr(part.draws, name)[:1] for part in (good, bad)])
            for name in ("weights", "means", "covariances")
        )
    )
    diagnostics = {**good.diagnostics, "max_r_hat": 3.1, "problems": ["the chains do not agree"]}
    em = made_em(truth)
    em = replace(em, finished=(False,) * 4, diagnostics={**em.diagnostics, "converged": False})
    fits = {"em": em, "bayes": replace(good, draws=draws, diagnostics=diagnostics)}
    page = open_page(
        write_comparison_report(
            compare_fits(Dataset("made", X, ("a", "b")), fits), tmp_path / "r.html"
        )
    )
    check_everything(page)
    assert page.locator(".verdict .fail").count() >= 2
    assert "did not converge" in page.locator("section[aria-labelledby=findings]").inner_text()
    assert "The chains do not agree." in page.locator("main").inner_text()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["em", "bayes", "kmeans"])
def test_one_engine_alone_has_a_report(engine, open_page, tmp_path):
    _, X, _ = two_clusters(2, 60)
    options = {"em": {"n_init": 2, "n_bootstrap": 4}, "bayes": GIBBS}
    comparison = compare(
        X, 2, engines=(engine,), **{k: v for k, v in options.items() if k == engine}
    )
    check_everything(open_page(comparison.report(tmp_path / "r.html")))


def test_a_page_without_figures_needs_no_library(open_page, tmp_path):
    from experiments.report.page.document import render, write

    page = open_page(write(render("T", "lead", [PageSection("s", "S", [])]), tmp_path / "p.html"))
    assert page.evaluate("typeof Plotly") == "undefined"
