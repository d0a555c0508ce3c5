"""Names of features and parameters as figures write them: short, and each different."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.report.page.theme import LONGEST_NAME, plain
from experiments.values.comparison import ComparisonValues
from experiments.values.parameter_rows import short_names
from experiments.values.parameters import full_label

# Letters of a feature's name where two of them stand in one label, and where panels are small.
IN_A_PAIR = 8
IN_A_PANEL = 14
IN_A_SMALL_PANEL = 8


def feature_labels(names: Sequence[str], width: int = LONGEST_NAME) -> list[str]:
    """Return names in at most so many letters; those of two features are never the same.

    Figures show them letter by letter; `feature_words` are the same outside of figures.
    """
    return [plain(name, width) for name in feature_words(names, width)]


def feature_words(names: Sequence[str], width: int = LONGEST_NAME) -> list[str]:
    """Return the names that `feature_labels` write, as text that is not in a figure."""
    return list(short_names(names, width))


def parameter_labels(comparison: ComparisonValues, parameters: Sequence[str]) -> list[str]:
    """Write machine names of parameters for figures; no two labels are the same.

    Parameters
    ----------
    comparison : ComparisonValues
    parameters : sequence of str
        Such as ``"covariance[1, 2, 3]"``.
    """
    return [plain(label, len(label)) for label in parameter_words(comparison, parameters)]


def parameter_words(comparison: ComparisonValues, parameters: Sequence[str]) -> list[str]:
    """Return the names that `parameter_labels` write, as text that is not in a figure."""
    names, layout = comparison.dataset.feature_names, comparison.layout
    every = [full_label(layout, name, names) for name in parameters]
    if max(map(len, every), default=0) > LONGEST_NAME:
        short = short_names(names, IN_A_PAIR)
        every = [full_label(layout, name, short) for name in parameters]
    return every
