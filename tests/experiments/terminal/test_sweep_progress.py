"""How far a sweep is: a line on a terminal, a sentence afterwards, nothing in a pipe."""

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from experiments.sweeps.progress import Progress
from experiments.terminal.sweep_progress import TimeLeft, sweep_bar


def console(terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=80, color_system=None)


def test_a_terminal_shows_a_line_that_follows():
    out = console(True)
    with sweep_bar(out) as show:
        show._bars.refresh()
        assert "-:--:-- left" in out.file.getvalue(), "nothing is known yet"
        show(Progress(total=10, done=2, failed=0, before=2, running=2))
        show._bars.refresh()
        assert "2 of 10 done, 0 failed, 2 running" in out.file.getvalue()
        show(Progress(total=10, done=5, failed=1, before=2, running=3))
        show._bars.refresh()
        assert "5 of 10 done, 1 failed, 3 running" in out.file.getvalue()
        (task,) = show._bars.tasks
        assert (task.completed, task.total, task.fields["before"]) == (6, 10, 2)
        show.stop()
        assert not show._bars.live.is_started
    assert show.state(Path("nowhere")) == "6 of 10 cells are kept, and the same command goes on"


def test_a_pipe_shows_nothing_and_the_state_is_known():
    out = console(False)
    with sweep_bar(out) as show:
        assert show.state(Path("nowhere")) == "no cell was begun"
        show(Progress(total=4, done=1, failed=2))
        show.stop()
    assert out.file.getvalue() == ""
    assert show.state(Path("nowhere")) == "3 of 4 cells are kept, and the same command goes on"


@pytest.mark.parametrize(
    ("completed", "before", "elapsed", "text"),
    [
        (4, 2, 10.0, "0:00:30 left"),
        (3, 0, 7200.0, "4:40:00 left"),
        (4, 3, 11.0, "0:01:06 left"),
        (2, 2, 10.0, "-:--:-- left"),
        (4, 2, None, "-:--:-- left"),
        (10, 2, 10.0, "0:00:00 left"),
    ],
)
def test_time_left_is_at_the_pace_of_this_call(completed, before, elapsed, text):
    task = SimpleNamespace(
        completed=completed, total=10, elapsed=elapsed, fields={"before": before}
    )
    assert TimeLeft().render(task).plain == text
