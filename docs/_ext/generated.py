"""Directives whose text comes from the code: command help, config keys, thresholds."""

from __future__ import annotations

import inspect
import json
import math
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import click
from docutils import nodes
from docutils.statemachine import StringList
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from experiments.analysis.thresholds import THRESHOLDS
from experiments.cli import cli


class CommandHelp(SphinxDirective):
    """``{command-help} NAME``: what ``gmm-compare NAME --help`` prints."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the help in a literal block."""
        command: click.Command | None = cli
        title = "gmm-compare"
        context = click.Context(cli, info_name="gmm-compare", max_content_width=80)
        if self.arguments:
            command = cli.get_command(context, self.arguments[0])
            if command is None:
                raise self.error(f"gmm-compare has no command {self.arguments[0]!r}")
            title = f"gmm-compare {self.arguments[0]}"
            context = click.Context(command, info_name=self.arguments[0], parent=context)
        text = f"$ {title} --help\n{command.get_help(context)}"
        block = nodes.literal_block(text, text)
        block["language"] = "console"
        return [block]


class ConfigKeys(SphinxDirective):
    """``{config-keys} module:Model``: a table of a config section's keys."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table, and the sections below it."""
        module, _, name = self.arguments[0].partition(":")
        model = getattr(__import__(module, fromlist=[name]), name)
        lines = list(_config_page(model))
        node = nodes.section()
        node.document = self.state.document
        self.state.nested_parse(StringList(lines, self.arguments[0]), 0, node, match_titles=True)
        return list(node.children)


def _config_page(root: type[BaseModel]) -> Iterator[str]:
    for path, model in _sections(root, ""):
        heading = f"`[{path}]`" if path else "Top level"
        if kind := _kind(model):
            heading += f" with `{kind}`"
        yield from (f"## {heading}", "")
        yield from (" ".join(inspect.getdoc(model).split("\n\n")[0].split()), "")
        rows = [_row(key, field) for key, field in model.model_fields.items()]
        yield from (
            ":::{list-table}",
            ":header-rows: 1",
            ":widths: 20 22 18 40",
            ":class: config-keys",
            "",
        )
        for row in [("key", "allowed", "default", "meaning"), *rows]:
            for i, cell in enumerate(row):
                yield f"{'* -' if i == 0 else '  -'} {cell}"
        yield from (":::", "")


def _sections(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield a section and those below it, by the TOML table that holds them."""
    yield path, model
    for key, field in model.model_fields.items():
        for child in _models(field.annotation):
            yield from _sections(child, f"{path}.{key}" if path else key)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found = [model for part in get_args(annotation) for model in _models(part)]
    return list(dict.fromkeys(found))


def _kind(model: type[BaseModel]) -> str:
    """Say what tells a section from its siblings: ``source = "file"``."""
    for key in ("source", "kind"):
        field = model.model_fields.get(key)
        if field is not None and get_origin(field.annotation) is Literal:
            return f"{key} = {json.dumps(get_args(field.annotation)[0])}"
    return ""


def _row(key: str, field: FieldInfo) -> tuple[str, str, str, str]:
    meaning = " ".join((field.description or "").split())
    return f"`{key}`", _allowed(field), _default(field), meaning


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined or value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "its own defaults"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _allowed(field: FieldInfo) -> str:
    bounds = _bounds(field.metadata)
    text = _type_name(field.annotation)
    return f"{text}{', ' if bounds else ''}{bounds}"


def _bounds(metadata: Any) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "length ≥"}
    parts = [
        f"{sign} {getattr(item, name)}"
        for item in metadata
        for name, sign in signs.items()
        if getattr(item, name, None) is not None
    ]
    for item in metadata:
        if isinstance(item, FieldInfo):
            parts += [part for part in [_bounds(item.metadata)] if part]
    return ", ".join(parts)


_NAMES = {int: "integer", float: "number", str: "text", bool: "true or false"}


def _type_name(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{json.dumps(value)}`" for value in arguments)
    if origin in (Union, types.UnionType):
        parts = [_type_name(part) for part in arguments if part is not type(None)]
        return " or ".join(dict.fromkeys(parts))
    if hasattr(annotation, "__metadata__"):
        bounds = _bounds(annotation.__metadata__)
        comma = "," if get_origin(arguments[0]) is list else ""
        return f"{_type_name(arguments[0])}{f'{comma} {bounds}' if bounds else ''}"
    if origin is list:
        return f"list of {_plural(_type_name(arguments[0]))}"
    if origin is dict:
        return "table"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    return _NAMES.get(annotation, str(annotation))


def _plural(name: str) -> str:
    noun, space, rest = name.partition(" ")
    plain = {"text": "text", "table": "tables", "list": "lists"}
    return plain.get(noun, f"{noun}s") + space + rest


class Thresholds(SphinxDirective):
    """``{verdict-thresholds}``: where each finding becomes a warning or a failure."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        lines = ["| finding | warning | failure |", "|---|---|---|"]
        for identity, threshold in THRESHOLDS.items():
            sign = "above" if threshold.fail >= threshold.warn else "below"
            cells = [
                "never" if math.isinf(value) else f"{sign} {value:g}"
                for value in (threshold.warn, threshold.fail)
            ]
            lines.append(f"| `{identity}` | {cells[0]} | {cells[1]} |")
        node = nodes.Element()
        self.state.nested_parse(StringList(lines, "experiments.analysis.thresholds"), 0, node)
        return list(node.children)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("command-help", CommandHelp)
    app.add_directive("config-keys", ConfigKeys)
    app.add_directive("verdict-thresholds", Thresholds)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
