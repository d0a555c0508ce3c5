"""The names of the files in the folders of a run and of a sweep."""

from __future__ import annotations

# A run.
COMPARISON = "comparison.json"
COMPONENTS = "components.json"
# Of the rows one by one: text, or Parquet where there are many.
ASSIGNMENTS = "assignments.csv"
ASSIGNMENTS_OF_MANY = "assignments.parquet"
CONFIG = "config.toml"
ENVIRONMENT = "environment.json"
POSTERIOR = "posterior.nc"
REPORT = "report.html"

# A sweep, which has a config and a report as well.
MANIFEST = "sweep.json"
CELLS = "cells"
RESULTS = "results.parquet"
LOCK = ".lock"


def folder_of(n_components: int) -> str:
    """Return where a run over several numbers of components keeps the comparison of one."""
    return f"K{n_components}"
