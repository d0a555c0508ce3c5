"""The number of components drawn from its posterior: Python, config and command line."""

import numpy as np
import pytest
from scipy import stats

from experiments import compare, read_run
from experiments.config import parse_config
from experiments.core.errors import UsageError
from experiments.report.posterior_of_k import posterior_of_k_figure
from gmm_em import Mixture
from tests.experiments.cli.running import run

QUICK = {"em": {"n_init": 4, "n_bootstrap": 0}, "bayes-auto": {"draws": 300, "tune": 200}}


@pytest.fixture(scope="module")
def rows():
    truth = Mixture([0.4, 0.6], [[0.0, 0.0], [4.0, 5.0]], [np.eye(2), [[1.0, 0.5], [0.5, 2.0]]])
    return truth.sample(100, 3)[0]


@pytest.fixture(scope="module")
def found(rows):
    return compare(rows, "auto", seed=1, **QUICK)


def test_the_probable_numbers_are_fitted_and_judged(found):
    posterior = found.posterior_of_k
    assert max(posterior.probabilities, key=posterior.probabilities.get) == "2"
    assert sum(posterior.probabilities.values()) == pytest.approx(1.0)
    probable = sorted(int(k) for k, p in posterior.probabilities.items() if p >= 0.03)
    assert found.n_components == probable
    assert set(found[2].engines) == {"em", "bayes-auto"}
    assert found[2].agreement is not None
    assert found.chosen["posterior-k"] == 2
    assert {"bic", "icl", "loo", "evidence", "posterior-k"} <= {c.id for c in found.criteria}
    ids = [finding.id for finding in found.verdict]
    assert {"posterior-k", "posterior-filled", "posterior-k-prior"} <= set(ids)


def test_the_criterion_is_the_logarithm_of_the_probability(found):
    values = {v.n_components: v for c in found.criteria if c.id == "posterior-k" for v in c.values}
    for k, value in values.items():
        share = found.posterior_of_k.probabilities[str(k)]
        assert value.value == pytest.approx(np.log(share))
        assert 0.0 < value.se < 1.0


def test_whether_chains_agree_is_asked_of_all_draws(found):
    r_hat = found[2].engines["bayes-auto"].diagnostics["max_r_hat"]
    assert 0.99 < r_hat < 1.1
    [finding] = [f for f in found[2].verdict if f.id == "posterior-r-hat"]
    assert finding.value == r_hat
    assert "One chain" not in finding.text


def test_the_answer_is_the_most_probable_number_where_its_draws_hold(found):
    problems = found.posterior_of_k.problems
    said = found.headline
    assert (said.reason, said.n_components) == ("chosen" if problems else "probable", 2)
    assert ("Mind: the posterior of the number" in said.text) == bool(problems)
    assert said.command.startswith("gmm-compare fit DATA -k auto") == bool(problems)


def test_every_criterion_is_drawn(found):
    drawn = {trace.name for trace in found.plot_criteria().data}
    assert drawn == {criterion.title for criterion in found.criteria}


def test_the_posterior_is_drawn_beside_its_prior(found):
    posterior = found.posterior_of_k
    figure = posterior_of_k_figure(posterior)
    by_name = {trace.name: dict(zip(trace.x, trace.y, strict=True)) for trace in figure.data}
    assert by_name["components"][2] == posterior.probabilities["2"]
    assert by_name["components with rows"][2] == posterior.filled["2"]
    assert by_name["components, by another prior"][2] == posterior.under_other_prior["2"]
    # P(K = 2) under the beta-negative-binomial prior (1, 4, 3).
    assert by_name["prior"][2] == pytest.approx(stats.betanbinom(1, 4, 3).pmf(1))


def test_it_is_saved_and_read_back(found, tmp_path):
    found.save(tmp_path / "auto")
    back = read_run(tmp_path / "auto")
    assert back == found
    assert (tmp_path / "auto" / "K2" / "posterior.nc").is_file()
    page = (tmp_path / "auto" / "report.html").read_text(encoding="utf-8")
    assert "number of components is 2 with probability" in page
    assert "of this section could not be drawn" not in page


def test_the_engine_alone_gives_the_posterior_given_a_number(rows):
    one = compare(rows, 2, engines=["bayes-auto"], seed=1, **{"bayes-auto": QUICK["bayes-auto"]})
    fit = one.engines["bayes-auto"]
    assert len(fit.mixture.weights) == 2
    assert fit.diagnostics["log_posterior_of_k"] < 0.0


def test_settings_that_cannot_be_used_are_refused(rows):
    with pytest.raises(UsageError, match="allowed with 'bayes-auto' among them"):
        compare(rows, "auto", engines=["em", "bayes"])
    with pytest.raises(UsageError, match="kind is 'zipf'"):
        compare(rows, "auto", **{"bayes-auto": {"components_prior": {"kind": "zipf"}}})
    with pytest.raises(UsageError, match="allowed is a whole number"):
        compare(rows, "automatic")


def test_a_config_takes_the_word():
    data = {"source": "file", "path": "rows.csv"}
    config = parse_config({"name": "a", "n_components": "auto", "data": data}, "test")
    assert config.engines == ["em", "bayes-auto"]
    assert config.kind == "choose-k"
    assert parse_config({"name": "a", "n_components": 2, "data": data}, "test").engines == [
        "em",
        "bayes",
    ]


def test_the_command_takes_the_word(rows, tmp_path, monkeypatch, capsys):
    path = tmp_path / "rows.csv"
    np.savetxt(path, rows, delimiter=",", header="a,b", comments="")
    settings = ["em.n_init=4", "em.n_bootstrap=0"]
    settings += ["settings.bayes-auto.draws=100", "settings.bayes-auto.tune=100"]
    overrides = [part for setting in settings for part in ("--set", setting)]
    out = tmp_path / "run"
    code, text, errors = run(
        monkeypatch, capsys, "fit", path, "-k", "auto", "--out", out, *overrides
    )
    assert code == 0, errors
    assert "The number of components is 2 with probability" in " ".join(text.split())
