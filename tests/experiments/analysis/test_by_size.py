"""What is chosen by the number of rows, as functions of sizes and of what the user has named."""

import numpy as np
import pytest

from experiments.analysis.by_size import (
    LIMITS,
    Size,
    rows_scored,
    settings_by_size,
    told_of_scores,
)
from experiments.config.engines import BayesSettings, EMSettings
from experiments.core.errors import UsageError
from experiments.datasets.dataset import from_arrays
from experiments.engines import bayes, costs, em
from experiments.engines.bayes import BayesEngine
from experiments.values.by_size import SizeChoice, told_of_size
from experiments.values.comparison import LeaveOneOutValues

BOTH = ("em", "bayes")


def chosen(n, d=3, k=3, engines=BOTH, named=None, **more):
    return settings_by_size(Size(n, d, k, **more), engines, named or {})


def test_on_few_rows_everything_is_as_usual():
    found = chosen(10_000)
    assert (dict(found.settings), found.choices) == ({}, ())


NUTS = {"bayes": {"sampler": "nuts"}}
GIBBS = {"sampler": "gibbs", "tune": 500}


def test_the_more_rows_the_more_is_chosen():
    assert chosen(25_000).settings == {"bayes": GIBBS}
    for n in (100_000, 1_000_000):
        assert chosen(n).settings == {"em": {"n_bootstrap": 0}, "bayes": GIBBS}
    assert chosen(25_000, named=NUTS).settings == {"bayes": {"draws": 500, "tune": 500}}
    for n in (100_000, 1_000_000):
        found = chosen(n, named=NUTS)
        assert found.settings["bayes"] == {"draws": 250, "tune": 250}
        assert [choice.subject for choice in found.choices] == ["standard errors", "draws"]


def test_choices_do_not_depend_on_how_fast_the_machine_is(monkeypatch):
    before = chosen(100_000)
    for module in (costs, bayes, em):
        monkeypatch.setattr(module, "slowness", lambda: 50.0)
    assert chosen(100_000) == before


@pytest.mark.parametrize("shape", [(10_000, 3, 3), (300_000, 1, 2), (100_000, 3, 3)])
def test_what_is_chosen_costs_less_than_half_of_what_is_usual(shape):
    n, d, k = shape
    cheaper = BayesEngine(BayesSettings(**chosen(n, d, k).settings.get("bayes", {})))
    usual = BayesEngine(BayesSettings()).usual_seconds(*shape)
    if usual <= LIMITS["posterior"].value:
        assert cheaper.options == BayesSettings()
    else:
        assert cheaper.usual_seconds(*shape) < 0.51 * usual


def test_gibbs_draws_where_it_costs_less_and_prior_and_structure_allow_it():
    assert chosen(100_000, d=10, k=5).settings["bayes"] == GIBBS
    assert "for 250 draws a chain" in chosen(100_000, d=10, k=5).choices[-1].text
    short = {"draws": 250, "tune": 250}
    for named in ({"prior": {"kind": "lkj"}}, {"sampler": "nuts"}):
        assert chosen(100_000, d=10, k=5, named={"bayes": named}).settings["bayes"] == short
    assert chosen(100_000, d=10, k=5, structures=("full", "VVE")).settings["bayes"] == short


ERRORS = {"em": {"n_bootstrap": 0}}


@pytest.mark.parametrize(
    ("named", "left"),
    [
        ({"em": {"n_bootstrap": 200}}, {"bayes": GIBBS}),
        ({"bayes": {"sampler": "nuts", "draws": 500}}, {**ERRORS, "bayes": {"tune": 250}}),
        ({"bayes": {"sampler": "nuts", "tune": 500}}, {**ERRORS, "bayes": {"draws": 250}}),
        ({"bayes": {"draws": 4000, "tune": 4000}}, {**ERRORS, "bayes": {"sampler": "gibbs"}}),
        ({"bayes": {"draws": 1000, "tune": 1000, "sampler": "nuts"}}, ERRORS),
        ({"bayes": {"sampler": "gibbs"}}, ERRORS),
        ({"bayes": {"sampler": "smc"}}, ERRORS),
    ],
)
def test_what_the_user_has_named_is_never_changed(named, left):
    found = chosen(100_000, named=named)
    assert found.settings == left
    added = found.added_to(named)
    for engine, table in named.items():
        assert {key: added[engine][key] for key in table} == table


def test_an_engine_that_is_not_fitted_has_no_choice():
    assert set(chosen(100_000, engines=("em",)).settings) == {"em"}
    assert chosen(100_000, engines=("kmeans",)).choices == ()


def test_the_bootstrap_stays_where_the_information_cannot_be_had():
    assert "em" not in chosen(100_000, has_missing=True).settings
    assert "em" not in chosen(100_000, d=30, k=3).settings


def test_a_setting_that_is_not_allowed_is_refused():
    with pytest.raises(UsageError, match=r"em: n_bootstrap = 1|em\.n_bootstrap = 1"):
        chosen(100_000, named={"em": {"n_bootstrap": 1}})


@pytest.mark.parametrize("before", [{}, NUTS])
def test_naming_the_usual_values_undoes_the_choices(before):
    found = chosen(100_000, named=before)
    named = {"em": {}, "bayes": dict(before.get("bayes", {}))}
    for choice in found.choices:
        for key, value in choice.usual.items():
            engine, _, name = key.partition(".")
            named[engine][name] = value
    usual = {"em": EMSettings(), "bayes": BayesSettings()}
    assert all(
        getattr(usual[engine], key) == value
        for engine, table in named.items()
        for key, value in table.items()
    )
    assert chosen(100_000, named=named).choices == ()


def test_the_size_is_that_of_what_can_be_fitted():
    dataset = from_arrays(np.zeros((20, 2)) + np.arange(20)[:, None])
    assert Size.of(dataset, [1, 4], "full") == Size(20, 2, 4)
    assert Size.of(dataset, np.int64(2), ["full", "diag"]).structures == ("full", "diag")
    assert Size.of(dataset, "auto", "full").n_components == 3
    for number, structure in (
        (0, "full"),
        (2.5, "full"),
        ([], "full"),
        (2, "round"),
        (None, "full"),
    ):
        assert Size.of(dataset, number, structure) is None
    assert settings_by_size(None, BOTH, {}).choices == ()


def test_a_sample_of_the_rows_is_scored_where_there_are_too_many_values():
    assert rows_scored(25_000, 4000) == 25_000
    assert rows_scored(25_001, 4000) == 10_000
    assert rows_scored(100_000, 1000) == 100_000
    assert rows_scored(9_000, 1_000_000) == 9_000


def test_the_answer_says_what_was_chosen_and_how_to_undo_it():
    assert told_of_size(100_000, ()) == ""
    parts = ("100000 rows", "information matrix", "250 draws after 250", "10000 rows", "--full")
    choices = [*chosen(100_000, named=NUTS).choices, told_of_scores(10_000, [])]
    assert all(part in told_of_size(100_000, choices) for part in parts)
    errors = [
        LeaveOneOutValues(
            elpd=-1.0,
            se=se,
            n_effective=1.0,
            max_pareto_k=0.1,
            n_high_pareto_k=0,
            n_draws=9,
            n_scored=10,
            sampling_se=of_sample,
        )
        for se, of_sample in ((30.0, 0.5), (20.0, 0.25))
    ]
    assert told_of_scores(10, errors).text.endswith(
        "leave-one-out, 20 to 30, that adds errors of at most 0.5."
    )
    assert SizeChoice(subject="draws", text="Few.").usual == {}
