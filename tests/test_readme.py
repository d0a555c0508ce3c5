"""What the README prints works as printed, and what it points to is there."""

import re

import pytest

import experiments
from tests.pages import Reader, differences, steps
from tests.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_it_works_as_printed(tmp_path, monkeypatch):
    # Readers are in a clone; here is the part of one that the README speaks of.
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "data").symlink_to(ROOT / "experiments" / "data")
    monkeypatch.chdir(tmp_path)
    reader = Reader()
    reader.follow(README)
    assert differences(reader) == []
    assert "ok EM and the posterior agree" in "".join(printed for _, printed in reader.outputs)
    for name in ("faithful.html", "runs/small/report.html", "runs/sbc/sbc.html"):
        assert (tmp_path / name).is_file()


def test_it_shows_commands_and_python():
    kinds = [step.kind for step in steps(README)]
    assert kinds.count("command") >= 10
    assert kinds.count("python") == 2


def test_the_first_example_is_at_most_ten_lines():
    first = next(step for step in steps(README) if step.kind == "python")
    assert len(first.source.strip().splitlines()) <= 10


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^):]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert all((ROOT / link).exists() for link in links)


def test_the_engines_it_names_exist():
    from experiments.engines.registry import available_engines

    assert {"sklearn", "sklearn-bayes", "kmeans"} <= set(available_engines())
    assert experiments.__doc__
