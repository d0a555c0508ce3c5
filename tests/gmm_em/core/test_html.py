import re

import numpy as np

from gmm_em import Mixture
from gmm_em.core.html import MAX_FEATURES, MAX_ROWS, mixture_table, table


def cells(html):
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def test_everything_given_is_shown_as_text():
    shown = table("a < b", ["<i>", "x"], [["&", "<b>"]])
    assert cells(shown) == [["&lt;i&gt;", "x"], ["&amp;", "&lt;b&gt;"]]
    assert "a &lt; b</caption>" in shown


def test_a_mixture_s_weights_means_and_standard_deviations_are_shown():
    weights, means = np.array([0.25, 0.75]), np.array([[1.0, 2.0], [3.0, 4.0]])
    covariances = np.array([[[4.0, 1.0], [1.0, 9.0]], [[0.25, 0.0], [0.0, 1.0]]])
    shown = mixture_table(weights, means, covariances, feature_names=["u", "v"])
    assert cells(shown) == [
        ["component", "weight", "mean u", "mean v", "sd u", "sd v"],
        ["1", "0.25", "1", "2", "2", "3"],
        ["2", "0.75", "3", "4", "0.5", "1"],
    ]
    assert "Mixture of 2 Gaussian components</caption>" in shown
    mixture = Mixture(weights, means, covariances)
    assert mixture._repr_html_() == shown.replace(" u<", " x1<").replace(" v<", " x2<")


def test_of_a_large_mixture_the_beginning_is_shown_and_the_rest_is_counted():
    k, d = MAX_ROWS + 3, MAX_FEATURES + 2
    shown = mixture_table(
        np.full(k, 1 / k), np.zeros((k, d)), np.repeat(np.eye(d)[None], k, axis=0), "Large"
    )
    assert "Large, 3 more components, 2 more features</caption>" in shown
    found = cells(shown)
    assert len(found) == 1 + MAX_ROWS
    assert {len(row) for row in found} == {2 + 2 * MAX_FEATURES}
