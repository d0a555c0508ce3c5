"""The rooms of the three packages and who imports whom, read from the source.

A room is what lies directly in a package: a folder with files of one subject, or a single file.
The contracts of import-linter in ``pyproject.toml`` say which room may import which.

``python -m tests.rooms`` writes the drawing of the rooms into ``docs/architecture.md``.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from tests.paths import ROOT

# In the order of their imports: each may import those that follow.
PACKAGES = ("experiments", "gmm_bayes", "gmm_em")
PAGE = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- Written by `python -m tests.rooms`: do not edit below this line. -->\n"
END = "<!-- End of what `python -m tests.rooms` writes. -->\n"
# Columns between the walls of the drawing.
WIDTH = 86


@dataclass(frozen=True)
class Import:
    """One module that another imports: both by their dotted names."""

    importer: str
    imported: str
    for_types_only: bool


@cache
def modules() -> dict[str, Path]:
    """Return the file of each module of the three packages, by dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def tree(name: str) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(modules()[name].read_text(encoding="utf-8"))


@cache
def imports() -> tuple[Import, ...]:
    """Return every import between two modules of ours, also those inside functions."""
    return tuple(
        Import(name, target, id(node) in only_types)
        for name, path in modules().items()
        # A face names its members for type checkers, and imports them when they are asked for.
        for only_types in [set() if path.name == "__init__.py" else _for_types_only(tree(name))]
        for node in ast.walk(tree(name))
        for imported in _names(node)
        if (target := _ours(imported)) is not None
    )


def paragraph(name: str) -> str:
    """Return the first line of a module's docstring, and the paragraph below it, as one line."""
    docstring = ast.get_docstring(tree(name)) or ""
    first, _, rest = docstring.partition("\n\n")
    return " ".join(f"{first} {rest.partition('\n\n')[0]}".split())


def third_parties(name: str) -> set[str]:
    """Return the packages that a module imports from outside this repository and Python."""
    roots = {
        imported.partition(".")[0] for node in ast.walk(tree(name)) for imported in _names(node)
    }
    return roots - set(PACKAGES) - sys.stdlib_module_names


def _names(node: ast.AST) -> list[str]:
    """Return the dotted names that a statement imports; what is no import gives none."""
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom(module=str(), level=0):
            return [f"{node.module}.{alias.name}" for alias in node.names]
        case _:
            return []


def _ours(imported: str) -> str | None:
    """Return the module of ours that a dotted name is, or is a member of."""
    if imported in modules():
        return imported
    parent = imported.rpartition(".")[0]
    return parent if parent in modules() else None


def _for_types_only(module: ast.Module) -> set[int]:
    """Return the identities of all nodes below ``if TYPE_CHECKING:``."""
    return {
        id(node)
        for guard in ast.walk(module)
        if isinstance(guard, ast.If) and ast.unparse(guard.test).endswith("TYPE_CHECKING")
        for statement in guard.body
        for node in ast.walk(statement)
    }


def room_of(name: str) -> str | None:
    """Return the room that a module lies in; a package's own ``__init__`` lies in none."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else None


def rooms(package: str) -> list[str]:
    """Return the rooms of a package, in the order of the alphabet."""
    found = {room_of(name) for name in modules() if name.split(".")[0] == package}
    return sorted(room for room in found if room)


def neighbours(module: str) -> set[str]:
    """Return what a module, or any below it, imports: rooms of its package, and other packages.

    What is imported for type checkers only does not count, as in the contracts. Neither does the
    room itself.
    """
    package, room = module.split(".")[0], room_of(module)
    targets = {
        found.imported
        for found in imports()
        if not found.for_types_only and f"{found.importer}.".startswith(f"{module}.")
    }
    others = {target.split(".")[0] for target in targets} - {package}
    own = {room_of(target) for target in targets if target.split(".")[0] == package}
    return others | {name for name in own if name not in (None, room)}


@cache
def allowed(package: str) -> dict[str, set[str]]:
    """Return what each room of a package may import, by the contracts of ``pyproject.toml``."""
    layers = _layers(package)
    below = set(PACKAGES[PACKAGES.index(package) + 1 :])
    may = {}
    for layer in reversed(layers):
        may |= {room: set(below) for room in layer}
        below |= set(layer)
    return may


def _layers(package: str) -> list[list[str]]:
    """Return the floors of a package from the top, as its contract has them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    contract = next(c for c in contracts if c.get("containers") == [package])
    return [[room.strip() for room in layer.split("|")] for layer in contract["layers"]]


def doors(package: str) -> set[str]:
    """Return the single files above all rooms, which hold no code but a documented name."""
    return {
        room
        for room in _layers(package)[0]
        if room in rooms(package) and modules()[f"{package}.{room}"].name != "__init__.py"
    }


def floors(package: str) -> list[list[str]]:
    """Return the floors of a package from the top, as its imports make them.

    A room that imports no other is on the lowest floor, and any other room is one floor above the
    highest that it imports.
    """
    own = set(rooms(package)) - doors(package)

    @cache
    def height(room: str) -> int:
        below = neighbours(f"{package}.{room}") & own
        return 1 + max((height(other) for other in below), default=0)

    highest = max(height(room) for room in own)
    return [
        [room for room in sorted(own) if height(room) == floor] for floor in range(highest, 0, -1)
    ]


def drawing() -> str:
    """Return the drawing of the house, and a table of what each room is and imports."""
    parts = ["```text", *(line for package in PACKAGES for line in _house(package)), "```", ""]
    for package in PACKAGES:
        parts += [f"### Rooms of {package}", "", *_table(package), ""]
    return "\n".join(parts)


def _house(package: str) -> Iterator[str]:
    """Yield the lines of one package's drawing: a floor is a line, a room a cell of it."""
    yield package
    plan = floors(package)
    walls = [[round(i * WIDTH / len(floor)) for i in range(1, len(floor))] for floor in plan]
    yield _ceiling([], walls[0], "┌┐")
    for number, floor in enumerate(plan):
        edges = [0, *walls[number], WIDTH]
        cells = [
            f"{room:^{right - left - 1}}"
            for room, (left, right) in zip(floor, pairwise(edges), strict=True)
        ]
        yield f"│{'│'.join(cells)}│"
        below = walls[number + 1] if number + 1 < len(plan) else []
        yield _ceiling(walls[number], below, "├┤" if number + 1 < len(plan) else "└┘")
    yield ""


def _ceiling(above: list[int], below: list[int], ends: str) -> str:
    """Return the line between two floors whose inner walls stand at the given columns."""
    signs = {(True, True): "┼", (True, False): "┴", (False, True): "┬", (False, False): "─"}
    inner = "".join(signs[column in above, column in below] for column in range(1, WIDTH))
    return f"{ends[0]}{inner}{ends[1]}"


def _table(package: str) -> Iterator[str]:
    yield from ("| room | what it is | files | imports |", "|---|---|---|---|")
    for room in [*sorted(doors(package)), *(room for floor in floors(package) for room in floor)]:
        module = f"{package}.{room}"
        inside = [name for name in modules() if f"{name}.".startswith(f"{module}.")]
        summary = (ast.get_docstring(tree(module)) or "").partition("\n")[0]
        summary = summary.partition(" Imports:")[0].replace("``", "`").replace("|", "\\|")
        listed = ", ".join(f"`{name}`" for name in sorted(neighbours(module)))
        yield f"| `{room}` | {summary} | {len(inside)} | {listed or 'nothing of ours'} |"


def redrawn(page: str) -> str:
    """Return the text of a page with the drawing brought up to date."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{drawing()}\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(redrawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
