"""The files that every repository has say the same as its packaging."""

import re
import tomllib

import yaml

from experiments.cli.commands import SUMMARIES
from tests.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_citation_is_what_the_format_asks_for():
    # Citation File Format 1.2.0 requires four keys, and an author to be a person or an entity.
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(found)
    assert found["cff-version"] == "1.2.0"
    assert found["type"] in ("software", "dataset")
    assert found["authors"]
    for author in found["authors"]:
        assert "name" in author or {"family-names", "given-names"} <= set(author)
    allowed = {
        "cff-version", "message", "title", "authors", "type", "abstract", "version", "license",
        "keywords", "date-released", "repository-code", "url", "doi", "references",
    }  # fmt: skip
    assert set(found) <= allowed
    assert all(isinstance(word, str) for word in found["keywords"])
    assert found["version"] == PROJECT["version"]
    assert found["license"] == PROJECT["license"]


def test_the_changelog_has_the_form_it_names():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.startswith("# Changelog\n")
    releases = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", text, re.M)
    assert releases[0] == ("Unreleased", "")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for _, date in releases[1:])
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.M)) <= kinds
    assert PROJECT["version"] in text
    for command in SUMMARIES:
        assert f"`{command}`" in text, command


def test_contributing_names_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:gmm_em|gmm_bayes|experiments|tests|docs|\.ci)/[\w./-]*)`", text)
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_target_it_names_is_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"^\$ make (\w+)|`make (\w+)`", text, re.M):
            assert re.search(rf"^{''.join(target)}:", makefile, re.M), target
