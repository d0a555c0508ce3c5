import errno
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from threadpoolctl import threadpool_limits

from experiments import load_results, run_sweep
from experiments.api.comparison import Comparison
from experiments.api.run import run_experiment
from experiments.config.load import load_config
from experiments.core.errors import UsageError
from experiments.sweeps.directory import SweepDirectory
from experiments.sweeps.plan import make_plan
from experiments.sweeps.results import read_results
from experiments.terminal.sweep_results import print_columns
from tests.experiments.cli.running import run
from tests.experiments.sweeps.sweeping import CONFIG, assert_same_results, records, sweep_config


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A sweep run in this process, not to be changed."""
    directory = tmp_path_factory.mktemp("sweep") / "made"
    run_sweep(sweep_config(), directory, n_workers=0)
    return directory


def test_a_sweep_leaves_a_cell_each_and_one_table(finished):
    frame = load_results(finished)
    assert frame["status"].tolist() == ["done"] * 12
    assert frame["data.n_samples"].tolist() == [60] * 6 + [80] * 6
    assert frame["em.init_params"].tolist() == (["textbook"] * 3 + ["auto"] * 3) * 2
    assert (frame["dataset.n_samples"] == frame["data.n_samples"]).all()
    assert np.isfinite(frame["em.log_likelihood.train"]).all()
    assert (frame["cell_seconds"] >= frame["em.seconds"]).all()
    assert len(records(finished)) == 12
    assert {path.name for path in finished.iterdir()} == {
        ".lock",
        "cells",
        "config.toml",
        "results.parquet",
        "sweep.json",
    }


def test_every_column_says_what_it_holds(finished):
    results = read_results(finished)
    assert list(results.descriptions) == list(results.frame.columns)
    for name, text in results.descriptions.items():
        assert text.endswith((".", ").")), f"{name}: {text}"
    assert results.descriptions["data.n_samples"].startswith("Varied: Number of rows")
    assert "95 % intervals" in results.descriptions["em.coverage.95"]
    assert load_results(finished).attrs["columns"] == results.descriptions


def test_a_cell_is_the_experiment_of_its_config(finished, tmp_path):
    (record,) = [json.loads(r) for r in list(records(finished).values())[:1]]
    config = sweep_config().model_validate(record["config"])
    # With more threads, sums are taken in another order and may differ in the last digit.
    with threadpool_limits(1):
        comparison = run_experiment(config, tmp_path / "run")
    frame = load_results(finished).set_index("cell").loc[record["address"]]
    for name, value in comparison.summary.items():
        if "seconds" not in name:
            assert frame[name] == value, name


def test_what_is_done_is_not_done_again(finished, tmp_path, monkeypatch):
    before = records(finished)
    sweep = run_sweep(sweep_config(), finished, n_workers=0)
    assert (sweep.total, sweep.done, sweep.ran) == (12, 12, 0)
    assert records(finished) == before


def test_more_seeds_add_cells_and_keep_the_others(tmp_path):
    run_sweep(sweep_config(seeds=1), tmp_path / "s", n_workers=0)
    before = records(tmp_path / "s")
    sweep = run_sweep(sweep_config(seeds=2), tmp_path / "s", n_workers=0)
    assert (sweep.total, sweep.ran) == (8, 4)
    assert before.items() <= records(tmp_path / "s").items()
    assert load_results(tmp_path / "s")["replicate"].tolist() == [0, 1] * 4


def test_a_damaged_cell_is_done_again(finished, tmp_path):
    run_sweep(sweep_config(), tmp_path / "s", n_workers=0)
    store = SweepDirectory(tmp_path / "s")
    cells = make_plan(sweep_config()).cells
    whole = store.cell_file(cells[0].address).read_bytes()
    store.cell_file(cells[0].address).write_bytes(whole[:40])
    store.cell_file(cells[1].address).write_bytes(b"")
    store.cell_file(cells[2].address).write_bytes(store.cell_file(cells[3].address).read_bytes())
    assert run_sweep(sweep_config(), tmp_path / "s", n_workers=0).ran == 3
    assert_same_results(load_results(tmp_path / "s"), load_results(finished))


def test_an_unfinished_sweep_can_be_looked_at(finished, tmp_path):
    store = SweepDirectory(tmp_path / "s")
    run_sweep(sweep_config(), tmp_path / "s", n_workers=0)
    (tmp_path / "s" / "results.parquet").unlink()
    cells = make_plan(sweep_config()).cells
    store.cell_file(cells[5].address).unlink()
    results = read_results(tmp_path / "s")
    assert results.counts == {"done": 11, "failed": 0, "missing": 1}
    assert results.sentence == "made: 11 of 12 cells done."
    assert results.frame["status"][5] == "missing"


@pytest.mark.parametrize("error", [SystemExit(5), MemoryError("full"), GeneratorExit()])
def test_an_engine_that_leaves_ends_its_cell_only(tmp_path, monkeypatch, error):
    from experiments.sweeps import cell as cells

    fit = cells.fit_engines

    def fit_or_leave(dataset, *arguments, **more):
        if len(dataset.X) == 80:
            raise error
        return fit(dataset, *arguments, **more)

    monkeypatch.setattr(cells, "fit_engines", fit_or_leave)
    sweep = run_sweep(sweep_config(seeds=1), tmp_path / "s", n_workers=0)
    assert (sweep.done, sweep.failed) == (2, 2)
    failed = load_results(tmp_path / "s").query("status == 'failed'")
    assert all(text.startswith(type(error).__name__) for text in failed["error"])


def test_an_interrupt_raised_inside_a_workers_cell_is_a_failure(monkeypatch):
    from experiments.core.code_version import code_version
    from experiments.sweeps import batches
    from experiments.sweeps.cell import Task

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(batches, "run_cell", interrupt)
    monkeypatch.setattr(batches, "hold_threads", lambda: None)
    found = batches.run_batch([Task("a", {}, "scalars")], code_version())
    assert [outcome.error for outcome in found] == ["KeyboardInterrupt:"]


@pytest.mark.parametrize(
    "change",
    [
        {"values": [1]},
        {"values": {"em.seconds": [1]}},
        {"values": {"dataset.n_samples": 2**70}},
        {"values": {"experiment": "\ud800"}},
        {"error": None},
        {"seconds": "1"},
        {"status": "fine"},
        {"config": 3},
        {"host": 4},
    ],
)
def test_a_record_without_its_fields_counts_as_missing(finished, tmp_path, change):
    directory = shutil.copytree(finished, tmp_path / "s")
    (directory / "results.parquet").unlink()
    file = sorted((directory / "cells").glob("*/*.json"))[0]
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    assert read_results(directory).counts == {"done": 11, "failed": 0, "missing": 1}


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: pd.DataFrame({"a": [1]}),
        lambda frame: frame.drop(columns="status"),
        lambda frame: frame.assign(status=2),
        lambda frame: frame.assign(status="fine"),
        lambda frame: frame.assign(point="first"),
    ],
)
def test_a_foreign_results_table_is_named(finished, tmp_path, change):
    directory = shutil.copytree(finished, tmp_path / "s")
    table = pa.Table.from_pandas(change(load_results(directory)), preserve_index=False)
    metadata = pq.read_schema(finished / "results.parquet").metadata
    pq.write_table(table.replace_schema_metadata(metadata), directory / "results.parquet")
    with pytest.raises(UsageError, match=r"results\.parquet: not a results table"):
        load_results(directory)


@pytest.mark.parametrize("name", ["code", "files", "plan", "name"])
def test_a_manifest_without_a_field_is_named(finished, tmp_path, name):
    directory = shutil.copytree(finished, tmp_path / "s")
    values = json.loads((directory / "sweep.json").read_text())
    for wrong in ({k: v for k, v in values.items() if k != name}, {**values, name: 3}):
        (directory / "sweep.json").write_text(json.dumps(wrong))
        with pytest.raises(UsageError, match=r"sweep\.json: not a sweep's manifest"):
            load_results(directory)


def failing(monkeypatch, matching):
    """Let cells whose config has this number of rows fail."""
    from experiments.sweeps import cell as cells

    load = cells.load_dataset

    def load_or_fail(data, *arguments):
        if data.n_samples == matching:
            raise FloatingPointError("made to fail\nin two lines")
        return load(data, *arguments)

    monkeypatch.setattr(cells, "load_dataset", load_or_fail)


def test_a_failed_cell_is_recorded_and_the_rest_go_on(finished, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        failing(patch, 60)
        sweep = run_sweep(sweep_config(), tmp_path / "s", n_workers=0)
    assert (sweep.done, sweep.failed) == (6, 6)
    frame = load_results(tmp_path / "s")
    assert frame["status"].tolist() == ["failed"] * 6 + ["done"] * 6
    assert frame["error"][0] == "FloatingPointError: made to fail in two lines"
    record = SweepDirectory(tmp_path / "s").read(frame["cell"][0])
    assert "in load_or_fail" in record["traceback"]
    again = run_sweep(sweep_config(), tmp_path / "s", n_workers=0)
    assert (again.failed, again.ran) == (6, 0), "a failure is not tried again unasked"
    before = records(tmp_path / "s")
    retried = run_sweep(sweep_config(), tmp_path / "s", n_workers=0, retry_failed=True)
    assert (retried.done, retried.failed, retried.ran) == (12, 0, 6)
    kept = [name for name, content in records(tmp_path / "s").items() if before[name] == content]
    assert len(kept) == 6
    assert_same_results(load_results(tmp_path / "s"), load_results(finished))


def test_a_full_disk_is_told_and_earlier_results_stay(finished, tmp_path, monkeypatch):
    fsync, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        # The config and the manifest, then four cells.
        if len(calls) > 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(
            OSError, match="No space left on device: 4 of 12 cells are kept"
        ) as told:
            run_sweep(sweep_config(), tmp_path / "s", n_workers=0)
    assert told.value.errno == errno.ENOSPC
    before = records(tmp_path / "s")
    assert len(before) == 4
    assert not [path for path in (tmp_path / "s").rglob(".*") if path.name != ".lock"]
    assert run_sweep(sweep_config(), tmp_path / "s", n_workers=0).ran == 8
    assert before.items() <= records(tmp_path / "s").items()
    assert_same_results(load_results(tmp_path / "s"), load_results(finished))


def test_results_of_other_code_are_moved_aside_never_mixed(tmp_path):
    run_sweep(sweep_config(seeds=1), tmp_path / "s", n_workers=0)
    manifest = json.loads((tmp_path / "s" / "sweep.json").read_text())
    (tmp_path / "s" / "sweep.json").write_text(json.dumps({**manifest, "code": "older"}))
    before = records(tmp_path / "s")
    sweep = run_sweep(sweep_config(seeds=1), tmp_path / "s", n_workers=0)
    assert sweep.ran == 4
    assert sweep.aside == tmp_path / "s-1"
    assert records(tmp_path / "s-1") == before


def test_another_format_or_a_foreign_folder_is_told_in_a_sentence(finished, tmp_path):
    def told(directory):
        for action in (load_results, lambda d: run_sweep(sweep_config(), d, n_workers=0)):
            with pytest.raises(UsageError) as caught:
                action(directory)
            assert "\n" not in str(caught.value)
            yield str(caught.value)

    def made(name, **files):
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file.replace("_", ".")).write_text(content)
        return tmp_path / name

    newer = made("newer", sweep_json='{"format": 99}')
    assert all("another version of gmm-compare (format 99)" in text for text in told(newer))
    assert all("not a sweep's manifest" in t for t in told(made("odd", sweep_json="[1, 2")))
    foreign = made("foreign", thesis_tex="precious")
    read, run = told(foreign)
    assert "no sweep.json" in read
    assert "holds files that are not a sweep's" in run
    assert (foreign / "thesis.tex").read_text() == "precious"


def test_a_damaged_table_is_told(finished, tmp_path):
    run_sweep(sweep_config(seeds=1), tmp_path / "s", n_workers=0)
    (tmp_path / "s" / "results.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(UsageError, match="not a readable Parquet file"):
        load_results(tmp_path / "s")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "s" / "results.parquet")
    with pytest.raises(UsageError, match="not a results table of gmm-compare"):
        load_results(tmp_path / "s")


def test_one_process_at_a_time_writes(tmp_path):
    store = SweepDirectory(tmp_path / "s")
    with store.locked(), pytest.raises(UsageError, match="another sweep is writing"):
        run_sweep(sweep_config(), tmp_path / "s", n_workers=0)


def test_more_than_scalars_is_kept_where_asked(tmp_path):
    config = sweep_config(keep="comparison", seeds=1, over={"em.n_init": [1]})
    run_sweep(config, tmp_path / "s", n_workers=0)
    (address,) = load_results(tmp_path / "s")["cell"]
    folder = SweepDirectory(tmp_path / "s").cell_file(address).with_suffix("")
    comparison = Comparison.from_dict(json.loads((folder / "comparison.json").read_text()))
    assert len(comparison.illustration.points) == 60


def test_axes_of_any_kind_become_columns(tmp_path):
    over = {"engines": [["em"], ["em", "kmeans"]], "thresholds": [{}, {"agreement": [1.0, 2.0]}]}
    run_sweep(sweep_config(seeds=1, over=over), tmp_path / "s", n_workers=0)
    frame = load_results(tmp_path / "s")
    assert frame["engines"].tolist() == ['["em"]'] * 2 + ['["em", "kmeans"]'] * 2
    assert frame["kmeans.clustering.agreement"].isna().tolist() == [True, True, False, False]


def test_points_that_coincide_are_one_cell(tmp_path):
    config = sweep_config(mode="random", n_points=6, seeds=1, over={"em.n_init": [1, 2]})
    sweep = run_sweep(config, tmp_path / "s", n_workers=0)
    assert (sweep.total, sweep.done) == (6, 6)
    assert len(records(tmp_path / "s")) == 2


def test_columns_are_printed_with_what_they_hold(finished, capsys):
    results = read_results(finished)
    print_columns(results)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for name in results.frame.columns:
        assert name in lines
    assert lines[lines.index("data.n_samples") + 1].startswith("  Varied: Number of rows")
    print_columns(results, as_json=True)
    assert json.loads(capsys.readouterr().out) == results.descriptions


def test_the_command_runs_shows_and_reads(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made.toml").write_text(CONFIG)
    # In a process of its own, as a sweep starts others.
    sets = ["--set", "sweep.seeds=2", "--set", "em.n_bootstrap=2"]
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "run", "made.toml", *sets],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "made: 8 cells, 8 done" in done.stdout
    status, shown, _ = run(monkeypatch, capsys, "results", "runs/made")
    assert status == 0
    assert max(map(len, (done.stdout + shown).splitlines())) <= 80
    assert "textbook" in shown
    _, table, _ = run(monkeypatch, capsys, "results", "runs/made", "--csv")
    assert len(table.splitlines()) == 9
    assert load_config(tmp_path / "runs" / "made" / "config.toml").sweep.seeds == 2
    _, _, refused = run(monkeypatch, capsys, "sweep", "old-faithful")
    assert refused.startswith("gmm-compare: old-faithful: no [sweep]")
