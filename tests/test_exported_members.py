"""What users may rely on: it is there, it is documented, and a change of it is seen."""

import re
from importlib import import_module

import pytest

from tests.paths import ROOT
from tests.public_api import FACES, LISTING, listing, members

PAGES = {"gmm_em": "gmm_em", "gmm_bayes": "gmm_bayes"} | dict.fromkeys(FACES[2:], "experiments")


def documented(face: str) -> list[str]:
    """The members of a face that its page of the reference describes, in the page's order."""
    page = ROOT / "docs" / "reference" / f"{PAGES[face]}.md"
    directive = rf"^ *\.\. auto(?:class|function|exception):: {re.escape(face)}\.(\w+)$"
    return re.findall(directive, page.read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("face", FACES)
def test_every_public_name_can_be_had(face):
    found = import_module(face)
    assert len(set(found.__all__)) == len(found.__all__) > 0
    for name in found.__all__:
        assert getattr(found, name) is not None
        assert name in dir(found)
    with pytest.raises(AttributeError, match="no_such_name"):
        found.no_such_name  # noqa: B018 - the access is what is tested


@pytest.mark.parametrize("face", FACES)
def test_the_reference_describes_what_is_public_and_nothing_else(face):
    assert sorted(documented(face)) == members(import_module(face))


def test_a_name_of_the_reference_outside_the_faces_can_be_had():
    page = (ROOT / "docs" / "reference" / "experiments.md").read_text(encoding="utf-8")
    named = re.findall(r"^ *\.\. auto(?:class|function|exception):: (\S+)\.(\w+)$", page, re.M)
    assert len(named) > 10
    for module, name in named:
        assert hasattr(import_module(module), name), f"{module}.{name}"


def test_a_change_of_what_is_public_is_seen():
    # Intended? Write the file anew: .venv/bin/python -m tests.public_api
    assert LISTING.read_text(encoding="utf-8").splitlines() == listing().splitlines()


def test_the_listing_shows_arguments_and_members():
    lines = LISTING.read_text(encoding="utf-8").splitlines()
    assert "gmm_em.Mixture.predict(self, X: ArrayLike) -> IntArray" in lines
    assert "gmm_em.EMResult.converged" in lines
    assert not [line for line in lines if " at 0x" in line]
