"""What every command owes whoever gives it nonsense: one answer, and nothing half done."""

import os
import sys
from pathlib import Path

from experiments import read_run
from experiments.cli import main


def answer(monkeypatch, capsys, words):
    """Run a command in this process; return its status and what it said."""
    monkeypatch.setattr(sys, "argv", ["gmm-compare", *words])
    try:
        main()
        status = None
    except SystemExit as end:
        status = end.code
    said = capsys.readouterr()
    return status, said.out, said.err


def complaints(status, out: str, err: str, folder: Path) -> list[str]:
    """Say what is wrong with an answer; nothing where all is well."""
    found = []
    if status not in (0, 1, 2):
        found.append(f"status {status!r}")
    if status == 2 and not err:
        found.append("refused without a word")
    if len(err.splitlines()) > 1:
        found.append(f"{len(err.splitlines())} lines on standard error")
    if "Traceback" in out + err or "not foreseen" in err:
        found.append("an error that was not foreseen")
    if any(not (letter.isprintable() or letter == "\n") for letter in out + err):
        found.append("a character that a terminal obeys")
    found += half_done(folder / "out")
    hidden = [name for name in os.listdir(folder) if name.startswith(".")]
    return found + [f"left {name}" for name in hidden]


def half_done(folder: Path) -> list[str]:
    """Say whether a folder looks like a finished run and is none."""
    if (
        not folder.is_dir()
        or (folder / "sweep.json").is_file()
        or (folder / "simulations").is_dir()
        or (folder / "programs").is_dir()
    ):
        return []
    names = {path.name for path in folder.iterdir()}
    if not names & {"comparison.json", "components.json"}:
        return [f"an unfinished folder with {sorted(names)}"]
    read_run(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    return ["a page that is not drawn"] if "could not be drawn (" in page else []
