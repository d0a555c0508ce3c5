"""The command line `gmm-compare`. Imports: the doors of the rooms below.

The doors load nothing before a command runs. A command's module can therefore import them at its
top, and ``gmm-compare NAME --help`` still answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.cli.program import cli, main

__all__ = [
    "cli",
    "main",
]

_HOMES = {
    "cli": "experiments.cli.program",
    "main": "experiments.cli.program",
}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
