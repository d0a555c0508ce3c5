"""The report of a comparison: one HTML page, which loads no other file."""

from __future__ import annotations

from pathlib import Path

from experiments.core.words import components
from experiments.report.comparison.sections import sections_of
from experiments.report.page.document import render, write
from experiments.report.provenance import Provenance
from experiments.values.comparison import ComparisonValues


def write_comparison_report(
    comparison: ComparisonValues, path: Path, made: Provenance | None = None
) -> Path:
    """Write the page; the file appears whole or not at all.

    Parameters
    ----------
    comparison : ComparisonValues
    path : Path
    made : Provenance, optional
        How the comparison was made, beyond what it says itself.

    Returns
    -------
    Path
        `path`, as given.
    """
    return write(render_page(comparison, made), path)


def render_page(comparison: ComparisonValues, made: Provenance | None = None) -> str:
    """Return the page's HTML; names from data and config appear as text, never as markup."""
    data = comparison.dataset
    parts = [
        f"{data.n_samples} rows × {data.n_features} feature{'' if data.n_features == 1 else 's'} "
        f"of {data.name}",
        f"{data.n_test} rows held out" if data.n_test else "",
        components(comparison.n_components),
    ]
    lead = ", ".join(part for part in parts if part)
    return render(comparison.experiment, lead, sections_of(comparison, made or Provenance()))
