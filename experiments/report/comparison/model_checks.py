"""The section that sets the model against the data: by feature, and row by row."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.report.comparison.labels import feature_words
from experiments.report.comparison.left_out import left_out_figure, left_out_text
from experiments.report.comparison.replicates import replicates_figure
from experiments.report.page.blocks import Block, Heading, Note, Picture, Slide, Slides
from experiments.values.comparison import ComparisonValues
from experiments.values.illustration import FeatureCheck


def model_check_blocks(comparison: ComparisonValues) -> Iterator[Block]:
    """Yield the blocks of the section from top to bottom."""
    shown = comparison.illustration
    if comparison.posterior is None:
        yield Note("No posterior was fitted.")
    elif not shown.feature_checks and shown.left_out is None:
        yield Note("Of this comparison only the numbers were kept.")
    if shown.feature_checks:
        yield Heading("Would the posterior make such data?")
        yield from _replicates(comparison)
    if shown.left_out is not None:
        yield Heading("Does a single row decide the posterior?")
        yield Picture(
            "left-out",
            left_out_figure(comparison),
            "Pareto k of each row, with the limits 0.7 and 1.",
            left_out_text(comparison),
        )


def _replicates(comparison: ComparisonValues) -> Iterator[Block]:
    checks, data = comparison.illustration.feature_checks, comparison.dataset
    first = checks[0]
    some = ""
    if first.n_rows < data.n_samples:
        some = f" Of the {data.n_samples} rows {first.n_rows} that are evenly spaced are looked at."
    if len(checks) < data.n_features:
        some += (
            f" Of the {data.n_features} features those {len(checks)} can be chosen that differ "
            "most."
        )
    yield Note(
        f"{first.n_replicates} posterior draws each make a new data set with as many rows as the "
        "data. Each feature of the data is compared with the same feature of these replicated "
        "data sets. Features that differ most come first. The posterior was fitted to the data, "
        "so that they look alike more easily than new data would: a feature that leaves the band "
        "is strong evidence against the model, and one that stays within is weak evidence for "
        f"it.{some}"
    )
    labels = feature_words(data.feature_names)
    slides = [
        Slide(
            labels[check.feature],
            [
                Picture(
                    f"replicates-{place + 1}",
                    replicates_figure(comparison, data.feature_names[check.feature]),
                    f"Density and distribution of {data.feature_names[check.feature]} in the data "
                    "and in replicated data sets.",
                    _caption(check),
                )
            ],
        )
        for place, check in enumerate(checks)
    ]
    yield Slides("replicates", "Feature", slides, as_list=True)


def _caption(check: FeatureCheck) -> str:
    """Say what the two panels show, and how far the data are from the replicated data sets."""
    return (
        f"Grey is the feature in the data; the {len(check.replicated_densities)} thin lines are "
        "replicated data sets. Densities are kernel estimates, all with the same bandwidth. The "
        "other panel shows by how much the share of the rows up to each value is larger in the "
        "data than in the replicated data sets on average: where the line rises, the data have "
        "more rows than the model expects. The band is as wide as 95% of the replicated data sets "
        "need to stay within it everywhere. The data’s largest distance from zero is "
        f"{check.farthest:.3f}, the band’s edge {check.band:.3f}; {check.n_farther} of "
        f"{check.n_replicates} replicated data sets are at least as far away."
    )
