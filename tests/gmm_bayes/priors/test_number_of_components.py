"""Priors on the number of components: their probabilities, tables and errors."""

import numpy as np
import pytest
from scipy import stats

from gmm_bayes import (
    BetaNegativeBinomialComponents,
    FixedComponents,
    GeometricComponents,
    PoissonComponents,
    UniformComponents,
)
from gmm_bayes.priors.number_of_components import COMPONENTS_PRIORS, check_components_prior

K = np.arange(1.0, 40.0)


@pytest.mark.parametrize(
    ("prior", "law"),
    [
        (UniformComponents(7), stats.randint(1, 8)),
        (PoissonComponents(1.5), stats.poisson(1.5, loc=1)),
        (GeometricComponents(0.3), stats.geom(0.3)),
        (BetaNegativeBinomialComponents(2.0, 5.0, 3.0), stats.betanbinom(2, 5.0, 3.0, loc=1)),
        (FixedComponents(4), stats.randint(4, 5)),
    ],
)
def test_probabilities_are_those_of_scipy(prior, law):
    np.testing.assert_allclose(np.exp(prior.log_prob(K)), law.pmf(K), atol=1e-13)
    inside = law.pmf(np.arange(1, 11)) / law.cdf(10)
    np.testing.assert_allclose(np.exp(prior.truncated(10)), inside, atol=1e-13)


def test_the_default_expects_two_components():
    values = np.exp(BetaNegativeBinomialComponents().log_prob(np.arange(1.0, 200_000.0)))
    assert values @ np.arange(1.0, 200_000.0) == pytest.approx(2.0, abs=1e-3)


def test_a_table_gives_the_same_prior():
    assert set(COMPONENTS_PRIORS) == {
        "uniform", "poisson", "geometric", "beta-negative-binomial", "fixed"
    }  # fmt: skip
    for prior in (UniformComponents(30), PoissonComponents(2.0), FixedComponents(3)):
        assert check_components_prior(prior.to_dict()) == prior
        assert check_components_prior(prior) is prior


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"kind": "binomial"}, "kind is 'binomial'; allowed are 'uniform', 'poisson'"),
        ({"kind": "uniform", "most": 3}, "unknown key 'most'; allowed are max"),
        ({"kind": "uniform", "max": 0}, "max must be at least 1, but is 0"),
        ({"kind": "poisson", "rate": 0.0}, "components_prior's rate must be finite and positive"),
        ({"kind": "geometric", "p": 1.0}, "p must lie between 0 and 1, but is 1"),
        ({"kind": "fixed"}, "needs k"),
    ],
)
def test_a_wrong_table_is_refused_in_one_sentence(table, message):
    with pytest.raises(ValueError, match=message):
        check_components_prior(table)


def test_other_objects_are_refused():
    with pytest.raises(TypeError, match="such as"):
        check_components_prior(3)
    with pytest.raises(ValueError, match="allows no number"):
        FixedComponents(5).truncated(4)
