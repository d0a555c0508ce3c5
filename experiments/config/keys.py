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
