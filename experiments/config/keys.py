"""The keys that a config may hold, with their descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter


def known_keys(model: type[BaseModel]) -> list[str]:
    """Return every key of a model, dotted where it is in a table."""
    return list(descriptions_of(model))


def descriptions_of(model: type[BaseModel]) -> dict[str, str]:
    """Return what every key of a model is, by its dotted name."""
    schema = TypeAdapter(model).json_schema()
    keys = _walk(schema, schema.get("$defs", {}), "")
    found: dict[str, str] = {}
    for name, node in keys:
        found.setdefault(name, str(node.get("description", "")).replace("\n", " "))
    return found


def allowed_values(model: type[BaseModel]) -> dict[str, list[str]]:
    """Return the values of each key that allows a few only, as TOML writes them, by its name.

    A key that stands in several kinds of a table allows the values of all of them.
    """
    schema = TypeAdapter(model).json_schema()
    found: dict[str, list[str]] = {}
    for name, node in _walk(schema, schema.get("$defs", {}), ""):
        known = found.setdefault(name, [])
        known += [value for value in _values(node) if value not in known]
    return {name: values for name, values in found.items() if values}


def _values(node: Mapping[str, Any]) -> Iterable[str]:
    for branch in (node, *node.get("anyOf", ())):
        if "const" in branch:
            yield str(branch["const"])
        yield from map(str, branch.get("enum", ()))
        if branch.get("type") == "boolean":
            yield from ("true", "false")


def _walk(
    node: Mapping[str, Any], definitions: Mapping[str, Any], prefix: str
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for branch in (node, *node.get("oneOf", ()), *node.get("anyOf", ()), *node.get("allOf", ())):
        target = branch
        if "$ref" in branch:
            target = definitions[branch["$ref"].rpartition("/")[2]]
        for name, child in target.get("properties", {}).items():
            yield prefix + name, child
            yield from _walk(child, definitions, f"{prefix}{name}.")
        if target is not branch and "oneOf" in target:
            yield from _walk(target, definitions, prefix)
