"""The files that every repository has say the same as its packaging."""

import re
import subprocess
import tomllib

import pytest
import yaml

from experiments.cli.summaries import SUMMARIES
from tests.paths import ROOT

LOCKS = ("requirements.lock", "requirements-engines.lock")
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


def test_the_public_workflow_runs_what_anybody_can_run():
    path = ROOT / ".github" / "workflows" / "ci.yml"
    job = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]["checks"]
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100
    tried = {f"Programming Language :: Python :: {v}" for v in job["strategy"]["matrix"]["python"]}
    assert {c for c in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)} <= tried


def test_every_target_it_names_is_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in (
        "README.md",
        "CONTRIBUTING.md",
        "RELEASING.md",
        ".github/PULL_REQUEST_TEMPLATE.md",
    ):
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"^\$ make (\w+)|`make (\w+)`", text, re.M):
            assert re.search(rf"^{''.join(target)}:", makefile, re.M), target


def locked(name="requirements.lock"):
    """Each package of a lock file with its hashes."""
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = text.replace("\\\n", " ").splitlines()
    return {entry.split()[0]: re.findall(r"--hash=(\S+)", entry) for entry in entries}


@pytest.mark.parametrize(("name", "least"), list(zip(LOCKS, (101, 7), strict=True)))
def test_every_locked_package_has_one_version_and_hashes(name, least):
    found = locked(name)
    assert len(found) >= least
    for package, hashes in found.items():
        assert re.fullmatch(r"[a-z0-9.-]+==[\w.+!]+", package), package
        assert hashes, package
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), package
    assert "//" not in (ROOT / name).read_text(encoding="utf-8")
    assert (ROOT / name).stat().st_size < 2**20


def test_the_libraries_of_other_programs_leave_those_of_the_lock_file_as_they_are():
    ours, theirs = ({p.split("==")[0] for p in locked(name)} for name in LOCKS)
    assert ours & theirs == set()
    assert {"jax", "numpyro"} <= theirs
    text = (ROOT / ".ci" / "setup-engines").read_text(encoding="utf-8")
    assert "--require-hashes" in text
    assert "--no-deps" in text


def test_setup_checks_hashes_and_borrows_the_locked_uv():
    text = (ROOT / ".ci" / "setup").read_text(encoding="utf-8")
    for line in re.findall(r"^.*\binstall\b.* -r .*$", text, re.M):
        assert "--require-hashes" in line, line
    (function,) = re.findall(r"^locked\(\) .*$", text, re.M)
    done = subprocess.run(
        ["sh", "-c", f"{function}\nlocked uv"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (package,) = [name for name in locked() if name.startswith("uv==")]
    assert done.stdout.split()[0] == package
    assert re.findall(r"--hash=(\S+)", done.stdout) == locked()[package]
    assert len(re.findall("==", done.stdout)) == 1
