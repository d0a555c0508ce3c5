"""Answers and progress as text. Imports: sweeps, config, values, storage, core.

Every answer fits into 80 columns, which is how wide it is where standard output is no terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.terminal.answers import print_answer
    from experiments.terminal.comparison import render_comparison
    from experiments.terminal.configs import print_configs
    from experiments.terminal.foreseen import announce, print_foreseen
    from experiments.terminal.progress import progress_bars
    from experiments.terminal.selection import render_choice
    from experiments.terminal.streams import say, standard_error, standard_output
    from experiments.terminal.sweep_progress import sweep_bar
    from experiments.terminal.sweep_results import print_columns, print_results

__all__ = [
    "announce",
    "print_answer",
    "print_columns",
    "print_configs",
    "print_foreseen",
    "print_results",
    "progress_bars",
    "render_choice",
    "render_comparison",
    "say",
    "standard_error",
    "standard_output",
    "sweep_bar",
]

_HOMES = {
    "announce": "experiments.terminal.foreseen",
    "print_answer": "experiments.terminal.answers",
    "print_columns": "experiments.terminal.sweep_results",
    "print_configs": "experiments.terminal.configs",
    "print_foreseen": "experiments.terminal.foreseen",
    "print_results": "experiments.terminal.sweep_results",
    "progress_bars": "experiments.terminal.progress",
    "render_choice": "experiments.terminal.selection",
    "render_comparison": "experiments.terminal.comparison",
    "say": "experiments.terminal.streams",
    "standard_error": "experiments.terminal.streams",
    "standard_output": "experiments.terminal.streams",
    "sweep_bar": "experiments.terminal.sweep_progress",
}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
