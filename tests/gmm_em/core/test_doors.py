import importlib
import subprocess
import sys

import pytest

from gmm_em.core.doors import lazy_door


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with a name of its own and one whose home is a module of it."""
    folder = tmp_path / "doored"
    folder.mkdir()
    (folder / "home.py").write_text("class Guest:\n    pass\n")
    (folder / "__init__.py").write_text(
        "from gmm_em.core.doors import lazy_door\n"
        "own = 1\n"
        '__getattr__, __dir__ = lazy_door(__name__, {"Guest": "doored.home"})\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("doored")
    for name in ("doored", "doored.home"):
        sys.modules.pop(name, None)


def test_a_name_is_imported_when_it_is_asked_for(package):
    assert "doored.home" not in sys.modules
    assert package.Guest.__module__ == "doored.home"
    assert "doored.home" in sys.modules
    assert {"Guest", "own"} <= set(dir(package))


def test_an_unknown_name_is_told_as_python_does(package):
    with pytest.raises(AttributeError, match="module 'doored' has no attribute 'Stranger'"):
        _ = package.Stranger
    assert not hasattr(package, "Stranger")


@pytest.mark.parametrize("name", ["experiments", "experiments.config", "experiments.engines"])
def test_every_public_name_of_a_door_has_its_home(name):
    package = importlib.import_module(name)
    for public in package.__all__:
        assert getattr(package, public) is not None
        assert public in dir(package)
    get, _ = lazy_door(name, {})
    with pytest.raises(AttributeError):
        get("anything")


def test_opening_experiments_loads_none_of_its_rooms():
    program = (
        "import sys, experiments; print([n for n in sys.modules if n.startswith('experiments.')])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
