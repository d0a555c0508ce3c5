"""Settings of a config default to what the classes and functions they are for default to."""

import dataclasses
import inspect

import pytest
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from experiments.config.engines import (
    BayesSettings,
    EMSettings,
    HierarchicalSettings,
    LKJSettings,
    NIWSettings,
)
from experiments.engines.baselines import SklearnSettings
from gmm_bayes import (
    GaussianMixtureBayes,
    HierarchicalPrior,
    InverseWishartPrior,
    LKJPrior,
    NIWPrior,
)
from gmm_em import bootstrap, fit_blocks, fit_em


def defaults_of(target):
    """Every default of a dataclass, or of a function's or a constructor's arguments."""
    if dataclasses.is_dataclass(target):
        return {f.name: f.default for f in dataclasses.fields(target)}
    return {
        name: parameter.default
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }


@pytest.mark.parametrize(
    ("settings", "target", "own"),
    [
        (LKJSettings, LKJPrior, {"kind"}),
        (NIWSettings, NIWPrior, {"kind"}),
        (HierarchicalSettings, HierarchicalPrior, {"kind"}),
        (EMSettings, fit_em, {"n_init", "n_bootstrap"}),
        (EMSettings, fit_blocks, {"n_init", "n_bootstrap"}),
        (EMSettings, bootstrap, {"init_params", "n_init", "max_iter", "tol"}),
        (BayesSettings, GaussianMixtureBayes, {"prior", "evidence"}),
        (SklearnSettings, GaussianMixture, set()),
        (SklearnSettings, BayesianGaussianMixture, set()),
    ],
)
def test_a_default_that_stands_twice_is_the_same(settings, target, own):
    there = defaults_of(target)
    assert set(settings.model_fields) >= own
    for name, field in settings.model_fields.items():
        if name not in own:
            assert field.default == there[name], name


def test_a_prior_without_a_kind_is_that_of_files_from_before_there_were_kinds():
    assert BayesSettings(prior={"eta": 2.0}).prior == LKJSettings(eta=2.0)


def test_the_prior_by_default_is_the_samplers():
    made = BayesSettings().prior.model_dump(exclude={"kind"})
    assert InverseWishartPrior(**made) == InverseWishartPrior()
    made = LKJSettings().model_dump(exclude={"kind"})
    assert LKJPrior(**made) == LKJPrior()
    made = NIWSettings(kind="niw").model_dump(exclude={"kind"})
    assert NIWPrior(**made) == NIWPrior()
    made = HierarchicalSettings(kind="hierarchical").model_dump(exclude={"kind"})
    assert HierarchicalPrior(**made) == HierarchicalPrior()
