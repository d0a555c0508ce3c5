"""From pydantic's errors to one line: which key, what was found, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from experiments.config.keys import known_keys

# What pydantic calls the branches of a union of plain types.
SCALARS = frozenset(
    {"bool", "int", "float", "str", "constrained-int", "constrained-float", "constrained-str"}
)


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """Say in one line which key is wrong, what was found and what is allowed."""
    details = error.errors(include_url=False)
    first = next((d for d in details if d["type"] == "extra_forbidden"), details[0])
    keys = {_key(detail["loc"], model) for detail in details}
    more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
    key = _key(first["loc"], model)
    if first["type"] == "extra_forbidden":
        return f"unknown key '{key}'{_nearest(key, known_keys(model))}{more}"
    if first["type"] == "missing":
        return f"key '{key}' is missing{more}"
    if first["type"] == "value_error":
        return f"{first['msg'].removeprefix('Value error, ')}{more}"
    if first["type"].startswith("union_tag"):
        tag = first["ctx"]["discriminator"].strip("'")
        key, given = f"{key}.{tag}", first["input"]
        first = first | {"input": given.get(tag) if isinstance(given, dict) else given}
    return f"{key} = {_short(first['input'])}: allowed is {_allowed(first)}{more}"


def _key(location: Sequence[str | int], model: type[BaseModel]) -> str:
    """Return the dotted key of a location.

    In a union pydantic adds the branch that it tried to the location, which is no key of the
    config.
    """
    labels = SCALARS | branch_tags(model)
    parts = [str(part) for part in location if part not in labels and "[" not in str(part)]
    return ".".join(parts) or "config"


@cache
def branch_tags(model: type[BaseModel]) -> frozenset[str]:
    """Return the tags that tell the branches of a model's unions apart, at any depth."""
    return frozenset(_tags(model.__pydantic_core_schema__))


def _tags(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if schema.get("type") == "tagged-union":
            yield from map(str, schema["choices"])
        for part in schema.values():
            yield from _tags(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            yield from _tags(part)


def _nearest(key: str, known: Sequence[str]) -> str:
    if key in known:
        return f": it does not go with this kind of {key.rpartition('.')[0]}"
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    near = near or difflib.get_close_matches(key.rpartition(".")[2], known, n=1, cutoff=0.6)
    if near:
        return f", did you mean '{near[0]}'?"
    return f"; known keys: {', '.join(k for k in known if '.' not in k)}"


# What is allowed, by the kind of pydantic's error; what is in braces is its context.
ALLOWED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a string",
    "list_type": "a list",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dict_type": "a table",
    "finite_number": "a finite number",
    "union_tag_invalid": "one of {expected_tags}",
    "union_tag_not_found": "one of the known kinds",
    "string_pattern_mismatch": (
        "letters, digits, '.', '_' and '-', beginning with a letter or digit"
    ),
    "greater_than_equal": "a number of at least {ge:g}",
    "greater_than": "a number greater than {gt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "less_than": "a number less than {lt:g}",
    "too_short": "a list of at least {min_length}",
}


def _allowed(detail: Mapping[str, Any]) -> str:
    text = ALLOWED.get(detail["type"])
    if text is None:
        return str(detail["msg"]).removeprefix("Input should be ")
    return text.format(**detail.get("ctx", {}))


def _short(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
