"""The one answer of a choice follows its decision table, and agrees with the stars."""

import re

import pytest

from experiments.selection.headline import DECISIONS, conclude
from experiments.selection.verdict import findings
from experiments.values.comparison import DatasetInfo, Finding
from experiments.values.components import ComponentsValues, Criterion, CriterionValue
from experiments.values.headline import Headline
from experiments.values.structures import StructureChoice
from tests.experiments.selection.test_posterior_of_k import posterior
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "how-to" / "number-of-components.md").read_text(encoding="utf-8")
TITLES = {"evidence": "marginal likelihood", "posterior-k": "log posterior probability"}
DATA = DatasetInfo(
    name="made", n_samples=90, n_features=2, n_test=0, sha256="0", feature_names=["u", "v"]
)


def criterion(name, *worse, trusted=True):
    """A criterion whose value at 1, 2, … components is worse than the best by these."""
    values = [
        CriterionValue(
            n_components=k,
            value=-100.0 - by,
            se=None,
            worse_by=by if trusted else None,
            worse_by_se=None,
            reason="" if trusted else "the chains are in different modes",
        )
        for k, by in enumerate(worse, 1)
    ]
    best = worse.index(0) + 1 if trusted else None
    near = min((k for k, by in enumerate(worse, 1) if by <= 1), default=None)
    return Criterion(
        id=name,
        title=TITLES.get(name, name.upper()),
        engine="em",
        higher_is_better=True,
        values=values,
        chosen=best,
        nearly_as_good=near if trusted else None,
    )


def choice(*criteria, more=(), **changes):
    numbers = [value.n_components for value in criteria[0].values] if criteria else [1, 2]
    values = {
        "experiment": "made",
        "seed": 0,
        "dataset": DATA,
        "covariance_type": "full",
        "n_components": numbers,
        "true_components": None,
        "criteria": list(criteria),
        "failures": {},
        "verdict": [*findings(criteria, {}, None), *more],
    }
    return ComponentsValues(**{**values, **changes})


def believed(k, believe="both", text="Believe both.", command=""):
    return {k: Headline(believe=believe, reason="both", text=text, command=command)}


def answer(found, headlines=None):
    said = conclude(found, headlines or {})
    return said.reason, said.believe, said.n_components, said.text, said.command


def test_the_table_in_the_documentation_is_that_of_the_code():
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| `(\w+)` \|$", PAGE, re.M)
    assert rows == [(row.name, row.when, row.believe) for row in DECISIONS]


def test_all_criteria_agree():
    found = choice(*(criterion(name, 9, 0, 3) for name in ("bic", "loo", "evidence")))
    text = "Believe 2 components: all 3 criteria choose 2."
    assert answer(found) == ("chosen", "number", 2, text, "")


def test_those_that_ask_which_number_is_true_decide():
    found = choice(criterion("aic", 9, 2, 0), criterion("bic", 9, 0, 4), criterion("loo", 5, 0, 2))
    text = "Believe 2 components: BIC and LOO choose 2; AIC chooses 3."
    assert answer(found) == ("chosen", "number", 2, text, "")


def test_a_number_that_one_chooses_and_the_other_would_do_with():
    found = choice(criterion("bic", 9, 0, 4, 8), criterion("evidence", 9, 0.5, 0, 2))
    reason, _, number, text, _ = answer(found)
    assert (reason, number) == ("chosen", 2)
    assert text == (
        "Believe 2 components: BIC chooses 2; marginal likelihood chooses 3. Mind: marginal "
        "likelihood prefers 3 to 2 by 0.5 only: 2 would do."
    )


def test_of_two_numbers_that_both_would_do_with_the_smaller_is_believed():
    # More criteria choose 3, which is the most that was tried; but 2 is as good to those asked.
    found = choice(
        criterion("aic", 9, 4, 0), criterion("bic", 9, 0, 1.0), criterion("evidence", 9, 0.9, 0)
    )
    reason, believe, number, text, command = answer(found)
    assert (reason, believe, number, command) == ("chosen", "number", 2, "")
    assert text.startswith("Believe 2 components: BIC chooses 2; AIC and marginal likelihood")


def test_those_that_differ_leave_the_number_open():
    found = choice(criterion("bic", 9, 0, 4, 8), criterion("evidence", 9, 5, 0, 2))
    text = "Believe 2 or 3 components: BIC chooses 2; marginal likelihood chooses 3."
    command = "gmm-compare fit DATA -k auto"
    assert answer(found) == ("undecided", "open", None, text, command)
    tied = found.model_copy(update={"covariance_type": "tied"})
    assert conclude(tied, {}).command == f"{command} --covariance tied"
    end = choice(criterion("bic", 9, 0, 4), criterion("evidence", 9, 5, 0))
    assert conclude(end, {}).command == "gmm-compare fit DATA -k 2-6"


def test_the_most_that_was_tried_is_no_answer():
    found = choice(criterion("aic", 9, 1, 0), criterion("bic", 9, 2, 0))
    text = "Believe at least 3 components: AIC and BIC choose the most that was tried."
    command = "gmm-compare fit DATA -k 2-6"
    assert answer(found) == ("most-tried", "open", 3, text, command)
    assert conclude(choice(criterion("bic", 0)), {}).reason == "chosen", "one number, no choice"


def test_em_alone_may_have_tried_more():
    kept = StructureChoice(
        covariance_types=["full", "tied"],
        n_components=[1, 2, 3, 4],
        values=[],
        chosen="tied",
        chosen_components=3,
        kept=[1, 2, 3],
    )
    found = choice(criterion("bic", 9, 2, 0), structures=kept)
    said = conclude(found, {})
    assert said.reason == "chosen"
    assert said.text == "Believe 3 components with tied covariances: BIC chooses 3."
    assert "range" in {finding.id for finding in findings(found.criteria, {}, None)}
    assert "range" not in {f.id for f in findings(found.criteria, {}, None, most=4)}


def test_nothing_can_be_chosen():
    found = choice(criterion("loo", 9, 0, trusted=False))
    said = answer(found, believed(2, "neither", "Believe neither yet: so.", "gmm-compare run X"))
    assert said[:3] == ("no-choice", "none", None)
    assert said[3].startswith("Believe no number yet: no criterion can choose")
    assert said[4] == "gmm-compare run X"


@pytest.mark.parametrize("problems", [[], ["the chains disagree"]])
def test_the_posterior_is_asked_where_its_draws_hold(problems):
    own = [criterion("posterior-k", 3, 1.2, 0), criterion("bic", 2, 0, 4)]
    said = Finding(id="posterior-k", level="ok", text="The number is 3.", value=0.7, threshold=0.0)
    found = choice(*own, more=[said], posterior_of_k=posterior(problems=problems))
    expected = ("chosen", 2) if problems else ("probable", 3)
    assert answer(found)[::2][:2] == expected
    if not problems:
        assert conclude(found, {}).text == "Believe 3 components: the number is 3."


def test_draws_that_do_not_hold_are_told_with_what_to_type():
    doubt = Finding(
        id="posterior-k-doubt", level="warn", text="The draws are few.", value=1.0, threshold=0.0
    )
    found = choice(criterion("bic", 9, 0, 3), more=[doubt], posterior_of_k=posterior())
    said = conclude(found, {})
    assert said.text.endswith("Mind: the draws are few.")
    assert said.command.startswith("gmm-compare fit DATA -k auto --set settings.bayes-auto.tune=")


def test_fits_that_are_not_to_be_believed_stand_against_the_number():
    found = choice(criterion("bic", 9, 0, 3))
    fits = believed(2, "neither", "Believe neither yet: rows have a tail.", "gmm-compare fit DATA")
    assert answer(found, fits)[3:] == (
        "Believe 2 components: BIC chooses 2. Mind: no fit with 2 components is to be believed "
        "yet: rows have a tail.",
        "gmm-compare fit DATA",
    )


def test_a_local_optimum_is_told_with_what_to_type():
    local = findings([], {}, None, better_by={3: 4.2})
    found = choice(criterion("bic", 9, 0, 3), more=local)
    said = conclude(found, {})
    assert "Mind: posterior draws lead to a higher likelihood than EM's at K = 3" in said.text
    assert said.command == "gmm-compare fit DATA -k 1-3 --set em.n_init=300"
