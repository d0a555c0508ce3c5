"""The bench of verdicts plants what it says, goes on where it stopped, and counts rightly."""

import pytest

from experiments.benchmarks.verdict.run import (
    first_of_each_kind,
    main,
    report,
    result_of,
    situations,
)


def test_there_are_enough_situations_and_kinds_and_no_two_are_alike():
    planted = situations()
    assert len(planted) >= 80
    assert len({one.kind for one in planted}) >= 20
    assert len({(one.kind, one.name) for one in planted}) == len(planted)
    assert sum(one.demands == "ok" for one in planted) >= 12


def named(kind):
    return next(one for one in first_of_each_kind() if one.kind == kind)


@pytest.mark.parametrize(
    ("kind", "found", "believed"),
    [
        ("EM cut off", "fail", "posterior"),
        ("ADVI too far", "fail", "em"),
        ("improper prior", "fail", "em"),
        ("chains in modes", "fail", "em"),
        ("all collapsed", "fail", "em"),
    ],
)
def test_what_is_planted_is_found(kind, found, believed):
    result = result_of(named(kind), 0)
    assert (result["found"], result["believed"]) == (found, believed)
    assert not result["missing"]
    assert not result["wrongly_good"]


def test_a_result_is_kept_and_read_again(tmp_path):
    planted = named("tiny N")
    first = result_of(planted, 0, tmp_path)
    [file] = tmp_path.iterdir()
    file.write_text(file.read_text().replace(f'"{first["believed"]}"', '"stored"'))
    assert result_of(planted, 0, tmp_path)["believed"] == "stored"
    assert result_of(planted, 0)["believed"] == first["believed"]


def test_the_tables_count_what_was_found():
    usual = {
        "kind": "a",
        "name": "n",
        "seed": 0,
        "demands": "fail",
        "found": "fail",
        "right": True,
        "believed": "em",
        "reason": "r",
        "bad": ["x"],
        "false_green": False,
        "too_mild": False,
        "missing": [],
        "wrongly_good": [],
    }
    green = {**usual, "found": "ok", "false_green": True, "right": False, "believed": "both"}
    alarm = {**usual, "kind": "healthy", "demands": "ok", "found": "warn"}
    text = "\n".join(report([usual, green, alarm]))
    assert "fail                   1           0           1" in text
    assert "healthy runs with a ✗: 0 of 1 " in text
    assert "healthy runs with a ! or ✗: 1 of 1 " in text
    assert "false greens: 1; milder than demanded: 0; headlines right: 2 of 3" in text
    assert "a, n, seed 0: false green; believes both (r)" in text


@pytest.mark.slow
def test_no_situation_is_green_that_should_not_be(tmp_path, capsys):
    """One situation of each kind, one seed."""
    assert main(quick=True, out=tmp_path) == 0
    assert "false greens: 0" in capsys.readouterr().out
