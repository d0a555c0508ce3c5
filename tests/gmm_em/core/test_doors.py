import importlib
import sys

import pytest


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
