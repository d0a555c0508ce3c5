import html
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from markupsafe import escape
from scipy.stats import chi2

from experiments.api.comparing import compare_fits
from experiments.api.comparison import Comparison
from experiments.api.saved import read_run
from experiments.api.saving import write_run, write_run_report
from experiments.core.errors import UsageError
from experiments.datasets.dataset import Dataset, from_arrays
from experiments.engines.contract import Step
from experiments.report.comparison.chains import MAX_CHOSEN
from experiments.report.comparison.curves import (
    ELLIPSE_PROBABILITY,
    ellipses,
    marginal_density,
    rings,
    separating_directions,
)
from experiments.report.comparison.disagreement import differences
from experiments.report.comparison.em_steps import blend
from experiments.report.comparison.page import render_page
from experiments.report.comparison.parameters import parameters_table
from experiments.report.page.theme import COMPONENT_COLOURS, LONGEST_NAME, plain
from experiments.values.parameters import Parameters
from gmm_em import Mixture
from tests.browser.pages import SECTIONS
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em
from tests.experiments.pairs import PAIRS, made_pair


def made_comparison(rng, n_features, with_truth=True, names=None):
    mixture = random_mixture(rng, 2, n_features)
    X, _ = mixture.sample(80, rng)
    names = names or tuple(f"x{i}" for i in range(n_features))
    dataset = Dataset("made", X, names, X[:20], mixture if with_truth else None)
    return compare_fits(dataset, {"em": made_em(mixture), "bayes": made_bayes(mixture, rng)})


@pytest.mark.parametrize("n_features", [1, 2, 5])
@pytest.mark.parametrize("with_truth", [True, False])
def test_page_stands_alone_and_has_every_section(rng, n_features, with_truth):
    comparison = made_comparison(rng, n_features, with_truth)
    page = render_page(comparison)
    assert len(page.encode()) < 6_000_000
    for section in SECTIONS:
        assert f">{section}</h2>" in page
    outside_library = re.sub(r'<script type="text/plain" id="library">.*?</script>', "", page)
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#|data:)""", outside_library)
    assert "http" not in re.sub(r"http-equiv", "", outside_library)
    for finding in comparison.verdict:
        assert str(escape(finding.text)) in page
        assert f'data-finding="{finding.id}"' in page
    # The answer comes first, then the data, then the findings that the answer rests on.
    said = page.index('<p class="believe">Believe')
    assert said < page.index('id="figure-mixture"') < page.index('<ul class="verdict">')
    assert (f"<code>{escape(comparison.headline.command)}</code>" in page) == bool(
        comparison.headline.command
    )


@pytest.mark.parametrize(("n_features", "is_folded"), [(2, False), (7, True)])
def test_a_long_table_of_parameters_is_folded(rng, n_features, is_folded):
    page = render_page(made_comparison(rng, n_features))
    section = page.partition('aria-labelledby="parameters"')[2].partition("</section>")[0]
    before = section.partition("Every parameter; select a heading")[0]
    assert ("The table of all" in before) == is_folded


def figures(page):
    return set(re.findall(r'id="figure-([\w-]+)"', page))


@pytest.mark.parametrize("n_features", [1, 3])
@pytest.mark.parametrize("offers", PAIRS)
def test_any_two_engines_have_a_whole_report(rng, offers, n_features):
    """Whatever they are called: each figure is there whose numbers there are, and no other."""
    comparison = made_pair(rng, offers, n_features)
    page = render_page(comparison)
    assert all(f">{section}</h2>" in page for section in SECTIONS)
    expected = {"mixture", "forest", "scores", "disagreement"}
    if "maximum" in offers:
        expected |= {"steps-best", "paths"}
    if "draws" in offers:
        traced = comparison.illustration.health.traced[:MAX_CHOSEN]
        expected |= {"convergence", "ranks", "switching"}
        expected |= {f"chain-{place}" for place in range(1, len(traced) + 1)}
        expected |= {f"replicates-{place}" for place in range(1, n_features + 1)}
    if {"maximum", "draws"} <= set(offers):
        expected |= {"deviance"}
    if n_features > 2:
        expected |= {"projection"}
    assert figures(page) == expected
    names = [trace.get("name", "") for trace in embedded(page, "mixture")["data"]]
    for engine in comparison.engines.values():
        assert any(name.startswith(engine.title) for name in names)


def test_a_sentence_calls_only_one_engine_the_posterior(rng):
    page = render_page(made_pair(rng, ("estimate", "draws")))
    assert "probability that first estimate’s and the posterior’s assignments" in page
    assert "bootstrap" not in page.split("How it was made")[0].split("Data and mixtures")[1]
    bare = render_page(made_pair(rng, ("estimate", "estimate")))
    assert "first estimate’s and second estimate’s assignments" in bare
    assert "posterior draw" not in bare


def embedded(page, name):
    return json.loads(re.search(rf'id="data-{name}">(.*?)</script>', page, re.S)[1])


def test_every_curve_of_the_figures_is_in_the_page(rng):
    page = render_page(made_comparison(rng, 2))
    names = [trace.get("name") for trace in embedded(page, "mixture")["data"]]
    assert names[:4] == ["data", "posterior (40 draws)", "EM", "truth"]
    assert len(embedded(page, "paths")["data"]) == 4
    assert len(embedded(page, "steps-best")["frames"]) == 3


def test_figures_hold_no_array_as_long_text(rng):
    """Coordinates are packed: written out they would weigh three times as much."""
    page = render_page(made_comparison(rng, 2))
    for trace in embedded(page, "mixture")["data"]:
        assert set(trace["x"]) == {"dtype", "bdata"}


EVIL = ("<script>alert(1)</script>", "<b>bold</b>", "$x^2$", "%{x}", "a&lt;b", "n" * 200)


def test_names_from_data_appear_as_text(rng):
    page = render_page(made_comparison(rng, 6, names=EVIL))
    assert EVIL[0] not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<b>bold" not in page


@pytest.mark.parametrize("name", EVIL)
def test_plotly_reads_nothing_out_of_a_name(name):
    label = plain(name)
    assert not set("<>$%") & set(label)
    assert html.unescape(label) in (name, name[: LONGEST_NAME - 1] + "…")


PLOTS = [
    "plot_data",
    "plot_em_steps",
    "plot_parameters",
    "plot_log_likelihood",
    "plot_scores",
    "plot_deviance",
    "plot_disagreement",
    "plot_posterior",
    "plot_ranks",
    "plot_label_switching",
    "plot_replicates",
]


@pytest.mark.parametrize("n_features", [1, 3])
def test_every_plot_can_be_drawn_from_a_comparison_read_back(rng, n_features):
    made = made_comparison(rng, n_features)
    comparison = Comparison.from_dict(made.to_dict())
    for name in PLOTS:
        figure = getattr(comparison, name)()
        assert figure.data, name
        assert figure.to_json() == getattr(made, name)().to_json()


def test_what_cannot_be_drawn_is_said_in_a_sentence(rng):
    mixture = random_mixture(rng, 2, 2)
    X, _ = mixture.sample(80, rng)
    alone = compare_fits(from_arrays(X), {"em": made_em(mixture)})
    for name in (
        "plot_deviance",
        "plot_disagreement",
        "plot_posterior",
        "plot_ranks",
        "plot_energy",
    ):
        with pytest.raises(UsageError, match="to show: "):
            getattr(alone, name)()
    with pytest.raises(UsageError, match="run = 'last', allowed is best, worse"):
        alone.plot_em_steps("last")
    with pytest.raises(UsageError, match="no feature 'z', allowed is x1, x2"):
        alone.plot_data(features=["z"])
    page = render_page(alone)
    assert all(f">{section}</h2>" in page for section in SECTIONS)


def test_features_of_the_pairs_view_can_be_chosen(rng):
    figure = made_comparison(rng, 5).plot_data(features=["x3", "x0"])
    assert figure.layout.xaxis.title.text == "x3"
    assert figure.layout.yaxis.title.text == "x0"


def test_a_table_sorts_by_value_whatever_is_written(rng):
    """A number with a power of ten, in brackets, is not in the order of its text."""
    truth = Mixture([0.5, 0.5], [[-3.0], [3e9]], [[[1.0]], [[5.9e7]]])
    em = replace(made_em(truth), uncertainty=Parameters.of(truth))
    dataset = Dataset("made", truth.sample(60, rng)[0], ("x",), None, truth)
    table = parameters_table(compare_fits(dataset, {"em": em}))
    shown = [(row[2].text, row[2].sort) for row in table.rows]
    assert [text for text, _ in shown if text.startswith("(")]
    assert [value for _, value in shown] == [0.5, 0.5, -3.0, 3e9, 1.0, 5.9e7]


def test_differences_of_responsibilities_are_total_variation(rng):
    comparison = made_comparison(rng, 2)
    em, bayes = comparison.fits["em"].mixture, comparison.fits["bayes"].draws
    points = np.array(comparison.illustration.points)
    every = np.mean([draw.responsibilities(points) for draw in bayes], axis=0)
    expected = np.abs(em.responsibilities(points) - every).max(axis=1)
    assert np.allclose(differences(comparison), expected, atol=2e-4), "of two components"


def test_steps_colour_rows_by_responsibility(rng):
    comparison = made_comparison(rng, 2)
    figure = comparison.plot_em_steps()
    assert [frame.name for frame in figure.frames] == ["0", "1", "2"]
    sizes = [max(len(trace["x"]) for trace in frame.data) for frame in figure.frames]
    assert len(set(sizes)) == 1
    assert blend(np.eye(2)) == list(COMPONENT_COLOURS[:2])
    assert blend(np.array([[0.5, 0.5]])) != blend(np.array([[0.4, 0.6]]))


def test_separating_directions_tell_components_apart(rng):
    """Of means that differ in one direction the first coordinate is that one; so is K = 1 drawn."""
    covariance = random_mixture(rng, 1, 4).covariances[0]
    shift = np.array([1.0, -2.0, 0.5, 3.0])
    mixture = Mixture([0.4, 0.6], [0 * shift, shift], [covariance, covariance])
    directions = separating_directions(Parameters.of(mixture))
    expected = np.linalg.solve(covariance, shift)
    cosine = directions[:, 0] @ expected / np.linalg.norm(expected)
    assert abs(cosine) == pytest.approx(np.linalg.norm(directions[:, 0]), rel=1e-6)
    within = directions.T @ covariance @ directions
    assert np.allclose(within, np.eye(2), atol=1e-8)
    single = separating_directions(Parameters.of(random_mixture(rng, 1, 3)))
    assert np.isfinite(single).all()


def test_rings_lie_around_the_ellipse_of_equal_replicates(rng):
    mixture = Parameters.of(random_mixture(rng, 1, 2))
    x, y = rings(mixture, [mixture] * 3, 0, 1)
    outer_x, outer_y = ellipses(mixture, 0, 1)
    assert np.allclose(x[:73], outer_x[:73])
    assert np.allclose(y[:73], outer_y[:73])


def test_rings_follow_the_reach_of_larger_replicates(rng):
    mixture = Parameters.of(random_mixture(rng, 1, 2))
    sizes = np.linspace(0.5, 1.5, 101)
    replicates = [
        Parameters(mixture.weights, mixture.means, mixture.covariances * size**2) for size in sizes
    ]
    x, y = rings(mixture, replicates, 0, 1)
    centre = mixture.means[0]
    edge = np.array(ellipses(mixture, 0, 1))[:, :73] - centre[:, None]
    found = np.array([x, y])[:, :146] - centre[:, None]
    assert np.allclose(found[:, :73], edge * 1.45)
    assert np.allclose(found[:, 73:], edge[:, ::-1] * 0.55)


def test_health_follows_the_components_through_relabelling(rng):
    """Labels as they fell are those of the sampler, aligned ones those of the truth."""
    mixture = random_mixture(rng, 2, 1)
    X, _ = mixture.sample(80, rng)
    bayes = made_bayes(mixture, rng)
    flipped = np.tile([0, 1], (2, 40, 1))
    flipped[1] = [1, 0]
    fits = {"em": made_em(mixture), "bayes": replace(bayes, permutations=flipped)}
    comparison = compare_fits(Dataset("made", X, ("x",), None, mixture), fits)
    found = comparison.illustration.health
    after = np.array(found.switching_after)
    before = np.array(found.switching_before)
    assert np.allclose(after[:, :, 0], mixture.means, atol=0.2)
    assert np.allclose(before[:, 0], after[:, 0])
    assert np.allclose(before[:, 1], after[::-1, 1])
    at = found.parameters.index("mean[1, 1]")
    assert found.r_hat_before[at] > 1.5 > 1.1 > found.r_hat[at]


def test_report_says_how_it_was_made(rng, tmp_path):
    comparison = made_comparison(rng, 1)
    write_run(tmp_path / "run", comparison, 'name = "made"\n')
    page = (tmp_path / "run" / "report.html").read_text()
    for expected in (
        "gmm-compare run config.toml",
        comparison.dataset.sha256,
        "numpy",
        "name = &#34;made&#34;",
        "Copy the command",
    ):
        assert expected in page
    (tmp_path / "run" / "report.html").unlink()
    write_run_report(read_run(tmp_path / "run"), tmp_path / "run")
    assert (tmp_path / "run" / "report.html").read_text() == page


def test_comparison_in_a_notebook_shows_names_as_text(rng):
    shown = made_comparison(rng, 2, names=EVIL[:2])._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "<b>" not in shown
    for expected in ("mean 1", "EM ± se", "posterior ± sd", "truth"):
        assert expected in shown


@pytest.mark.parametrize("pair", [(0, 1), (2, 0)])
def test_ellipses_hold_the_stated_share(rng, pair):
    mixture = random_mixture(rng, 2, 3)
    i, j = pair
    x, y = ellipses(Parameters.of(mixture), i, j)
    x, y = x.reshape(2, -1)[:, :-1], y.reshape(2, -1)[:, :-1]
    for k in range(2):
        difference = np.array([x[k], y[k]]) - mixture.means[k][[i, j], None]
        inverse = np.linalg.inv(mixture.covariances[k][np.ix_([i, j], [i, j])])
        squared = np.einsum("in,ij,jn->n", difference, inverse, difference)
        assert np.allclose(chi2.cdf(squared, 2), ELLIPSE_PROBABILITY)


def test_marginal_density_is_that_of_the_mixture_of_one_feature(rng):
    mixture = random_mixture(rng, 3, 1)
    x = np.linspace(-5, 5, 7)
    density = marginal_density(Parameters.of(mixture), 0, x)
    assert np.allclose(density, np.exp(mixture.log_prob(x[:, None])))


def test_each_feature_has_its_histogram_on_the_diagonal_of_pairs(rng):
    """The density of each fit is that of its own mixture, and integrates to one."""
    comparison = made_comparison(rng, 3)
    figure = comparison.plot_data()
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert len(bars) == 3
    points = np.array(comparison.illustration.points)
    mixture = comparison.engines["em"].mixture.arrays()
    for i, bar in enumerate(bars):
        x, density = np.asarray(bar.x), np.asarray(bar.y)
        assert points[:, i].min() < x.min() < x.max() < points[:, i].max()
        assert np.sum(density) * bar.width == pytest.approx(1.0, abs=1e-4)
        drawn = [
            trace
            for trace in figure.data
            if trace.xaxis == bar.xaxis and trace.yaxis == bar.yaxis and trace.type == "scatter"
        ]
        assert {trace.legendgroup for trace in drawn} == {"em", "bayes", "truth"}
        [em] = [trace for trace in drawn if trace.legendgroup == "em"]
        expected = marginal_density(mixture, i, np.asarray(em.x, dtype=float))
        assert np.allclose(em.y, expected, rtol=1e-3, atol=1e-6)
    # Each is named once in the legend, whatever panels it is drawn in.
    named = [trace.legendgroup for trace in figure.data if trace.showlegend is not False]
    assert len(named) == len(set(named))
    assert [trace.type for trace in made_comparison(rng, 2).plot_data().data].count("bar") == 0


def test_what_starts_far_below_does_not_flatten_the_paths(rng):
    """A start, or a short run that was given up, may lie a million below all others."""
    mixture = random_mixture(rng, 2, 2)
    em = made_em(mixture)
    worse = np.array([-990.0, -900.0])
    paths = (np.array([-1e6, -9e5]), *em.paths[1:3], worse)
    steps = tuple(Step(i, value, mixture) for i, value in enumerate((-1e6, -850.0, -840.0)))
    em = replace(em, paths=paths, best_path=1, finished=(False, True, True, True))
    fits = {"em": replace(em, steps=lambda: {1: steps})}
    comparison = compare_fits(from_arrays(mixture.sample(80, rng)[0]), fits)
    low, high = comparison.plot_log_likelihood().layout.yaxis.range
    ends = [path[-1] for path in paths[1:]]
    # A worse optimum is seen, however far below it lies.
    assert low < min(ends) == -900 < max(ends) < high < low + 80
    figure = comparison.plot_em_steps()
    low, high = figure.layout.yaxis2.range
    assert low > -1000
    assert all(low < y for frame in figure.frames for y in frame.data[-1].y)
    [path] = [trace for trace in figure.data if trace.mode == "lines" and trace.xaxis == "x2"]
    assert list(path.customdata) == [-1e6, -850.0, -840.0]
