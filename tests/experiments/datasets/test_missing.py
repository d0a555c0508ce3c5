"""Rows with missing values: EM and the posterior fit them, other engines say that they cannot."""

import numpy as np
import pytest

from experiments.api.comparing import compare_fits
from experiments.api.comparison import Comparison
from experiments.config.load import parse_config
from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.datasets.load import load_dataset
from experiments.engines.fit import fit_engines
from gmm_em import Mixture
from gmm_em.e_step import observed

TRUTH = {
    "weights": [0.6, 0.4],
    "means": [[0.0, 0.0], [6.0, 2.0]],
    "covariances": [[[1.0, 0.4], [0.4, 0.7]], [[0.5, 0.0], [0.0, 2.0]]],
}


def fitted(engines=("em",), **data):
    values = {
        "name": "gaps",
        "n_components": 2,
        "engines": list(engines),
        "data": {"source": "synthetic", "truth": TRUTH, **data},
        "em": {"n_init": 2, "n_bootstrap": 30},
    }
    config = parse_config(values, "here")
    dataset = load_dataset(config.data, config.name, stream(1, "data"), 2)
    options = {name: config.engine_options(name) for name in engines}
    return compare_fits(dataset, fit_engines(dataset, 2, engines, options, 1))


def test_em_fits_what_was_observed_and_the_whole_comparison_follows():
    comparison = fitted(n_samples=800, n_test=50, missing=0.3)
    em = comparison.engines["em"]
    # Four asymptotic standard errors of a mean of 320 rows, 30 % of them unobserved.
    assert np.array(em.mixture.means) == pytest.approx(np.array(TRUTH["means"]), abs=0.4)
    assert em.log_likelihood.train > comparison.log_likelihood.truth.train
    assert em.log_likelihood.test is not None
    assert em.clustering.agreement > 0.95
    assert "only the bootstrap" in em.diagnostics["no_information"]
    assert np.isfinite(comparison.illustration.points).all()
    assert "0.3 of the values missing completely at random" in comparison.dataset.note
    assert Comparison.from_dict(comparison.to_dict()) == comparison


def test_missing_values_widen_the_standard_errors():
    whole, gaps = (fitted(n_samples=300, missing=share) for share in (0.0, 0.4))
    first, second = (c.engines["em"].uncertainty.arrays().means for c in (whole, gaps))
    # Of 30 replicates a standard error is known to 13 %; 0.6 of the values make it 1.3 times as
    # wide. Geometric mean of four, false alarm below 0.1 %.
    assert np.exp(np.log(second / first).mean()) > 1.0


def test_the_density_of_a_row_is_that_of_what_was_observed():
    mixture = Mixture(**TRUTH)
    rows = np.array([[1.0, np.nan], [np.nan, 2.0], [1.0, 2.0]])
    margins = [
        Mixture(mixture.weights, mixture.means[:, [j]], mixture.covariances[:, [j]][:, :, [j]])
        for j in range(2)
    ]
    expected = [
        margins[0].log_prob([[1.0]])[0],
        margins[1].log_prob([[2.0]])[0],
        mixture.log_prob([[1.0, 2.0]])[0],
    ]
    assert observed.log_prob(mixture, rows) == pytest.approx(np.array(expected))
    assert observed.log_likelihood(mixture, rows) == pytest.approx(sum(expected))
    assert observed.responsibilities(mixture, rows)[0] == pytest.approx(
        margins[0].responsibilities([[1.0]])[0]
    )


def test_engines_that_cannot_fit_missing_values_say_so_before_anything_is_fitted():
    with pytest.raises(
        UsageError,
        match=r"gaps: has missing values, which kmeans cannot fit, .*\['em', 'bayes'\]",
    ):
        fitted(("em", "bayes", "kmeans"), n_samples=50, missing=0.1)
