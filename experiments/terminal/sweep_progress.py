"""A sweep's progress on a terminal; nothing is written where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from experiments.storage.layout import MANIFEST
from experiments.sweeps.progress import Progress


class TimeLeft(ProgressColumn):
    """The time left, at the pace of the cells that this call ran.

    Cells that were done before are left out: they took no time now.
    """

    def render(self, task: Task) -> Text:
        """Return hours, minutes and seconds, or dashes before the first cell is done."""
        ran = task.completed - task.fields["before"]
        # The line is drawn once before the sweep has said how many cells it has.
        if task.total is None or task.elapsed is None or ran <= 0:
            return Text("-:--:-- left", style="progress.remaining")
        minutes, seconds = divmod(round(task.elapsed / ran * (task.total - task.completed)), 60)
        hours, minutes = divmod(minutes, 60)
        return Text(f"{hours}:{minutes:02d}:{seconds:02d} left", style="progress.remaining")


class Display:
    """What `run_sweep` calls: it keeps the last state, and shows it in a line on a terminal."""

    def __init__(self, bars: Bars | None) -> None:
        self._bars = bars
        self._task = None if bars is None else bars.add_task("", total=None, before=0, counts="")
        self._last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Show how far the sweep is."""
        self._last = progress
        if self._bars is None or self._task is None:
            return
        done = f"{progress.done} of {progress.total} done"
        failed = f"[red]{progress.failed} failed[/]" if progress.failed else "0 failed"
        self._bars.update(
            self._task,
            total=progress.total,
            completed=progress.done + progress.failed,
            before=progress.before,
            counts=f"{done}, {failed}, {progress.running} running",
        )

    def stop(self) -> None:
        """Take the line off the terminal."""
        if self._bars is not None:
            self._bars.stop()

    def state(self, directory: Path) -> str:
        """Say what is kept of the sweep in a directory, in a sentence."""
        if self._last is None and (directory / MANIFEST).is_file():
            return f"the cells in {directory} are kept, and the same command goes on"
        if self._last is None:
            return "no cell was begun"
        kept = self._last.done + self._last.failed
        return f"{kept} of {self._last.total} cells are kept, and the same command goes on"


@contextmanager
def sweep_bar(console: Console) -> Iterator[Display]:
    """Show one line while the block runs: done, failed, running, time left."""
    if not console.is_terminal:
        yield Display(None)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[counts]}"),
        BarColumn(bar_width=16),
        TimeLeft(),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        yield Display(bars)
