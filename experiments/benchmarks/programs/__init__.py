"""The same posteriors by every program that is installed. Imports: api and the rooms below it.

``gmm-compare bench programs`` calls `main` of `run`. `contestants` says who takes part, `measure`
is a process of its own for each program and data set, `stored` keeps what it found, and `table` and
`page` show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.benchmarks.programs.run import main

__all__ = ["main"]

_HOMES = {"main": "experiments.benchmarks.programs.run"}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
