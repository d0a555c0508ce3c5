"""A run of all programs measures what it says, compares the posteriors, and shows both."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from experiments.api.comparing import compare_fits
from experiments.config.load import load_config, parse_config
from experiments.core.errors import FitError, UsageError
from experiments.engines import needs
from experiments.programs import contestants as who
from experiments.programs import run
from experiments.programs.cases import cases_of
from experiments.programs.measure import largest_memory, settings_of
from experiments.programs.page import speed_figure, table_of, write_page
from experiments.programs.stored import Measured, place_of, read_fit, write
from experiments.programs.table import COLUMNS, header, row
from gmm_bayes import InverseWishartPrior, ModelInNumbers
from gmm_em import Mixture
from tests.experiments.cli.running import run as cli
from tests.experiments.made import made_bayes

CENTRE = Mixture([0.7, 0.3], [[0.0], [5.0]], [[[1.0]], [[1.0]]])
MEASURED = Measured(
    data="galaxies",
    program="gibbs",
    title="Gibbs",
    first=2.5,
    seconds=4.0,
    cpu=8.0,
    mib=300.0,
    ess=1000.0,
    r_hat=1.01,
    n_draws=4000,
    n_divergent=0,
    lines=120,
    settings={"draws": 1000},
)


DATA = {"source": "builtin", "name": "galaxies"}
CONFIG = parse_config(
    {"name": "galaxies", "seed": 2026, "n_components": 3, "data": DATA, "programs": {"draws": 300}},
    "here",
)
CASE = cases_of(CONFIG)["galaxies"]


def drawn(seed, title="Gibbs"):
    return replace(made_bayes(CENTRE, np.random.default_rng(seed), n_draws=200), title=title)


def test_lines_of_code_are_counted_without_words(tmp_path, monkeypatch):
    (tmp_path / "stated_here.py").write_text(
        '"""A model.\n\nIn words.\n"""\n\n# A comment.\nimport math  # and why\n\n\n'
        'def stated(x):\n    """Say it."""\n    return math.exp(\n        x\n    )\n\n\nOTHER = 1\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert who.lines_of_code("stated_here") == 6
    assert who.lines_of_code("stated_here", ("stated",)) == 4
    assert "stated_here" not in sys.modules


def test_our_samplers_take_part_where_nothing_else_is_installed(monkeypatch):
    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    found = who.contestants()
    assert list(found) == ["nuts", "gibbs", "smc"]


def test_the_lines_of_every_statement_are_found():
    lines = {
        name: who.Contestant(name, "", name, {}, statements).lines
        for name, statements in who.STATEMENTS.items()
    }
    # As their users would write them, beside a density with a gradient by hand.
    assert 15 < lines["numpyro"] < lines["stan"] < lines["blackjax"] < 80
    assert all(one.lines > 100 for one in who.OURS)
    assert who.Contestant("theirs", "", "theirs").lines is None


def test_an_engine_is_asked_for_what_it_has():
    gibbs = who.contestants()["gibbs"]
    assert settings_of(gibbs, 100, 50) == {
        "sampler": "gibbs",
        "draws": 100,
        "tune": 50,
        "chains": 4,
    }
    kmeans = who.Contestant("kmeans", "", "kmeans")
    assert settings_of(kmeans, 100, 50) == {}


def test_memory_is_that_of_the_largest_process():
    before = largest_memory()
    more = int(before) + 200
    code = f"import numpy; numpy.ones({more} * 2**17)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert largest_memory() >= more


def test_rates_are_by_the_clock_and_by_the_processor():
    assert (MEASURED.rate, MEASURED.cpu_rate) == (250.0, 125.0)
    assert len(header().split("   ")) > len(COLUMNS)
    assert row(MEASURED).split() == [
        *("galaxies", "Gibbs", "2.5", "4.0", "1000", "250", "125", "1.010", "300", "120")
    ]
    assert row(replace(MEASURED, lines=None)).endswith("?")


def test_a_fit_is_read_as_it_was_written(tmp_path):
    X = CASE.dataset().X
    model = ModelInNumbers.of(X, 2, InverseWishartPrior(nu=7.0))
    fit = replace(drawn(1), model=model)
    write(tmp_path, MEASURED, fit)
    assert Measured.read(tmp_path) == MEASURED
    found = read_fit(tmp_path, X)
    assert np.allclose(found.draws.means.sum(axis=2), fit.draws.means.sum(axis=2))
    assert found.model.differences_from(model) == []
    assert dict(found.diagnostics) == dict(fit.diagnostics)
    assert (found.title, found.seconds) == ("Gibbs", 4.0)
    write(tmp_path, MEASURED, replace(fit, model=None))
    assert read_fit(tmp_path, X).model is None


def test_the_page_shows_agreement_and_speed(tmp_path):
    dataset = CASE.dataset()
    comparison = compare_fits(dataset, {"gibbs": drawn(1), "smc": drawn(2, "SMC")})
    found = [MEASURED, replace(MEASURED, program="smc", title="SMC", seconds=2.0)]
    page = write_page(
        tmp_path / "report.html", CONFIG, {"galaxies": CASE}, found, {"galaxies": comparison}
    ).read_text()
    assert 'href="galaxies/report.html"' in page
    assert "Gibbs and SMC agree on all 5 parameters" in page
    assert [tuple(bar.y) for bar in speed_figure(found).data] == [(250.0,), (500.0,)]
    assert [cell.text for cell in table_of(found).rows[1]][:2] == ["galaxies", "SMC"]
    (one,) = run.said_of_programs(comparison)
    assert one.id == "posteriors"


def test_what_was_measured_is_not_measured_again(tmp_path, monkeypatch):
    place = place_of(tmp_path, "galaxies", "gibbs")
    place.mkdir(parents=True)
    write(place, MEASURED, drawn(1))

    def refuse(*args, **kwargs):
        raise AssertionError("a process was started")

    monkeypatch.setattr(run.subprocess, "run", refuse)
    assert run._measured(tmp_path, CASE, "gibbs") == MEASURED
    with pytest.raises(AssertionError, match="a process was started"):
        run._measured(tmp_path, CASE, "smc")


def test_a_program_that_fails_is_named_with_its_last_line(tmp_path, monkeypatch):
    monkeypatch.setattr(run.sys, "executable", "/bin/false")
    with pytest.raises(FitError, match="galaxies: gibbs did not draw the posterior"):
        run._measured(tmp_path, CASE, "gibbs")


def test_a_place_that_cannot_be_used_is_found_first(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file"):
        run.run_programs(CONFIG, tmp_path / "file" / "out")
    (tmp_path / "config.toml").write_text('name = "other"')
    with pytest.raises(UsageError, match="has what another config found"):
        run.run_programs(CONFIG, tmp_path, lambda _: None)


def test_the_config_that_ships_has_three_data_sets():
    cases = cases_of(load_config("programs"))
    assert {name: one.n_components for name, one in cases.items()} == {
        "old-faithful": 2,
        "quickstart": 3,
        "galaxies": 3,
    }
    assert [len(one.dataset().X) for one in cases.values()] == [272, 600, 82]
    assert load_config("programs", quick=True).programs.draws == 300


def test_configs_of_programs_are_refused_in_a_sentence(tmp_path):
    values = {"name": "one", "n_components": 2, "data": DATA, "programs": {}}
    for more, said in (
        ({"sbc": True}, "allowed without sbc and without a table"),
        ({"n_components": [1, 2]}, "allowed is one n_components, and full covariances"),
        ({"covariance_type": "diag"}, "allowed is one n_components, and full covariances"),
    ):
        with pytest.raises(UsageError, match=said):
            parse_config({**values, **more}, "here")
    twice = parse_config({**values, "programs": {"label": "iris", "also": {"iris": 3}}}, "here")
    with pytest.raises(UsageError, match="two data sets are called iris"):
        cases_of(twice)
    with pytest.raises(UsageError, match="one has no table"):
        cases_of(parse_config({**values, "programs": None}, "here"))
    text = tmp_path / "mine.toml"
    text.write_text(
        'name = "mine"\nn_components = 2\ndata = { source = "builtin", name = "iris" }\n'
        'programs = { also = { "other.toml" = 2 } }\n'
    )
    assert list(load_config(text).programs.also) == [str(tmp_path.resolve() / "other.toml")]


def test_a_dry_run_names_data_and_programs(monkeypatch, capsys):
    status, out, _ = cli(monkeypatch, capsys, "run", "programs", "--dry-run")
    assert status == 0
    assert "old-faithful (K = 2), quickstart (K = 3), galaxies (K = 3)" in out
    assert "nuts, gibbs, smc" in out
    assert out.endswith("Nothing was run.\n")
    status, _, err = cli(monkeypatch, capsys, "run", "programs", "--set", "em.n_init=3")
    assert status == 2
    assert "run would ignore it" in err


@pytest.mark.slow
def test_the_experiment_runs_by_our_samplers_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run, "contestants", lambda: {one.name: one for one in who.OURS})
    path = tmp_path / "mine.toml"
    path.write_text(CONFIG.to_toml())
    # False alarms: 1 of 1000 seeds.
    status, printed, _ = cli(monkeypatch, capsys, "run", path, "--out", tmp_path / "out")
    assert status == 0
    assert "agree on all 8 parameters" in printed or "may not draw the same" in printed
    assert (tmp_path / "out" / "report.html").is_file()
    assert (tmp_path / "out" / "galaxies" / "report.html").is_file()
    # What was measured is read, as in a run that goes on.
    status, again, _ = cli(monkeypatch, capsys, "run", path, "--out", tmp_path / "out", "--json")
    found = json.loads(again)
    assert [one["program"] for one in found["measured"]] == ["nuts", "gibbs", "smc"]
    assert list(found["verdict"]) == ["galaxies"]
