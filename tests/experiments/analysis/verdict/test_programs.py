"""What the verdict says of posteriors by several programs."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.api.comparing import compare, compare_fits
from experiments.core.errors import UsageError
from experiments.datasets.dataset import Dataset
from experiments.report.comparison.programs import pairs_table, program_blocks
from experiments.values.comparison import ComparisonValues
from experiments.values.consistency import refuse_disagreeing
from gmm_bayes import InverseWishartPrior, MixtureDraws, ModelInNumbers
from gmm_em import Mixture, fit_em
from tests.experiments.made import made_bayes, made_em

TRUTH = Mixture([0.6, 0.4], [[0.0, 0.0], [6.0, 0.0]], [np.eye(2)] * 2)


@pytest.fixture(scope="module")
def dataset():
    return Dataset("made", TRUTH.sample(36, np.random.default_rng(1))[0], ("u", "v"), None, None)


@pytest.fixture(scope="module")
def fits(dataset):
    """EM and two programs that draw one posterior; two chains of 200 independent draws."""
    best = fit_em(dataset.X, 2, init=TRUTH).mixture
    model = ModelInNumbers.of(dataset.X, 2)
    drawn = [made_bayes(best, np.random.default_rng(seed), n_draws=200) for seed in (2, 3)]
    return {
        "em": made_em(best, sd=0.2),
        "bayes": replace(drawn[0], model=model),
        "other": replace(drawn[1], model=model, title="Stan"),
    }


def judged(dataset, fits):
    return compare_fits(dataset, fits, illustrated=False)


@pytest.fixture(scope="module")
def alike(dataset, fits):
    return judged(dataset, fits)


def moved(fit, by):
    draws = fit.draws
    means = draws.means.copy()
    means[..., 0, 1] += by
    shifted = MixtureDraws(draws.weights, means, draws.covariances)
    return replace(fit, draws=shifted, mixture=shifted.mean())


def said(comparison):
    return {finding.id: finding for finding in comparison.verdict}


def test_programs_that_agree_are_one_sentence(alike):
    # False alarms: 1 of 100 seeds.
    found = said(alike)["posteriors"]
    (pair,) = alike.posteriors
    assert found.level == "ok"
    assert found.text == (
        f"posterior and Stan agree on all 11 parameters to within {pair.max_abs_z:.1f} "
        "Monte Carlo errors."
    )
    assert found.value == pytest.approx(pair.probability)
    assert alike.headline.believe == "both"
    assert alike.summary["posteriors.max_abs_z"] == pair.max_abs_z


def test_one_posterior_has_nothing_to_be_compared_with(dataset, fits):
    comparison = judged(dataset, {"bayes": fits["bayes"]})
    assert comparison.posteriors == []
    assert not [name for name in said(comparison) if name.startswith("posteriors")]


def test_a_program_that_draws_another_posterior_is_caught(dataset, fits):
    comparison = judged(dataset, {**fits, "other": moved(fits["other"], 0.02)})
    found = said(comparison)["posteriors"]
    assert found.level == "fail"
    assert "posterior and Stan do not draw the same posterior: mean 1, v differs by" in found.text
    assert comparison.posteriors[0].worst_parameter == "mean[1, 2]"
    assert comparison.posteriors[0].shift == pytest.approx(1.0, abs=0.4)
    # One of the two is wrong, and nobody knows which.
    assert (comparison.headline.believe, comparison.headline.reason) == ("em", "posterior-fails")
    assert "agreement" not in said(comparison)


def test_a_program_that_keeps_a_parameter_of_the_same_model_at_one_value_is_wrong(dataset, fits):
    draws = fits["other"].draws
    weights = np.broadcast_to(draws.weights[:1, :1], draws.weights.shape).copy()
    still = MixtureDraws(weights, draws.means, draws.covariances)
    other = replace(fits["other"], draws=still, mixture=still.mean())
    comparison = judged(dataset, {**fits, "other": other})
    found = said(comparison)["posteriors"]
    assert (found.level, found.value) == ("fail", 0.0)
    assert (comparison.headline.believe, comparison.headline.reason) == ("em", "posterior-fails")
    assert found.text == (
        "posterior and Stan do not draw the same posterior, though both state one model under one "
        "prior (Stan keeps weight[1] at one value)."
    )
    unknown = {"bayes": fits["bayes"], "other": replace(other, model=None)}
    assert said(judged(dataset, unknown))["posteriors-apart"].level == "warn"


def test_draws_of_another_width_are_caught(dataset, fits):
    draws = fits["other"].draws
    mean = draws.means.mean(axis=(0, 1))
    wide = MixtureDraws(draws.weights, mean + 4.0 * (draws.means - mean), draws.covariances)
    both = {"bayes": fits["bayes"], "other": replace(fits["other"], draws=wide)}
    comparison = judged(dataset, both)
    found = said(comparison)["posteriors"]
    assert found.level == "fail"
    assert "have another spread or shape" in found.text


def test_a_difference_is_a_warning_where_a_model_is_not_known(dataset, fits):
    other = replace(moved(fits["other"], 0.02), model=None)
    comparison = judged(dataset, {**fits, "other": other})
    found = said(comparison)["posteriors"]
    assert found.level == "warn"
    assert "Nothing says that both are posteriors of one model" in found.text
    assert comparison.headline.believe == "both"
    assert "Mind: posterior and Stan may not draw the same posterior" in comparison.headline.text


def test_a_difference_is_a_warning_where_monte_carlo_errors_are_rough(dataset, fits):
    other = moved(fits["other"], 0.02)
    other = replace(other, diagnostics={**other.diagnostics, "max_r_hat": 1.03})
    both = {"bayes": fits["bayes"], "other": other}
    found = said(judged(dataset, both))["posteriors"]
    assert found.level == "warn"
    assert found.text.endswith(
        "The Monte Carlo errors of Stan are rough: The chains disagree: R-hat 1.030; draw longer "
        "or distrust them."
    )
    # Two others that are sure of it still fail.
    third = replace(moved(fits["other"], -0.02), title="Turing")
    found = said(judged(dataset, {**both, "third": third}))["posteriors"]
    assert found.level == "fail"
    assert found.text.startswith("posterior and Turing do not draw the same posterior")


def test_posteriors_under_different_priors_are_not_compared(dataset, fits):
    prior = InverseWishartPrior(nu=9.0)
    other = replace(moved(fits["other"], 0.02), model=ModelInNumbers.of(dataset.X, 2, prior))
    comparison = judged(dataset, {**fits, "other": other})
    found = said(comparison)
    assert "posteriors" not in found
    assert found["posteriors-apart"].text == (
        "posterior and Stan are posteriors of different models (prior's nu), and are not compared."
    )
    assert comparison.posteriors == []
    assert comparison.headline.believe == "both"


def test_a_posterior_that_is_not_to_be_trusted_is_not_compared(dataset, fits):
    poor = moved(fits["other"], 0.02)
    poor = replace(poor, diagnostics={**poor.diagnostics, "max_r_hat": 1.4})
    comparison = judged(dataset, {"bayes": fits["bayes"], "other": poor})
    found = said(comparison)
    assert "posteriors" not in found
    assert found["posteriors-unsound"].text.startswith(
        "Stan is not compared with the other posteriors: The chains disagree: R-hat 1.400"
    )
    assert comparison.headline.believe == "posterior"
    assert comparison.posteriors == []
    first = replace(fits["bayes"], diagnostics={**fits["bayes"].diagnostics, "max_r_hat": 1.4})
    alone = said(judged(dataset, {"bayes": first, "other": fits["other"]}))
    assert alone["posterior-r-hat"].level == "fail"
    assert not [name for name in alone if name.startswith("posteriors")]


def test_three_programs_are_judged_together(dataset, fits):
    third = replace(fits["other"], title="Turing")
    both = {name: fits[name] for name in ("bayes", "other")}
    comparison = judged(dataset, {**both, "third": moved(third, 0.02)})
    assert len(comparison.posteriors) == 3
    found = said(comparison)["posteriors"]
    assert found.level == "fail"
    assert found.value == pytest.approx(3 * min(p.probability for p in comparison.posteriors))


def test_draws_that_are_brought_are_compared(dataset, fits):
    draws = fits["other"].draws
    comparison = compare(
        dataset.X,
        2,
        engines=(),
        fits={"ours": fits["bayes"], "theirs": (draws.weights, draws.means, draws.covariances)},
    )
    assert said(comparison)["posteriors"].level == "ok"
    assert not comparison.posteriors[0].same_model


def test_the_report_has_a_row_for_every_two(alike, dataset, fits):
    (row,) = pairs_table(alike).rows
    assert row[0].text == "posterior and Stan"
    assert row[-1].text == "yes"
    page = "".join(block.__html__() for block in program_blocks(alike))
    assert "Programs against each other" in page
    alone = judged(dataset, {"bayes": fits["bayes"]})
    assert list(program_blocks(alone)) == []


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("second", "nobody", "posteriors.second = 'nobody': allowed is one of em, bayes, other"),
        ("worst_parameter", "mean[9, 9]", "allowed is a parameter of the fits"),
    ],
)
def test_a_file_whose_pairs_are_of_other_fits_is_refused(alike, field, value, told):
    values = alike.to_dict()
    values["posteriors"][0][field] = value
    with pytest.raises(UsageError, match=told):
        refuse_disagreeing(ComparisonValues.from_dict(values))
