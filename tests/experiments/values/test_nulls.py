"""Every null of a comparison has a reason, and the field says it."""

import copy
from typing import Annotated, get_args

import numpy as np
import pytest
from pydantic import BaseModel

from experiments.api.comparing import compare_fits
from experiments.datasets.dataset import Dataset
from experiments.values.certificate import Certificate
from experiments.values.comparison import ComparisonValues
from experiments.values.illustration import Illustration
from experiments.values.nulls import Null, null_reasons
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em, perturbed

NO_TRUTH = "no truth is known"
NO_TEST = "no rows were held out"
NO_PAIR = "EM and the posterior were not both fitted"
POINT_ONLY = "this engine gives a point estimate only"
COLLAPSED = "every posterior draw has collapsed"
NOTHING = "this fit has nothing of the kind to draw, or it is undefined"

REASONS = {
    "truth": NO_TRUTH,
    "engines.em.uncertainty": POINT_ONLY,
    "engines.em.intervals": POINT_ONLY,
    "engines.em.errors": NO_TRUTH,
    "engines.em.density_errors": NO_TRUTH,
    "engines.em.clustering": NO_TRUTH,
    "engines.em.coverage": (
        "this engine gives no intervals, or there is no truth of as many components"
    ),
    "engines.em.errors.weight_kl": "infinite: a weight of the truth is estimated as zero",
    "engines.em.errors.mean_euclidean.2": "the engine lacks this component of the truth",
    "engines.em.matching.partners.1": "the truth lacks this component",
    "engines.em.matching.distance": "the first engine of a comparison without a truth",
    "engines.em.matching.second_distance": "there is no other assignment",
    "engines.em.matching.draws_ambiguity": "no draws, or only one component",
    "engines.em.log_likelihood.test": NO_TEST,
    "engines.em.diagnostics.max_r_hat": "undefined for this fit",
    "engines.em.diagnostics.label_free.log_likelihood.r_hat": "undefined for this fit",
    "log_likelihood.truth": NO_TRUTH,
    "log_likelihood.truth.test": NO_TEST,
    "log_likelihood.em": "this engine was not fitted",
    "log_likelihood.bayes": "this engine was not fitted",
    "log_likelihood.bayes.loo": "too few posterior draws to smooth their tail",
    "log_likelihood.em.test": NO_TEST,
    "log_likelihood.bayes.at_point_test": NO_TEST,
    "log_likelihood.bayes.draws_test": NO_TEST,
    "log_likelihood.bayes.log_predictive_test": NO_TEST,
    "agreement": NO_PAIR,
    "agreement.sd_ratios": POINT_ONLY,
    "agreement.joint": (
        "fewer posterior draws than twice the parameters, or a parameter without spread"
    ),
    "certificate": NO_PAIR,
    "certificate.best_draw": COLLAPSED,
    "certificate.margin": COLLAPSED,
    "certificate.deviance_mean": COLLAPSED,
    "certificate.deviance_distance": COLLAPSED,
    "illustration.em_best_path": NOTHING,
    "illustration.health": NOTHING,
    "illustration.energies": "no posterior, or its sampler has no energy",
    "illustration.left_out": "no posterior, or too few draws to leave rows out",
    "illustration.left_out.pareto_k": "no Pareto distribution fits the weights of this row",
    "illustration.left_out.points": "the report does not draw this row",
    "illustration.health.r_hat": NOTHING,
    "illustration.health.ess_tail": NOTHING,
}


@pytest.fixture(scope="module")
def full():
    """The plain values of a comparison with a truth, held-out rows and two engines."""
    rng = np.random.default_rng(4)
    truth = random_mixture(rng, 3, 2)
    rows, held_out = truth.sample(80, rng)[0], truth.sample(10, rng)[0]
    fits = {"em": made_em(perturbed(truth, rng)), "bayes": made_bayes(truth, rng, 2, 60)}
    dataset = Dataset("made", rows, ("u", "v"), held_out, truth)
    return compare_fits(dataset, fits).to_dict()


@pytest.mark.parametrize(("path", "reason"), REASONS.items())
def test_each_null_has_the_reason_of_its_field(full, path, reason):
    values = copy.deepcopy(full)
    *above, last = path.split(".")
    part = values
    for name in above:
        part = part.setdefault(name, {}) if isinstance(part, dict) else part[int(name)]
    if isinstance(part, list):
        part[int(last)] = None
    else:
        # A list that may not be null may hold nulls: one reason stands for all of them.
        lists = ("illustration.health.", "illustration.left_out.")
        part[last] = [None, None] if path.startswith(lists) else None
    found = null_reasons(ComparisonValues.from_dict(values))
    assert found[path] == reason
    assert set(found) - set(null_reasons(ComparisonValues.from_dict(full))) <= {path}


def models(annotation):
    """The values' classes that an annotation is made of, and those of their fields."""
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield part
            for field in part.model_fields.values():
                yield from models(field.annotation)
        elif part is not annotation:
            yield from models(part)


def test_every_field_that_may_be_null_says_why_or_lies_in_one_that_does():
    outside = set(models(ComparisonValues)) - set(models(Certificate)) - set(models(Illustration))
    for model in outside:
        for name, field in model.model_fields.items():
            if type(None) in get_args(field.annotation):
                reasons = [found for found in field.metadata if isinstance(found, Null)]
                assert [found.why for found in reasons] != [""], (model, name)
                assert reasons, (model, name)
    assert {"EngineResult", "LogLikelihoods", "TrainTest"} <= {model.__name__ for model in outside}


def test_a_null_without_a_reason_is_no_value_to_write():
    class Bare(BaseModel):
        number: float | None
        inner: Annotated[dict[str, float | None], Null(inside="it is only drawn")] = {}

    with pytest.raises(TypeError, match="number is null"):
        null_reasons(Bare(number=None))
    assert null_reasons(Bare(number=1.0, inner={"a": None})) == {"inner.a": "it is only drawn"}
