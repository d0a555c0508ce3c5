"""A calibration as a command: kept as it comes, cut off and gone on with, told and drawn."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from experiments.calibration.result import PAGE, RESULT, SIMULATIONS
from experiments.calibration.run import MIN_SIMS, run_calibration
from experiments.cli import main
from experiments.config.load import load_config
from experiments.core.errors import UsageError
from experiments.report.calibration import ranks_figure, write_calibration_report

# One component: independent draws, whatever the tuning.
SMALL = ["n_components=1", "bayes.draws=200", "bayes.tune=10", "bayes.chains=1"]
SETS = [part for override in SMALL for part in ("--set", override)]


def config(*overrides):
    return load_config("sbc-gibbs", [*SMALL, *overrides])


def kept(directory):
    return sorted((directory / SIMULATIONS).glob("*/*.json"))


def result_of(directory):
    values = json.loads((directory / RESULT).read_text())
    return {key: value for key, value in values.items() if key != "seconds"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    result = run_calibration(config(), directory, 20)
    write_calibration_report(result, directory / PAGE)
    return directory, result


def test_a_calibration_leaves_its_result_its_figure_and_its_config(whole):
    directory, result = whole
    assert {path.name for path in directory.iterdir()} == {
        RESULT,
        PAGE,
        SIMULATIONS,
        "config.toml",
    }
    values = result_of(directory)
    assert values["p_values"] == result.p_values
    assert values["n_sims"] == 20
    assert values["sentence"] == result.sentence
    assert all(len(ranks) == 20 for ranks in values["ranks"].values())
    assert result.sentence in (directory / PAGE).read_text()
    assert load_config(directory / "config.toml") == config()


def test_the_figure_has_a_panel_with_band_and_curve_for_each_quantity(whole):
    result = whole[1]
    figure = ranks_figure(result)
    assert len(figure.data) == 2 * len(result.p_values)
    titles = [note.text for note in figure.layout.annotations]
    assert len(titles) == len(result.p_values)
    assert all("p = " in title for title in titles)


def test_cut_off_it_goes_on_where_it_was(whole, tmp_path):
    def interrupt(stage, done, total):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_calibration(config(), tmp_path, 20, interrupt)
    times = {path: path.stat().st_mtime_ns for path in kept(tmp_path)}
    assert len(times) == 7
    run_calibration(config(), tmp_path, 20)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert result_of(tmp_path) == result_of(whole[0])


def test_half_written_simulations_are_made_again(whole, tmp_path):
    run_calibration(config(), tmp_path, 20)
    first, second, *_ = kept(tmp_path)
    first.write_text('{"ranks": {"wei')
    second.write_text("[]")
    (tmp_path / RESULT).unlink()
    run_calibration(config(), tmp_path, 20)
    assert result_of(tmp_path) == result_of(whole[0])


@pytest.mark.parametrize("change", ["seed=1", "covariance_type=diag", "bayes.prior.kappa=0.2"])
def test_simulations_of_another_calibration_are_not_taken_for_its_own(whole, tmp_path, change):
    run_calibration(config(change), tmp_path, 20)
    assert result_of(tmp_path)["ranks"] != result_of(whole[0])["ranks"]
    run_calibration(config(), tmp_path, 20)
    assert result_of(tmp_path) == result_of(whole[0])
    assert len(kept(tmp_path)) == 40


def test_more_simulations_go_on_from_fewer(whole, tmp_path):
    calls = []
    run_calibration(config(), tmp_path, 20)
    before = {path: path.stat().st_mtime_ns for path in kept(tmp_path)}
    result = run_calibration(config(), tmp_path, 25, lambda *call: calls.append(call))
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert calls[0] == ("simulations", 0, 25)
    assert calls[-1] == ("simulations", 25, 25)
    assert all(len(ranks) == 25 for ranks in result.ranks.values())


def test_other_peoples_files_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="holds files that are not a calibration's"):
        run_calibration(config(), tmp_path, 20)
    with pytest.raises(UsageError, match=r"thesis.tex: is a file"):
        run_calibration(config(), tmp_path / "thesis.tex" / "out", 20)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


# The command --------------------------------------------------------------------------------------


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["gmm-compare", "sbc", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    captured = capsys.readouterr()
    return caught.value.code, captured.out, captured.err


def test_the_command_prints_p_values_and_a_sentence(whole, tmp_path, monkeypatch, capsys):
    arguments = ("sbc-gibbs", "--n-sims", 20, "--out", tmp_path / "out", *SETS)
    status, out, err = run(monkeypatch, capsys, *arguments)
    assert err == "", "a pipe hears nothing but the answer"
    assert status == (0 if whole[1].calibrated else 1)
    for name in whole[1].p_values:
        assert name in out
    assert whole[1].sentence in out
    assert str(tmp_path / "out" / PAGE) in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sbc-gibs"], "no such config (did you mean 'sbc-gibbs'?)"),
        (["sbc-gibbs", "--n-sims", "3"], "--n-sims 3: allowed is 20 or more"),
        (["sbc-gibbs", "--n-sims", "many"], "'many' is not a valid integer"),
        (["quickstart", "--out", "q"], "quickstart: bayes.prior.scale = 'standardised'"),
        (
            ["sbc-nuts", "--set", "bayes.sampler=gibbs"],
            "allowed with bayes.prior.kind = 'inverse-wish",
        ),
        (["sbc-nuts", "--set", "bayes.prior.eta=-1"], "bayes.prior.eta = -1"),
    ],
)
def test_mistakes_are_one_line(monkeypatch, capsys, tmp_path, arguments, said):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(monkeypatch, capsys, *arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def started(directory, **options):
    """The command in a process of its own, with some simulations behind it."""
    words = ["sbc", "sbc-gibbs", "--n-sims", "2000", "--out", str(directory), *SETS]
    process = subprocess.Popen([sys.executable, "-m", "experiments", *words], **options)
    deadline = time.monotonic() + 120
    while len(kept(directory)) < 5:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_process_cut_off_leaves_what_the_next_goes_on_with(whole, tmp_path, how):
    process = started(
        tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert out == ""
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert err == (
            f"gmm-compare: interrupted: what was done is kept in {tmp_path}, "
            "the same command goes on\n"
        )
    before = {path: path.stat().st_mtime_ns for path in kept(tmp_path)}
    assert 5 <= len(before) < 2000
    run_calibration(config(), tmp_path, 20)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert result_of(tmp_path) == result_of(whole[0])


@pytest.mark.slow
def test_a_terminal_sees_a_bar(tmp_path):
    ours, theirs = pty.openpty()
    process = started(tmp_path, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    seen = b""
    while b"/2000" not in seen:
        seen += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    os.close(ours)
    assert b"simulations" in seen


@pytest.mark.parametrize(
    ("n_short", "n_sims", "mixed"),
    [(0, 100, True), (5, 100, True), (6, 100, False), (1, 20, True), (2, 20, False)],
)
def test_one_posterior_in_twenty_may_be_worth_too_few_draws(whole, n_short, n_sims, mixed):
    result = replace(whole[1], n_short=n_short, n_sims=n_sims, rejected=())
    assert result.mixed is mixed
    assert result.calibrated is mixed
    assert not replace(result, rejected=("weights[1]",)).calibrated


def test_the_least_number_of_simulations_is_allowed_itself(whole, tmp_path):
    assert whole[1].n_sims == MIN_SIMS == 20
    with pytest.raises(UsageError, match="--n-sims 19: allowed is 20 or more"):
        run_calibration(config(), tmp_path / "few", 19)
