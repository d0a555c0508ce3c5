"""The names of the files in a run's and a sweep's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


COMPARISON, CONFIG, ENVIRONMENT = "comparison.json", "config.toml", "environment.json"


COMPONENTS = "components.json"


POSTERIOR, REPORT = "posterior.nc", "report.html"


def folder_of(n_components: int) -> str:
    """Return where a run over several numbers of components keeps the comparison of one."""
    return f"K{n_components}"


MANIFEST, CELLS, RESULTS, LOCK = "sweep.json", "cells", "results.parquet", ".lock"
