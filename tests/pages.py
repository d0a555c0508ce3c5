"""Pages that are tested: their Python and console blocks are run in order, in an empty folder.

- A ``python`` block is executed; the pages of one file share their names. A ``text`` block right
  after it holds what it prints.
- In a ``console`` block a line after ``$`` is a command and the lines below it what it prints.
- A ``toml`` block that begins with ``# NAME.toml`` is written to that file.

What is printed is compared word by word. ``...`` stands for any words, and numbers may differ as
those of Monte Carlo do between processors: an estimate by half its error, errors by a third,
counts in the hundreds by a quarter. Small counts of rows and parameters near a border, which are
those of `NEAR_A_BORDER`, may differ by 3.

``python -m tests.pages PAGE...`` runs pages and writes what they print into them.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from experiments.cli import main

# Typed by readers, but not here: what they do is the business of CI, or of another machine.
NOT_RUN = ("make", "git", "cd", "export", "dask", "ssh", "sbatch", "srun")
SHELL = ("ls", "cat", "head", "wc")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

# Counts of what is near a border: a few rows or parameters cross it where draws are others.
NEAR_A_BORDER = re.compile(
    r"(?<=Clusters: )\d+(?= of)|(?<=the engines disagree on )\d+"
    r"|(?<=\(EM\) and )\d+, \d+ and \d+(?= \(posterior\))"
)
FEW = 3


@dataclass(frozen=True)
class Step:
    """Something to do, and what it should print: ``text[start:end]`` of the page."""

    kind: str
    source: str
    start: int = 0
    end: int = 0
    expected: str | None = None


def steps(text: str) -> Iterator[Step]:
    """Yield what a page does, in its order."""
    fences = list(FENCE.finditer(text))
    for fence, following in zip_longest(fences, fences[1:]):
        language, body, at = fence[1], fence[2], fence.start(2)
        if language == "console":
            yield from _commands(body, at)
        elif language == "toml" and (name := re.match(r"# (\S+\.toml)\n", body)):
            yield Step("file", f"{name[1]}\n{body}")
        elif language == "python":
            shown = following is not None and following[1] == "text"
            if shown and not text[fence.end() : following.start()].strip():
                yield Step("python", body, following.start(2), following.end(2), following[2])
            else:
                yield Step("python", body)


def _commands(body: str, at: int) -> Iterator[Step]:
    parts = re.split(r"^\$ ", body, flags=re.MULTILINE)
    position = at + len(parts[0])
    for part in parts[1:]:
        command, _, printed = part.partition("\n")
        start = position + 2 + len(command) + 1
        yield Step("command", command, start, start + len(printed), printed)
        position += 2 + len(part)


@dataclass
class Reader:
    """Somebody who follows a page in the current folder.

    Attributes
    ----------
    outputs : list of (Step, str)
        What each step printed.
    """

    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "page"})
    outputs: list[tuple[Step, str]] = field(default_factory=list)

    def follow(self, text: str) -> None:
        """Do everything that a page says."""
        for step in steps(text):
            self.outputs.append((step, self._do(step)))

    def _do(self, step: Step) -> str:
        if step.kind == "file":
            name, _, body = step.source.partition("\n")
            Path(name).write_text(body, encoding="utf-8")
            return ""
        if step.kind == "python":
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(step.source, "<page>", "exec"), self.names)
            return printed.getvalue()
        return self._run(step.source)

    def _run(self, command: str) -> str:
        words = shlex.split(command, comments=True)
        if words[0] in NOT_RUN:
            return ""
        if words[0] in SHELL:
            return subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert Path(words[0]).name == "gmm-compare", f"not a command that pages may show: {command}"
        words, target = (words[:-2], words[-1]) if words[-2:-1] == [">"] else (words, None)
        status, printed = _gmm_compare(words)
        assert status == 0, f"exit status {status} from: {command}\n{printed}"
        if target is not None:
            Path(target).write_text(printed, encoding="utf-8")
            return ""
        return printed


def _gmm_compare(words: list[str]) -> tuple[Any, str]:
    before, sys.argv = sys.argv, words
    try:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            main()
    except SystemExit as error:
        return error.code, printed.getvalue()
    finally:
        sys.argv = before
    raise AssertionError("gmm-compare did not exit")


def differences(reader: Reader) -> list[str]:
    """Say where what was printed is not what the page shows."""
    return [
        f"{step.source}\nshows:\n{step.expected}\nbut prints:\n{printed}"
        for step, printed in reader.outputs
        if step.expected is not None
        and step.expected.strip()
        and step.source.split()[0] not in NOT_RUN
        and not same(step.expected, printed)
    ]


def same(expected: str, printed: str) -> bool:
    """Compare word by word, up to ``...`` and to the noise of numbers."""
    parts = [part.split() for part in re.split(r"(?<!\S)\.\.\.(?!\S)", _marked(expected))]
    words, at = _marked(printed).split(), 0
    for i, part in enumerate(parts):
        latest = at if i == 0 else len(words) - len(part)
        if i == len(parts) - 1 and i > 0:
            at = latest
        while at <= latest and not _alike(part, words[at : at + len(part)]):
            at += 1
        if at > latest:
            return False
        at += len(part)
    return len(parts) > 1 or at == len(words)


def _marked(text: str) -> str:
    """Write the text in one line, with a ``~`` before each count of what is near a border."""
    line = " ".join(text.split()).replace("rows is uncertain", "rows are uncertain")
    line = line.replace("the engines agree on all.", "the engines disagree on 0.")
    return NEAR_A_BORDER.sub(lambda found: re.sub(r"\d+", r"~\g<0>", found[0]), line)


def _alike(part: list[str], words: list[str]) -> bool:
    return len(part) == len(words) and all(
        _alike_words(first, second, _leeway(part, i))
        for i, (first, second) in enumerate(zip(part, words, strict=True))
    )


def _alike_words(first: str, second: str, leeway: float) -> bool:
    if first == second:
        return True
    if first.startswith("~") and second.startswith("~"):
        return abs(_count(first) - _count(second)) <= max(FEW, 0.25 * _count(first))
    a, b = _number(first), _number(second)
    if a is None or b is None or first.lstrip("-0123456789.") != second.lstrip("-0123456789."):
        return False
    return abs(a - b) <= leeway


def _count(word: str) -> int:
    """Return the whole number in a word that was marked."""
    return int(re.sub(r"\D", "", word))


def _leeway(part: list[str], i: int) -> float:
    """Return how far the number at a place may move."""
    number = _number(part[i])
    if number is None:
        return 0.0
    error = _number(part[i + 2]) if part[i + 1 : i + 2] == ["±"] else None
    if error is not None:
        return 0.5 * error
    if i > 0 and part[i - 1] == "±":
        return 0.3 * number
    if "." in part[i]:
        return 0.5 + 0.02 * abs(number)
    return 0.25 * abs(number) if abs(number) >= 100 else 0.0


def _number(word: str) -> float | None:
    """Return the number that a word begins with, if nothing but punctuation follows."""
    found = re.fullmatch(r"(-?\d+(?:\.\d+)?)[^\w.]*\.?", word)
    return None if found is None else float(found[1])


def rewrite(page: Path) -> None:
    """Run a page and put what it prints where it shows something else."""
    text = page.read_text(encoding="utf-8")
    reader = Reader()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        reader.follow(text)
    for step, printed in reversed(reader.outputs):
        wanted = step.expected is not None and (step.expected.strip() or step.kind == "python")
        if wanted and step.source.split()[0] not in NOT_RUN and not same(step.expected, printed):
            lines = "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").splitlines())
            text = text[: step.start] + lines + text[step.end :]
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    os.environ["COLUMNS"] = "80"
    for name in sys.argv[1:]:
        rewrite(Path(name).resolve())
