"""The posterior goes into ArviZ's functions as it is."""

import warnings

import arviz as az
import numpy as np
import pytest

from gmm_bayes import GaussianMixtureBayes


@pytest.fixture(scope="module")
def tree(two_clusters):
    model = GaussianMixtureBayes(2, draws=200, tune=300, chains=2, random_state=3)
    return model.fit(two_clusters).sample_posterior_predictive()


@pytest.mark.parametrize(
    ("plot", "options"),
    [
        (az.plot_autocorr, {"var_names": "weights"}),
        (az.plot_dist, {}),
        (az.plot_energy, {}),
        (az.plot_ess, {"var_names": "means"}),
        (az.plot_forest, {"combined": True}),
        (az.plot_mcse, {"var_names": "means"}),
        (az.plot_pair, {"var_names": "means"}),
        (az.plot_ppc_dist, {}),
        (az.plot_ppc_tstat, {}),
        (az.plot_rank, {}),
        (az.plot_trace, {}),
        (az.plot_trace_dist, {"var_names": "weights"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_plots_take_it(tree, plot, options):
    """Everything but the drawing itself, which ArviZ leaves to one of several libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plotted = plot(tree, backend="none", **options)
    assert plotted.viz.children or plotted.viz.data_vars


def test_summary_has_a_row_for_each_entry(tree):
    table = az.summary(tree)
    assert len(table) == 2 + 4 + 8
    assert table["ess_bulk"].astype(float).min() > 50
    assert np.isfinite(table["r_hat"].astype(float)).all()


def test_loo_says_what_it_cannot_estimate(two_clusters, recwarn):
    """Forty draws are too few for a Pareto-k to count as small: no warning, but a mark."""
    model = GaussianMixtureBayes(2, draws=20, tune=100, chains=2, random_state=3)
    result = model.fit(two_clusters).loo()
    assert result.pareto_k.shape == (120,)
    assert result.warning == bool((result.pareto_k > result.good_k).any())
    assert result.warning
    assert not recwarn.list
    az.plot_khat(result, backend="none")
    fewer = GaussianMixtureBayes(1, draws=20, tune=100, chains=2, random_state=3)
    ranked = az.compare({"two": result, "one": fewer.fit(two_clusters).loo()})
    assert list(ranked.index) == ["two", "one"]
