"""Folders on disk, written whole or not at all. Imports: core.

The room knows the names of files, not what is in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmm_em.core.doors import lazy_door

if TYPE_CHECKING:
    from experiments.storage.runs import check_target, new_run

__all__ = [
    "check_target",
    "new_run",
]

_HOMES = {
    "check_target": "experiments.storage.runs",
    "new_run": "experiments.storage.runs",
}
__getattr__, __dir__ = lazy_door(__name__, _HOMES)
