"""Both streams into a pipe: its width, and no line that ends in spaces."""

import sys

import pytest
from rich.table import Table

from experiments.terminal.streams import NARROWEST, WIDTH, as_text, standard_error, standard_output


def table() -> Table:
    found = Table(box=None)
    found.add_column("a", width=30)
    found.add_column("b", width=30)
    found.add_row("one", "two")
    return found


@pytest.mark.parametrize(
    ("columns", "width"),
    [(None, WIDTH), ("120", 120), ("7", NARROWEST), ("many", WIDTH), ("", WIDTH)],
)
def test_a_pipe_is_as_wide_as_the_variable_says(monkeypatch, columns, width):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert standard_output().width == width


@pytest.mark.parametrize("stream", [standard_output, standard_error])
def test_no_line_ends_in_spaces(capsys, stream):
    stream().print(table())
    out = "".join(capsys.readouterr())
    assert "one" in out
    assert out.endswith("\n")
    assert [line for line in out.splitlines() if line != line.rstrip()] == []
    assert as_text(table()) == out.strip("\n")


def test_it_names_the_encoding_of_standard_output():
    assert standard_output().encoding == sys.stdout.encoding.lower()
