"""From pydantic's errors to one line: which key, what was found, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from experiments.config.keys import known_keys


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """Say in one line which key is wrong, what was found and what is allowed."""
    details = error.errors(include_url=False)
    first = next((d for d in details if d["type"] == "extra_forbidden"), details[0])
    keys = {_key(detail["loc"]) for detail in details}
    more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
    key = _key(first["loc"])
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


def _key(location: Sequence[str | int]) -> str:
    # In a union pydantic adds the branch that it tried to the location: not a key of the config.
    data = ("synthetic", "builtin", "file", "written", "generated")
    conclusions = ("trend", "reached-best", "winner", "detected")
    labels = (
        *data,
        *conclusions,
        "lkj",
        "niw",
        "values",
        "range",
        "float",
        "constrained-float",
        "constrained-int",
    )
    parts = [str(part) for part in location if part not in labels and "[" not in str(part)]
    return ".".join(parts) or "config"


def _nearest(key: str, known: Sequence[str]) -> str:
    if key in known:
        return f": it does not go with this kind of {key.rpartition('.')[0]}"
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    near = near or difflib.get_close_matches(key.rpartition(".")[2], known, n=1, cutoff=0.6)
    if near:
        return f", did you mean '{near[0]}'?"
    return f"; known keys: {', '.join(k for k in known if '.' not in k)}"


def _allowed(detail: Mapping[str, Any]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    plain = {
        "int_type": "a whole number",
        "float_type": "a number",
        "string_type": "a string",
        "list_type": "a list",
        "model_type": "a table",
        "model_attributes_type": "a table",
        "dict_type": "a table",
        "finite_number": "a finite number",
    }
    if kind in plain:
        return plain[kind]
    if kind.startswith("union_tag"):
        return f"one of {context.get('expected_tags', 'the known kinds')}"
    if kind == "string_pattern_mismatch":
        return "letters, digits, '.', '_' and '-', beginning with a letter or digit"
    if kind == "greater_than_equal":
        return f"a number of at least {context['ge']:g}"
    if kind == "greater_than":
        return f"a number greater than {context['gt']:g}"
    if kind == "too_short":
        return f"a list of at least {context['min_length']}"
    return str(detail["msg"]).removeprefix("Input should be ")


def _short(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
