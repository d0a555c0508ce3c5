"""Standard deviations and correlations in the report, and what the mouse is told of a row."""

import numpy as np
import pytest

from experiments.api.comparing import compare_fits
from experiments.datasets.dataset import Dataset
from experiments.report.comparison.page import render_page
from experiments.report.comparison.spreads import spreads_table
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em


def made(rng, n_features, with_truth=True):
    mixture = random_mixture(rng, 2, n_features)
    X, _ = mixture.sample(80, rng)
    names = tuple(f"x{i}" for i in range(n_features))
    fits = {"em": made_em(mixture), "bayes": made_bayes(mixture, rng)}
    return compare_fits(Dataset("made", X, names, None, mixture if with_truth else None), fits)


@pytest.mark.parametrize("with_truth", [True, False])
def test_they_are_those_of_the_covariances(rng, with_truth):
    comparison = made(rng, 4, with_truth)
    table = spreads_table(comparison)
    assert len(table.rows) == 2 * (4 + 6)
    assert len(table.columns) == 3 + with_truth
    column = next(i for i, c in enumerate(table.columns) if c.title == "EM")
    values = {row[0].text: row[column].sort for row in table.rows}
    covariance = np.array(comparison.engines["em"].mixture.covariances[1])
    assert values["sd 2, x3"] == pytest.approx(np.sqrt(covariance[3, 3]))
    correlation = covariance[1, 3] / np.sqrt(covariance[1, 1] * covariance[3, 3])
    assert values["correlation 2, x1, x3"] == pytest.approx(correlation)
    if with_truth:
        # The made estimate is the truth itself.
        assert [row[1].sort for row in table.rows] == pytest.approx(list(values.values()))


def test_the_page_has_them_from_four_features_on(rng):
    said = "Standard deviations and correlations, which the covariances amount to"
    assert said in render_page(made(rng, 4))
    assert said not in render_page(made(rng, 3))


@pytest.mark.parametrize("n_features", [2, 5])
def test_the_mouse_is_told_the_probabilities_of_a_row(rng, n_features):
    comparison = made(rng, n_features)
    figure = comparison.plot_data() if n_features == 2 else comparison.plot_projection()
    points = next(trace for trace in figure.data if trace.name == "data")
    assert len(points.text) == len(points.x) == 80
    row = np.array(comparison.illustration.responsibilities["em"][7])
    assert points.text[7].startswith(f"EM: component {row.argmax() + 1} with {row.max():.1%}")
    assert "posterior: component" in points.text[7]
    assert "%{text}" in points.hovertemplate
