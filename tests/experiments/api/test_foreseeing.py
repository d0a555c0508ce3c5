"""What a run says that it would do, and how long it would take."""

import io
from importlib import resources

import numpy as np
import pytest
from rich.console import Console

from experiments import config
from experiments.api import foreseeing
from experiments.api.foreseeing import REST, SEARCH, foresee, foresee_sweep
from experiments.api.run import compare_config
from experiments.core.errors import UsageError
from experiments.engines import bayes, bayes_auto, costs
from experiments.engines.bayes import BayesEngine
from experiments.engines.em import EMEngine
from experiments.terminal.foreseen import LONG, announce, in_words
from experiments.values.foreseen import Foreseen
from tests.experiments.cli.running import run

TRUTH = {"kind": "generated", "n_features": 3, "n_components": 2, "separation": 3.0}
IRIS = resources.files("experiments") / "data" / "iris.csv"


@pytest.fixture(autouse=True)
def a_known_machine(monkeypatch):
    """One that is as fast as the one that the costs are from."""
    for module in (costs, bayes, bayes_auto, foreseeing):
        monkeypatch.setattr(module, "slowness", lambda: 1.0)


def values(**more):
    data = {"source": "synthetic", "n_samples": 1000, "truth": TRUTH}
    return config.parse_config({"name": "made", "n_components": 2, "data": data, **more}, "made")


def test_the_cost_of_a_step_is_the_sum_of_its_terms():
    n, d, k = 1000, 3, 2
    products = 1 + d + d * (d + 1) // 2
    a = costs.EM_PASS.coefficients
    expected = a[0] + a[1] * k * d**2 + a[2] * n * k * products + a[3] * n * k + a[4] * n * products
    assert costs.EM_PASS.seconds(n, d, k) == pytest.approx(expected)


def test_a_slower_machine_takes_longer(monkeypatch):
    before = costs.EM_PASS.seconds(1000, 3, 2)
    monkeypatch.setattr(costs, "slowness", lambda: 2.5)
    assert costs.EM_PASS.seconds(1000, 3, 2) == pytest.approx(2.5 * before)


def test_how_fast_this_machine_is_is_measured(monkeypatch):
    monkeypatch.undo()
    assert 0.05 <= costs.slowness() < 1000
    assert costs.slowness() == costs.slowness()


def test_settings_of_the_engines_count():
    em = EMEngine(values(em={"n_init": 10, "n_bootstrap": 0}).em)
    twice = EMEngine(values(em={"n_init": 20, "n_bootstrap": 0}).em)
    assert twice.seconds_needed(500, 2, 3, 1) == pytest.approx(2 * em.seconds_needed(500, 2, 3, 1))
    chains = BayesEngine(values(bayes={"chains": 4}).bayes)
    alone, four = (chains.seconds_needed(5000, 2, 3, n) for n in (1, 4))
    start = 3.0
    assert alone - start == pytest.approx(4 * (four - start))
    gibbs = BayesEngine(values(bayes={"chains": 4, "sampler": "gibbs"}).bayes)
    assert gibbs.seconds_needed(5000, 2, 3, 4) < four


def test_an_experiment_is_foreseen_part_by_part():
    found = foresee(values())
    assert (found.dataset.n_samples, found.dataset.n_features) == (1000, 3)
    assert list(found.seconds) == ["em", "bayes", REST]
    assert found.total == pytest.approx(sum(found.seconds.values()))
    several = foresee(values(n_components=[1, 2, 3], covariance_type=["full", "tied"]))
    assert list(several.seconds) == [SEARCH, "em", "bayes", REST]
    assert several.seconds["bayes"] > 2 * found.seconds["bayes"]
    auto = foresee(values(n_components="auto", engines=["em", "bayes-auto"]))
    assert auto.seconds["bayes-auto"] > 0
    assert foresee(values(engines=["em", "kmeans"])).unknown == ("kmeans",)


def test_what_a_run_would_refuse_is_refused():
    with pytest.raises(UsageError, match="n_components = 2000: allowed is 1 to 1000"):
        foresee(values(n_components=2000))
    with pytest.raises(UsageError, match="engine 'sklearn' fits"):
        foresee(values(engines=["sklearn"], covariance_type="EEV"))


def test_a_sweep_is_the_sum_of_its_cells():
    sweep = {"seeds": 3, "over": {"data.n_samples": [100, 400]}}
    one, two = (foresee_sweep(values(sweep=sweep), n) for n in (1, 2))
    assert one.n_cells == two.n_cells == 6
    assert one.total == pytest.approx(2 * two.total)
    more = foresee_sweep(values(sweep={**sweep, "seeds": 6}), 1)
    assert more.total == pytest.approx(2 * one.total)
    larger = {"seeds": 3, "over": {"data.n_samples": [100, 400_000]}}
    assert foresee_sweep(values(sweep=larger), 1).total > one.total


def test_a_run_is_told_once_its_data_are_loaded():
    said = []
    fast = {"em": {"n_init": 2, "n_bootstrap": 0}, "engines": ["em"]}
    compare_config(values(**fast), told=said.append)
    assert [found.dataset.n_samples for found in said] == [1000]


@pytest.mark.parametrize(("seconds", "is_said"), [(LONG - 1, False), (LONG + 1, True)])
def test_only_a_long_run_announces_itself(seconds, is_said):
    out = io.StringIO()
    found = Foreseen("made", None, [2], ["full"], ("em",), {"em": seconds}, n_processors=2)
    announce(Console(file=out, width=80), found)
    assert ("on 2 processors" in out.getvalue()) == is_said


@pytest.mark.parametrize("width", range(40, 80))
def test_a_unit_stays_with_its_number(width):
    out = io.StringIO()
    found = Foreseen("made", None, [2], ["full"], ("em",), {"em": 40.0, "bayes": 200.0})
    announce(Console(file=out, width=width), found)
    lines = out.getvalue().splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= width
    assert not [line for line in lines if line.startswith(("s ", "s.", "min ", "min."))]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.01, "1 s"), (42, "40 s"), (94, "90 s"), (130, "2 min"), (4000, "70 min"), (9000, "2 h"),
     (400_000, "5 days"), (2e9, "20000 days")],
)  # fmt: skip
def test_a_time_has_as_many_digits_as_it_deserves(seconds, text):
    assert in_words(seconds) == text


def test_a_dry_run_shows_what_would_be_done_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def shown(*arguments):
        status, out, err = run(monkeypatch, capsys, *arguments, "--dry-run")
        assert (status, err) == (0, "")
        assert max(map(len, out.splitlines())) <= 80
        assert out.rstrip().endswith("Nothing was run.")
        return out

    found = shown("fit", IRIS, "-k", "1-3", "--covariance", "full,tied")
    for said in ("iris-k1-3: 150 × 4", "K = 1, 2, 3; covariances: full, tied", "takes about"):
        assert said in found
    assert shown("run", "quickstart", "old-faithful").count("Nothing was run.") == 2
    assert "on one processor" in shown("sweep", "sample-size", "--quick", "--workers", "1")
    assert not list(tmp_path.iterdir())


def test_a_file_is_read_once_for_all_cells(tmp_path):
    path = tmp_path / "rows.csv"
    rows = np.random.default_rng(1).normal(size=(50, 2))
    np.savetxt(path, rows, delimiter=",", header="a,b", comments="")
    data = {"source": "file", "path": str(path)}
    sweep = {"seeds": 2, "over": {"n_components": [1, 2]}}
    found = foresee_sweep(values(data=data, sweep=sweep, engines=["em"]), 1)
    assert found.n_cells == 4
    assert found.total > 0


def test_a_long_sweep_announces_itself_before_its_first_cell_and_not_when_it_goes_on(
    tmp_path, monkeypatch, capsys
):
    path = tmp_path / "small.toml"
    path.write_text(
        'name = "small"\nn_components = 1\nengines = ["em"]\n'
        "em = {n_init = 1, n_bootstrap = 0}\nsweep = {seeds = 2}\n"
        'data = {source = "synthetic", n_samples = 50, truth = {kind = "generated", '
        "n_features = 1, n_components = 1, separation = 3.0}}\n",
        encoding="utf-8",
    )
    monkeypatch.setattr("experiments.terminal.foreseen.LONG", 0.0)
    arguments = ("sweep", path, "--out", tmp_path / "done", "--workers", "0")
    said = [run(monkeypatch, capsys, *arguments)[2] for _ in range(2)]
    assert ["takes about" in one for one in said] == [True, False]


def test_an_unknown_number_of_components_is_refused_where_its_draws_exceed_the_memory():
    config = values(
        n_components="auto", engines=["bayes-auto"], settings={"bayes-auto": {"draws": 10**10}}
    )
    with pytest.raises(UsageError, match="made: bayes-auto, 3 components of 1000 rows"):
        foresee(config)
    with pytest.raises(UsageError, match="made: bayes-auto, 3 components of 1000 rows"):
        compare_config(config)
