"""Planted situations, and what the verdict says of them. Imports: api and the rooms below it.

``gmm-compare bench verdict`` calls `main`. `situations` gathers them from `healthy`, `caught` (a
search or chains that are caught), `reported` (what a sampler reports), `rows` and `programs`
(several posteriors); `fits` makes the fits that are handed to the comparison.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.benchmarks.verdict.run import main

__all__ = ["main"]

_HOMES = {"main": "experiments.benchmarks.verdict.run"}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
