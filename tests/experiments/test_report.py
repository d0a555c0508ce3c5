import json
import re

import numpy as np
import pytest
from scipy.stats import chi2

from experiments.comparison import compare_fits
from experiments.datasets import Dataset
from experiments.parameters import Parameters
from experiments.report.geometry import ELLIPSE_PROBABILITY, ellipses, marginal_density
from experiments.report.page import render_page
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em


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
    for section in ("Verdict", "Data and mixtures", "iteration by iteration", "Parameters",
                    "Log-likelihoods", "How it was made"):  # fmt: skip
        assert section in page
    outside_library = page.partition("<script>")[0] + page.rpartition("</script>")[0][-5000:]
    assert not re.search(r"""(?:src|href)\s*=\s*["']""", outside_library)
    for finding in comparison.verdict:
        assert finding.text.split("'")[0][:40] in page


def test_every_curve_of_the_figures_is_in_the_page(rng):
    page = render_page(made_comparison(rng, 2))
    figure = json.loads(re.search(r'id="data-mixture">(.*?)</script>', page, re.S)[1])
    names = [trace.get("name") for trace in figure["data"]]
    assert names[:4] == ["data", "posterior (40 draws)", "EM", "truth"]
    paths = json.loads(re.search(r'id="data-paths">(.*?)</script>', page, re.S)[1])
    assert len(paths["data"]) == 4


def test_names_from_data_appear_as_text(rng):
    evil = "<script>alert(1)</script>"
    page = render_page(made_comparison(rng, 2, names=(evil, "b")))
    assert evil not in page
    assert "&lt;script&gt;alert(1)" in page


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
