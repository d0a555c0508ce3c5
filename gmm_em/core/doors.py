"""Packages whose public names are imported when they are first asked for (PEP 562).

A package with such a door loads none of its modules by itself, so that a program which needs one
name does not wait for the others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_door(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of a package whose names have homes elsewhere.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    homes : mapping of str to str
        For each public name, the module that defines it: ``{"Mixture": "gmm_em.mixture"}``.

    Returns
    -------
    get : callable
        To be called ``__getattr__``: imports the home of a name and returns what it stands for.
        It raises AttributeError for a name that has no home.
    names : callable
        To be called ``__dir__``: lists the public names along with those that are loaded.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(import_module(homes[name]), name)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, names
