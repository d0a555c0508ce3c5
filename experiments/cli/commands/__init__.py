"""The commands of `gmm-compare`: a module each, imported only when it is called.

A module `experiments.cli.commands.NAME` holds one `click` command called ``command``;
:data:`SUMMARIES` says its name and one line of help, so that ``gmm-compare --help`` imports none
of them.
"""

from __future__ import annotations

SUMMARIES = {
    "run": "Run experiments: fit, compare, print the answer and leave a report.",
    "sweep": "Run many experiments with something varied; resume what was cut off.",
    "results": "Show the results table of a sweep.",
    "fit": "Fit your own table: a CSV or Parquet file, or a .npy array.",
    "report": "Write the report of a run directory again, from its comparison.json.",
    "configs": "List the configs that ship, and the question that each asks.",
    "schema": "Print the JSON Schema of a config, for editors to complete from.",
    "completion": "Print what makes your shell complete commands, configs and keys.",
    "sbc": "Check that a sampler draws the posterior: simulation-based calibration.",
    "bench": "Measure speed, against other libraries and against the clock.",
}


def examples(*lines: str) -> str:
    """Return the end of a command's help: lines to try, kept as they are."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))
