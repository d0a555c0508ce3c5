"""The same posteriors by every program that is installed. Imports: api and the rooms below it.

A config with a table `[programs]` says which posteriors, `cases` reads it, `contestants` says who
takes part, `measure` is a process of its own for each program and data set, `stored` keeps what it
found, and `table` and `page` show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.programs.run import Ran, foresee_programs, run_programs

__all__ = ["Ran", "foresee_programs", "run_programs"]

_HOMES = {
    "Ran": "experiments.programs.run",
    "foresee_programs": "experiments.programs.run",
    "run_programs": "experiments.programs.run",
}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
