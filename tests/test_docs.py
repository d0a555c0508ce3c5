"""The documentation: complete, and true line by line."""

import re
from pathlib import Path

import pytest

import experiments
import gmm_bayes
import gmm_em
from experiments.analysis.thresholds import THRESHOLDS
from experiments.cli.summaries import SUMMARIES
from experiments.config.load import shipped_configs
from tests.pages import Reader, differences, steps
from tests.paths import ROOT

DOCS = ROOT / "docs"
# Pages whose steps take longer than `make test` can wait.
SLOW = {"tutorial.md"} | {
    f"how-to/{name}.md"
    for name in (
        "check-a-sampler",
        "extend-pymc-model",
        "figures",
        "missing-and-big-data",
        "number-of-components",
        "own-data",
        "own-prior",
        "verdict",
    )
}


def pages() -> list[Path]:
    found = [path for path in DOCS.rglob("*.md") if "_build" not in path.parts]
    # The notebook is executed by the build, and the plug-in's page belongs to the plug-in.
    return sorted(p for p in found if p.parent.name not in ("notebooks", "engine-plugin"))


def followed() -> list:
    names = [str(path.relative_to(DOCS)) for path in pages() if any(steps(path.read_text()))]
    return [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in names]


@pytest.mark.parametrize("name", followed())
def test_a_page_prints_what_it_shows(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reader = Reader()
    reader.follow((DOCS / name).read_text(encoding="utf-8"))
    assert differences(reader) == []


def reference(page: str) -> str:
    return (DOCS / "reference" / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("package", [gmm_em, gmm_bayes, experiments], ids=lambda p: p.__name__)
def test_every_public_name_is_in_the_reference(package):
    name = package.__name__
    documented = re.findall(rf"^\.\. auto\w+:: {name}\.(\w+)$", reference(f"{name}.md"), re.M)
    assert set(package.__all__) <= set(documented)
    assert len(documented) == len(set(documented))


def test_every_command_is_in_the_reference():
    documented = re.findall(r"```\{command-help\} (\S+)", reference("cli.md"))
    assert documented == list(SUMMARIES)


def test_every_finding_is_explained():
    explained = ROOT / "experiments" / "report" / "findings.md"
    page = (DOCS / "how-to" / "verdict.md").read_text(encoding="utf-8")
    assert f"```{{include}} ../../{explained.relative_to(ROOT)}\n```" in page
    headings = re.findall(r"^### (.+)$", explained.read_text(encoding="utf-8"), re.M)
    assert set(THRESHOLDS) <= set(headings)
    rooms = ("analysis/verdict", "selection", "calibration", "report")
    files = [path for room in rooms for path in sorted((ROOT / "experiments" / room).glob("*.py"))]
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    written = re.findall(r'(?:\bid=|finding\(\s*|beyond\(\s*)"([a-z-]+)"', text)
    # Of the families whose names begin with an engine or a criterion, the end is explained.
    written += re.findall(r'finding\(f"\{[^"]*\}-([a-z]+)"', text)
    assert {"rows", "posterior-ess", "data", "recovery", "choice", "doubt"} <= set(written)
    assert set(written) <= set(headings)


def test_the_gallery_shows_experiments_that_ship():
    block = re.search(r"```\{gallery\}\n(.*?)```", (DOCS / "gallery.md").read_text(), re.S)
    names = block.group(1).split()
    assert len(names) >= 4
    assert set(names) <= set(shipped_configs())


def test_every_source_cited_is_listed_and_every_one_listed_is_cited():
    listed = re.findall(r"^\((\S+)\)=$", (DOCS / "references.md").read_text(), re.M)
    text = "".join(path.read_text() for path in DOCS.rglob("*.md"))
    cited = set(re.findall(r"\]\(#([a-z]+-\d{4}[a-z]?)\)", text))
    assert cited == set(listed)
    assert listed == sorted(listed)


def test_no_page_asks_for_anything_from_the_network():
    for path in [*DOCS.glob("_ext/*.py"), *DOCS.glob("_static/*"), DOCS / "conf.py"]:
        assert "://" not in path.read_text(encoding="utf-8"), path
