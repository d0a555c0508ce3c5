"""The programs that draw the posterior here: our samplers, and every engine that states the model.

An engine of another program takes part where its library is installed and it has a method
`log_density`, by which its model can be checked.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from experiments.engines.registry import OWN, available_engines, load_engine, what_is_missing


class Statement(Protocol):
    """Where a model is stated."""

    def lines(self) -> int:
        """Count the lines that hold code."""


@dataclass(frozen=True)
class InPython:
    """The functions and classes of a module that state the model; none stands for all of it."""

    module: str
    names: tuple[str, ...] = ()

    def lines(self) -> int:
        """Count the lines that hold code."""
        return lines_of_code(self.module, self.names)


@dataclass(frozen=True)
class InStan:
    """A Stan program, and what it includes."""

    files: tuple[str, ...]

    def lines(self) -> int:
        """Count the lines that hold more than a comment."""
        folder = resources.files("experiments.engines.programs") / "stan_models"
        texts = [(folder / name).read_text(encoding="utf-8") for name in self.files]
        lines = [line.strip() for text in texts for line in text.splitlines()]
        return sum(bool(line) and not line.startswith("//") for line in lines)


BY_HAND: tuple[Statement, ...] = (InPython("gmm_bayes.density.closed_form"),)
CONDITIONALS: tuple[Statement, ...] = (
    InPython("gmm_bayes.samplers.gibbs.sweep"),
    InPython("gmm_bayes.samplers.gibbs.allocation"),
)
# Where other programs state the model under the default prior.
STATEMENTS: Mapping[str, tuple[Statement, ...]] = {
    "numpyro": (
        InPython(
            "experiments.engines.programs.numpyro_models",
            ("inverse_wishart", "_weights", "_independent_means", "_rows"),
        ),
    ),
    "blackjax": (
        InPython(
            "experiments.engines.programs.blackjax_models",
            (
                *("Covariances", "log_likelihood", "log_dirichlet", "log_independent_means"),
                *("log_inverse_wishart", "inverse_wishart", "Position", "constrain"),
                "log_posterior",
            ),
        ),
    ),
    "stan": (InStan(("inverse-wishart.stan", "mixture.stanfunctions")),),
}


@dataclass(frozen=True)
class Contestant:
    """A program, and how it is called.

    Attributes
    ----------
    name : str
        What its fit is called.
    title : str
        What tables and sentences call it; empty where its engine says it.
    engine : str
    settings : mapping
        Of the engine, beside the numbers of draws and chains.
    statements : tuple of Statement
        Where its model is stated.
    """

    name: str
    title: str
    engine: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    statements: tuple[Statement, ...] = ()

    @property
    def lines(self) -> int | None:
        """Lines of code that state the model; None where nobody says where they are."""
        if not self.statements:
            return None
        return sum(statement.lines() for statement in self.statements)


OURS = (
    Contestant("nuts", "NUTS", "bayes", {"sampler": "nuts"}, BY_HAND),
    Contestant("gibbs", "Gibbs", "bayes", {"sampler": "gibbs"}, CONDITIONALS),
    Contestant("smc", "SMC", "bayes", {"sampler": "smc"}, BY_HAND),
)


def contestants() -> dict[str, Contestant]:
    """Return all that can take part here, by name, ours first."""
    others = [Contestant(name, "", name, {}, STATEMENTS.get(name, ())) for name in _others()]
    return {one.name: one for one in (*OURS, *others)}


def _others() -> Iterator[str]:
    """Yield the names of other programs' engines that are installed and can be checked."""
    for name in available_engines():
        if name in OWN or what_is_missing(name):
            continue
        # Engines of this package that state the model are known without importing their library.
        if name in STATEMENTS or hasattr(load_engine(name), "log_density"):
            yield name


def lines_of_code(module: str, names: tuple[str, ...] = ()) -> int:
    """Count the lines of a module, or of some of its functions, that hold code.

    Comments, docstrings and empty lines do not count. The module is not imported.
    """
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).read_text(encoding="utf-8")
    tree = ast.parse(text)
    holding = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.string.strip() and token.type != tokenize.COMMENT
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            holding -= _span(node)
    if names:
        holding &= set().union(*(_span(node) for node in tree.body if _name(node) in names))
    return len(holding)


def _name(node: ast.stmt) -> str:
    return str(getattr(node, "name", ""))


def _span(node: ast.stmt) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
