"""Mixtures and fits as tables of a notebook: all that is said, and nothing that runs."""

import re

import numpy as np
import pandas as pd
import pytest

from gmm_em import GaussianMixtureEM, Mixture
from gmm_em.core.html import table
from tests.conftest import random_mixture


def texts(shown, tag):
    return re.findall(rf"<{tag}(?: [^>]*)?>(.*?)</{tag}>", shown)


def test_a_mixture_is_a_row_for_each_component():
    mixture = Mixture(
        [0.25, 0.75], [[1.0, -2.0], [3.5, 0.125]], [np.diag([4.0, 9.0]), np.diag([0.25, 1.0])]
    )
    shown = mixture._repr_html_()
    assert texts(shown, "caption") == ["Mixture of 2 Gaussian components"]
    assert texts(shown, "th") == [
        "component", "weight", "mean x1", "mean x2", "sd x1", "sd x2", "1", "2",
    ]  # fmt: skip
    assert texts(shown, "td") == ["0.25", "1", "-2", "2", "3", "0.75", "3.5", "0.125", "0.5", "1"]


def test_one_component_is_singular():
    shown = Mixture([1.0], [[0.0]], [[[1.0]]])._repr_html_()
    assert texts(shown, "caption") == ["Mixture of 1 Gaussian component"]


@pytest.mark.parametrize(
    ("n_components", "n_features", "more"),
    [
        (20, 6, ""),
        (21, 6, ", 1 more components"),
        (20, 7, ", 1 more features"),
        (23, 9, ", 3 more components, 3 more features"),
    ],
)
def test_of_a_large_mixture_the_beginning_is_shown(rng, n_components, n_features, more):
    shown = random_mixture(rng, n_components, n_features)._repr_html_()
    assert texts(shown, "caption") == [f"Mixture of {n_components} Gaussian components{more}"]
    assert shown.count("<tr>") == 1 + min(n_components, 20)
    assert len(texts(shown, "td")) == min(n_components, 20) * (1 + 2 * min(n_features, 6))


def test_everything_given_is_text():
    shown = table("<b>&", ['"<i>'], [["<script>", "a & b"]])
    assert "<b>" not in shown
    assert "<i>" not in shown
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "a &amp; b" in shown


def test_an_estimator_shows_its_parameters_then_its_fit(faithful):
    model = GaussianMixtureEM(2, n_init=2, random_state=0)
    before = model._repr_html_()
    assert "not fitted" in texts(before, "caption")[0]
    assert dict(zip(texts(before, "th")[2:], texts(before, "td"), strict=True)) == {
        name: repr(value).replace("'", "&#x27;") for name, value in model.get_params().items()
    }
    model.fit(pd.DataFrame(faithful, columns=["<script>alert(1)</script>", "b&c"]))
    shown = model._repr_html_()
    assert "<script>" not in shown
    assert "mean &lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "sd b&amp;c" in shown
    assert f"converged after {model.n_iter_} iterations" in texts(shown, "caption")[0]
    assert f"log-likelihood {model.log_likelihood_:.2f}" in shown
    assert f"<td>{model.mixture_.weights[0]:.4g}</td>" in shown
    model.converged_ = False
    assert "not converged after" in model._repr_html_()


def test_columns_without_names_are_numbered(faithful):
    shown = GaussianMixtureEM(2, n_init=2, random_state=0).fit(faithful)._repr_html_()
    assert "mean x1" in shown
