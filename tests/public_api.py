"""The public objects of the three packages, and of each its signature and members, as text.

``python -m tests.public_api`` writes them to ``tests/data/public_api.txt``, so that a change of
what users may rely on is seen as a change of that file.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from tests.paths import DATA

FACES = ("gmm_em", "gmm_bayes", "experiments", "experiments.engines")
LISTING = DATA / "public_api.txt"


def listing() -> str:
    """Return the public objects of all faces, one line for each function, class and member."""
    return "".join(f"{line}\n" for name in FACES for line in _face(import_module(name)))


def members(face: ModuleType) -> list[str]:
    """Return the public names of a face."""
    return sorted(face.__all__)


def _face(face: ModuleType) -> Iterator[str]:
    yield f"# {face.__name__}"
    for name in members(face):
        yield from _described(f"{face.__name__}.{name}", getattr(face, name))


def _described(name: str, value: Any) -> Iterator[str]:
    if not inspect.isclass(value):
        yield f"{name}{_signature(value)}"
        return
    yield f"class {name}{_constructor(value)}"
    for member in sorted(_own_names(value)):
        yield _member(f"{name}.{member}", inspect.getattr_static(value, member, None))


def _constructor(value: type) -> str:
    """Return the arguments of a class; those of a model and of a protocol are its members."""
    if issubclass(value, BaseModel) or getattr(value, "_is_protocol", False):
        return ""
    return "" if value.__init__ is object.__init__ else _signature(value)


def _own_names(value: type) -> set[str]:
    """Return the public members that a class has from classes of ours, annotated ones too."""
    ours = {face.partition(".")[0] for face in FACES}
    names: set[str] = set()
    for parent in value.__mro__:
        if parent.__module__.partition(".")[0] in ours:
            names |= set(vars(parent)) | set(inspect.get_annotations(parent))
    return {name for name in names if not name.startswith(("_", "model_"))}


def _member(name: str, value: Any) -> str:
    """Return a method with its arguments; what is read like an attribute has none."""
    if isinstance(value, classmethod | staticmethod):
        value = value.__func__
    return f"{name}{_signature(value)}" if inspect.isfunction(value) else name


def _signature(value: Any) -> str:
    """Return the arguments as they are written; errors that take any have none to show."""
    if inspect.isclass(value) and issubclass(value, Exception):
        return ""
    # A function among the defaults is shown by its name, without its address.
    text = re.sub(r"<function (\w+) at 0x[0-9a-f]+>", r"\1", str(inspect.signature(value)))
    # Annotations are texts, which are shown in quotes.
    return re.sub(r"(: |-> )(['\"])(.*?)\2(?=[,)=]| = |$)", r"\1\3", text)


if __name__ == "__main__":
    LISTING.write_text(listing(), encoding="utf-8")
