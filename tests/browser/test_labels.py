"""Labels of figures, as a reader sees them: none overlap, and none are equal that must differ."""

import numpy as np
import pytest

from experiments.api.comparing import compare_fits
from experiments.datasets.dataset import Dataset
from experiments.report.comparison.page import write_comparison_report
from tests.browser.pages import resize
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em, with_energies

# What stands beside the marks of a figure: ticks, titles of axes and of panels. Numbers of
# components within the plots may cover each other, as the components do.
READ = """() => [...document.querySelectorAll(".plot")].map(node => {
    const shown = selector => [...node.querySelectorAll(selector)].filter(text => {
        const box = text.getBoundingClientRect();
        return text.textContent.trim() && box.width && getComputedStyle(text).opacity !== "0";
    });
    const place = text => {
        const box = text.getBoundingClientRect();
        return {text: text.textContent, left: box.left, right: box.right,
                top: box.top, bottom: box.bottom};
    };
    const axes = {};
    for (const text of shown(".ytick text, .xtick text")) {
        const tick = text.closest(".ytick, .xtick").getAttribute("class");
        (axes[tick] ||= []).push(text.textContent);
    }
    return {
        name: node.dataset.figure,
        left: node.getBoundingClientRect().left,
        right: node.getBoundingClientRect().right,
        titles: shown(".annotation-text, .annotation text").map(text => text.textContent),
        axes,
        labels: shown(".ytick text, .xtick text, .g-xtitle text, .g-ytitle text, [class^=g-x] text,"
                      + "[class^=g-y] text, .annotation text").map(place),
        marks: [...node.querySelectorAll(".scatterlayer .points path")].map(mark => {
            const box = mark.getBoundingClientRect();
            return {left: box.left, right: box.right, top: box.top, bottom: box.bottom};
        }),
    };
})"""
# Boxes of letters have some room around them, in pixels.
ROOM = 4


def overlap(a, b) -> bool:
    return (
        min(a["right"], b["right"]) - max(a["left"], b["left"]) > ROOM
        and min(a["bottom"], b["bottom"]) - max(a["top"], b["top"]) > ROOM
    )


def unique(labels):
    """Without the second of two elements that are one: a selector may find it twice."""
    return list({tuple(label.values()): label for label in labels}.values())


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Eight features, whose names of 25 letters differ in the middle only."""
    rng = np.random.default_rng(8)
    mixture = random_mixture(rng, 3, 8)
    names = tuple(f"measurement_{i}_of_the_wing" for i in range(8))
    assert {len(name) for name in names} == {25}
    X, _ = mixture.sample(120, rng)
    kinds = tuple("ab"[i % 2] for i in range(120))
    dataset = Dataset("made", X, names, label_column="kind", labels=kinds)
    bayes = with_energies(made_bayes(mixture, rng, n_chains=4), rng)
    fits = {"em": made_em(mixture), "bayes": bayes}
    path = tmp_path_factory.mktemp("labels") / "report.html"
    return write_comparison_report(compare_fits(dataset, fits), path)


@pytest.mark.parametrize("width", [1440, 390])
def test_no_two_labels_are_equal_or_overlap(report, look_at, width):
    page = look_at(report)
    resize(page, width)
    found = {figure["name"]: figure for figure in page.evaluate(READ)}
    assert {"mixture", "forest", "convergence", "ranks", "switching", "classes"} <= {*found}
    assert {"chain-1", "energy", "replicates-1", "left-out"} <= {*found}
    for name, figure in found.items():
        titles = figure["titles"]
        assert len(set(titles)) == len(titles), (name, titles)
        labels = unique(figure["labels"])
        clipped = [
            label["text"]
            for label in labels
            if min(label["left"] - figure["left"], figure["right"] - label["right"]) < -1
        ]
        assert clipped == [], name
        pairs = [(a, b) for i, a in enumerate(labels) for b in labels[i + 1 :] if overlap(a, b)]
        assert pairs == [], name
        covered = [
            label["text"]
            for label in labels
            if any(overlap(label, mark) for mark in figure["marks"])
        ]
        assert covered == [], name
    for tick in (t for t in found["convergence"]["axes"] if t.startswith("y")):
        ticks = found["convergence"]["axes"][tick]
        assert len(set(ticks)) == len(ticks) == 30


def test_rank_plots_have_a_panel_for_each_parameter(report, look_at):
    page = look_at(report)
    figure = next(f for f in page.evaluate(READ) if f["name"] == "ranks")
    assert len(figure["titles"]) == 6
