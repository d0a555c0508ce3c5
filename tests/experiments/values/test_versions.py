"""Files of other versions: earlier ones are read, later ones are refused."""

import json
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from experiments import read_run
from experiments.config import load_config
from experiments.core.errors import UsageError
from experiments.values.base import SCHEMA_VERSION
from experiments.values.comparison import ComparisonValues, DatasetInfo
from experiments.values.components import ComponentsValues

# A run over K = 1, 2 as the first version of the files had it.
OLD = Path(__file__).parents[2] / "data" / "version_1"


@pytest.fixture
def run(tmp_path):
    return Path(shutil.copytree(OLD, tmp_path / "run"))


def changed(path, **changes):
    values = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps(values))


def test_a_run_of_the_first_version_is_read():
    found = read_run(OLD)
    assert found.schema_version == SCHEMA_VERSION
    assert sorted(found.comparisons) == [1, 2]
    comparison = found[2]
    written = json.loads((OLD / "K2" / "comparison.json").read_text())
    assert comparison.schema_version == SCHEMA_VERSION
    assert (
        comparison.engines["em"].mixture.weights == written["engines"]["em"]["mixture"]["weights"]
    )
    assert (comparison.estimate, comparison.posterior) == ("em", "bayes")
    assert "EM ± se" in comparison._repr_html_()


def test_every_value_of_an_old_file_is_kept():
    for path, kind in (
        (OLD / "K2" / "comparison.json", ComparisonValues),
        (OLD / "components.json", ComponentsValues),
    ):
        written = json.loads(path.read_text())
        found = kind.read(path).to_dict()
        assert kept(written, found) == {**written, "schema_version": SCHEMA_VERSION}


def kept(written, found):
    """What a value as read has of the keys of a file; fields that are newer are left out."""
    if isinstance(written, dict) and isinstance(found, dict):
        return {key: kept(part, found[key]) for key, part in written.items() if key in found}
    if isinstance(written, list) and isinstance(found, list) and len(written) == len(found):
        return [kept(old, new) for old, new in zip(written, found, strict=True)]
    return found


def test_what_is_written_back_is_of_this_version():
    old = ComparisonValues.read(OLD / "K1" / "comparison.json")
    assert ComparisonValues.from_dict(old.to_dict()) == old


@pytest.mark.parametrize("name", ["components.json", "K2/comparison.json"])
def test_a_later_version_is_refused_in_a_sentence_that_names_both(run, name):
    changed(run / name, schema_version=SCHEMA_VERSION + 1, invented={"by": "a later version"})
    with pytest.raises(UsageError) as caught:
        read_run(run)
    said = str(caught.value)
    assert said.startswith(f"{run / name}: ")
    assert f"schema_version = {SCHEMA_VERSION + 1}" in said
    assert f"allowed is {SCHEMA_VERSION} or earlier" in said
    assert "\n" not in said


@pytest.mark.parametrize("version", [1, SCHEMA_VERSION])
def test_unknown_keys_of_a_known_version_are_passed_over(run, version):
    path = run / "K2" / "comparison.json"
    values = json.loads(path.read_text())
    values["engines"]["em"]["mood"] = "good"
    values["dataset"]["licence"] = "CC0"
    changed(
        path,
        schema_version=version,
        invented=1,
        engines=values["engines"],
        dataset=values["dataset"],
    )
    found = read_run(run)[2]
    assert found.dataset.n_samples == 20
    assert "invented" not in found.to_dict()


def test_unknown_keys_are_refused_everywhere_else(tmp_path):
    with pytest.raises(ValidationError, match="mood"):
        DatasetInfo(
            name="a",
            n_samples=1,
            n_features=1,
            n_test=0,
            sha256="",
            feature_names=["x"],
            mood="good",
        )
    path = tmp_path / "config.toml"
    path.write_text(
        'name = "a"\nn_components = 2\nmood = 1\ndata = {source = "builtin", name = "iris"}'
    )
    with pytest.raises(UsageError, match="unknown key 'mood'"):
        load_config(path)


@pytest.mark.parametrize("version", ["two", 0, None])
def test_what_is_no_version_is_refused(run, version):
    changed(run / "K1" / "comparison.json", schema_version=version)
    with pytest.raises(UsageError, match="schema_version"):
        read_run(run)
