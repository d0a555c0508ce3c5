"""The rules that keep the house in order, read from the source; CONTRIBUTING.md says why.

The contracts of import-linter (``make lint``) hold who imports whom; what is here goes beyond them.
"""

import ast
import re
from importlib import import_module

import pytest

from tests.paths import ROOT
from tests.rooms import (
    PACKAGES,
    PAGE,
    allowed,
    floors,
    imports,
    modules,
    neighbours,
    paragraph,
    redrawn,
    room_of,
    third_parties,
)

LONGEST = 400
# Modules of other packages that are used by their full names. All else comes through the face.
DEEP = {
    "gmm_em": {
        "core",
        "covariance",
        "e_step",
        "fitting",
        "inference",
        "matching",
        "parameter_names",
        "rows",
    },
    "gmm_bayes": {"core", "samplers", "space", "unknown_k"},
}
FOLDERS = [name for name, path in modules().items() if path.name == "__init__.py" and room_of(name)]
# Folders directly in a package. Where a folder inside a room says nothing, the room speaks for it.
ROOMS = [name for name in FOLDERS if name.count(".") == 1]
SPEAKING = [name for name in FOLDERS if name in ROOMS or "Imports: " in paragraph(name)]


def permitted(name: str) -> set[str]:
    """The rooms that a folder may import by the contract, and the room that it lies in."""
    package, room = name.split(".")[0], room_of(name)
    return (allowed(package)[room] | {room}) - set(PACKAGES)


def named(name: str, said: str) -> set[str]:
    """The rooms in what a folder says that it imports; "every room below" names all of them."""
    found = re.search(r"\bImports: (.+?)(?:\.(?=\s|$)|$)", said)
    assert found, f"{name}: the first paragraph of __init__.py does not say 'Imports: ...'"
    # What follows is what it does not import.
    sentence = re.split(r"[;,] (?:and )?(?:not|no)\b", found[1])[0]
    if re.search(r"\brooms? below\b", sentence):
        return permitted(name)
    known = set(allowed(name.split(".")[0])) - set(PACKAGES)
    return {word for word in re.findall(r"\w+", sentence) if word in known} | {room_of(name)}


@pytest.mark.parametrize("name", SPEAKING)
def test_a_room_says_whom_it_imports_and_it_is_true(name):
    said = named(name, paragraph(name))
    assert neighbours(name) - set(PACKAGES) - said == set(), "imported, but not named"
    assert said - permitted(name) == set(), "named, but above or beside the room"


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_says_what_it_is(name):
    assert len(paragraph(name).partition("Imports: ")[0].split()) > 2


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("A room. Imports: core, rows.", {"core", "rows"}),
        ("Imports: `core` and `rows`; not `fitting`, which is above.", {"core", "rows"}),
        ("Imports: nothing of ours.", set()),
        ("Imports: core, and rows. The e_step is no part.", {"core", "rows"}),
        ("Imports: estimator.", {"estimator"}),
        ("Imports: covariance and every room below it.", permitted("gmm_em.inference")),
    ],
)
def test_the_sentence_is_read_as_it_is_meant(said, expected):
    assert named("gmm_em.inference", said) == expected | {"inference"}


def test_no_room_is_above_one_that_it_may_not_import():
    # The contracts of pyproject.toml and the imports tell the same order.
    for package in PACKAGES:
        for floor in floors(package):
            for room in floor:
                assert neighbours(f"{package}.{room}") <= allowed(package)[room]


def test_no_file_imports_itself_by_way_of_others():
    # import-linter leaves out what only type checkers read, and with it what faces load lazily.
    found: dict[str, set[str]] = {name: set() for name in modules()}
    for one in imports():
        found[one.importer].add(one.imported)
    assert circle(found) == []


def circle(found: dict[str, set[str]]) -> list[str]:
    """The modules of one circle of imports in their order, or none."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        if name in done:
            return []
        for other in sorted(found[name]):
            if closed := walk(other, [*path, name]):
                return closed
        done.add(name)
        return []

    return next((closed for name in found if (closed := walk(name, []))), [])


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_python_file_of_ours_is_longer_than_400_lines():
    folders = (*PACKAGES, "tests", "docs/_ext", "docs/engine-plugin", "examples")
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
    }
    assert len(lengths) > 300
    assert {path: n for path, n in lengths.items() if n > LONGEST} == {}


@pytest.mark.parametrize("name", [*PACKAGES, *FOLDERS])
def test_a_face_does_not_hide_a_module_behind_a_name(name):
    # `package.name` would be the module or the member, whichever was loaded last.
    members = set(getattr(import_module(name), "__all__", ()))
    beside = {other.rpartition(".")[2] for other in modules() if other.rpartition(".")[0] == name}
    assert members & beside == set()


def test_a_newcomer_finds_rooms_in_experiments_and_hardly_a_file():
    assert len(list((ROOT / "experiments").glob("*.py"))) <= 6


def test_gmm_em_needs_numpy_and_scipy_only():
    needed = {name: third_parties(name) for name in modules() if name.split(".")[0] == "gmm_em"}
    # scikit-learn alone calls the method that imports it.
    assert needed.pop("gmm_em.core.sklearn_params") <= {"numpy", "sklearn"}
    # What arrays of other libraries need is imported when the first of them is met.
    assert needed.pop("gmm_em.core.foreign") <= {"numpy", "array_api_compat"}
    assert set().union(*needed.values()) == {"numpy", "scipy"}


def test_other_packages_are_imported_by_their_faces_or_known_rooms():
    strangers = [
        f"{one.importer} imports {one.imported}"
        for one in imports()
        if (package := one.imported.split(".")[0]) != one.importer.split(".")[0]
        and room_of(one.imported)
        and room_of(one.imported) not in DEEP[package]
    ]
    assert strangers == []


def test_no_class_name_means_two_things_in_a_package():
    for package in PACKAGES:
        homes: dict[str, list[str]] = {}
        for name in modules():
            if name.split(".")[0] != package:
                continue
            for node in ast.parse(modules()[name].read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef):
                    homes.setdefault(node.name, []).append(name)
        assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_the_drawing_is_that_of_the_imports():
    page = PAGE.read_text(encoding="utf-8")
    assert page == redrawn(page), "write it anew: .venv/bin/python -m tests.rooms"
