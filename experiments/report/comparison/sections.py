"""The sections of a comparison's report, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.core.words import listed
from experiments.report import provenance
from experiments.report.by_size import size_blocks
from experiments.report.comparison import (
    chains,
    clusters,
    coordinates,
    data_and_mixtures,
    disagreement,
    energy,
    likelihoods,
    model_checks,
    programs,
    shared_form,
    spreads,
)
from experiments.report.comparison import em_steps as steps
from experiments.report.comparison import parameters as forest
from experiments.report.comparison import posterior_health as health
from experiments.report.comparison.curves import BAND, ELLIPSE_PROBABILITY
from experiments.report.comparison.spoken_names import spoken, spoken_estimate
from experiments.report.page.blocks import (
    Block,
    Folded,
    Heading,
    Note,
    PageSection,
    Picture,
    SteppedPicture,
)
from experiments.report.page.failed import drawn
from experiments.report.page.theme import colour_name
from experiments.report.provenance import Provenance
from experiments.report.verdict import HeadlineBox, Levels, VerdictList
from experiments.values.comparison import ComparisonValues
from experiments.values.roles import compared_pair

# What the answer rests on, for who asks: folded at first, so that the answer is not far from the
# estimates.
EVIDENCE = ("steps", "likelihoods", "disagreement", "model", "health", "made")
# A table of more rows is folded at first, because a phone would scroll through many screens of it.
MANY_ROWS = 60


def sections_of(comparison: ComparisonValues, made: Provenance) -> list[PageSection]:
    """Return every section; what cannot be shown says why."""
    parts = [
        ("verdict", "Verdict", _verdict(comparison)),
        ("data", "Data and mixtures", _data_and_mixtures(comparison)),
        ("findings", "Findings", _findings(comparison)),
        ("clusters", "Rows and clusters", clusters.cluster_blocks(comparison)),
        ("steps", "EM, step by step", _steps(comparison)),
        ("parameters", "Parameters", _parameters(comparison)),
        ("likelihoods", "Log-likelihoods", _likelihoods(comparison)),
        ("disagreement", "Where the two disagree", _disagreement(comparison)),
        ("model", "Model and data", model_checks.model_check_blocks(comparison)),
        ("health", "The posterior’s health", _health(comparison)),
        ("made", "How it was made", provenance.provenance_blocks(comparison, made)),
    ]
    return [
        PageSection(name, title, list(drawn(blocks)), is_open=name not in EVIDENCE)
        for name, title, blocks in parts
    ]


def _verdict(comparison: ComparisonValues) -> Iterator[Block]:
    if comparison.headline is not None:
        yield HeadlineBox(comparison.headline)
    yield Levels(comparison.verdict)
    yield from size_blocks(comparison.dataset.n_samples, comparison.choices)


def _findings(comparison: ComparisonValues) -> Iterator[Block]:
    yield VerdictList(comparison.verdict)


def _data_and_mixtures(comparison: ComparisonValues) -> Iterator[Block]:
    if not comparison.illustration.points:
        yield Note(_why_no_rows(comparison))
        return
    n_features, at_most = comparison.dataset.n_features, coordinates.MAX_FEATURES
    yield Note(_legend_of_densities(comparison) if n_features == 1 else _legend(comparison))
    names = ", ".join(comparison.dataset.feature_names[:6])
    caption = ""
    if n_features > at_most:
        caption = f"The {at_most} of {n_features} features in which the components differ most."
    yield Picture(
        "mixture",
        data_and_mixtures.data_figure(comparison),
        f"The data ({names}) with the {comparison.n_components} components of each fit. The "
        "numbers are in the table of parameters.",
        caption,
    )
    if n_features > 2:
        yield Picture(
            "projection",
            data_and_mixtures.projection_figure(comparison),
            "The same in the two directions in which the components are told apart best.",
            "All features at once, in the two directions that separate the components of the "
            "first fit best (linear discriminants). Within components both have a standard "
            "deviation of about 1.",
        )
    yield from shared_form.shared_blocks(comparison)


def _why_no_rows(comparison: ComparisonValues) -> str:
    """Say why there are no rows to draw."""
    shown = comparison.illustration
    if shown.em_paths or shown.posterior_mixtures:
        return "Every row has a missing value, so that none can be drawn."
    return "Of this comparison only the numbers were kept."


def _legend_of_densities(comparison: ComparisonValues) -> str:
    """Say what the lines and bands of a single feature are, those that there are."""
    said = "Lines are densities."
    if (name := comparison.posterior) is not None:
        said += (
            f" At each point the {colour_name(name)} band holds the densities of {BAND:.0%} of the "
            "posterior draws."
        )
    if band := _bootstrap_band(comparison):
        said += f" At each point {band}."
    return f"{said} Drag to zoom, double-click to return."


def _legend(comparison: ComparisonValues) -> str:
    """Say what the ellipses of several features are, those that there are."""
    said = f"Each ellipse holds {ELLIPSE_PROBABILITY:.0%} of its component."
    if band := _bootstrap_band(comparison):
        said += f" In each direction from {spoken_estimate(comparison)}’s mean {band}."
    if comparison.posterior is not None:
        said += " Each thin ellipse is one posterior draw."
    return f"{said} Select a name to hide it, drag to zoom, double-click to return."


def _bootstrap_band(comparison: ComparisonValues) -> str:
    """Say what the band of bootstrap replicates is; nothing where there are none."""
    name = comparison.estimate
    if name is None or not comparison.illustration.bootstrap_mixtures:
        return ""
    curves = "densities" if comparison.dataset.n_features == 1 else "ellipses"
    return (
        f"the {colour_name(name)} band holds the {curves} of {BAND:.0%} of "
        f"{spoken_estimate(comparison)}’s bootstrap replicates"
    )


def _steps(comparison: ComparisonValues) -> Iterator[Block]:
    if not comparison.illustration.em_paths:
        yield Note("EM was not among the engines.")
        return
    if not comparison.illustration.points:
        yield Note(_why_no_rows(comparison))
        return
    yield Note(
        "Each row has the colours of the components in proportion to how responsible EM holds "
        "them for it; the curves are the components. The first steps are those of EM. Later ones "
        "go farther at a time, in the direction in which EM was going."
    )
    shown = {run: steps.shown_run(comparison, run) for run in steps.RUNS}
    texts = {"best": "The best restart", "worse": "A restart that ended in a worse optimum"}
    for run, found in shown.items():
        if found is not None:
            last = found.log_likelihoods[-1]
            yield Heading(texts[run])
            yield SteppedPicture(
                f"steps-{run}",
                steps.steps_figure(comparison, run),
                f"{texts[run]}. It moves from the start to a log-likelihood of {last:.2f} in "
                f"{found.iterations[-1]} iterations.",
                labels=steps.labels_of(found),
            )
    if shown["best"] is None:
        yield Note("The steps of this fit were not kept.")
    elif shown["worse"] is None:
        yield Note("No restart that was carried to convergence ended in a worse optimum.")


def _parameters(comparison: ComparisonValues) -> Iterator[Block]:
    if said := _origin_of_intervals(comparison):
        yield Note(said)
    yield Picture(
        "forest",
        forest.parameters_figure(comparison),
        "Estimates and intervals of each parameter, one engine under the other. The same numbers "
        "are in the table that follows.",
    )
    table = forest.parameters_table(comparison)
    count = len(table.rows)
    yield table if count <= MANY_ROWS else Folded(f"The table of all {count} parameters", [table])
    if comparison.dataset.n_features >= spreads.FROM_FEATURES:
        yield Folded(
            "Standard deviations and correlations, which the covariances amount to",
            [spreads.spreads_table(comparison)],
        )


def _origin_of_intervals(comparison: ComparisonValues) -> str:
    """Say what the bars of the forest plot are; nothing where no engine has intervals."""
    known = {n: e.intervals.level for n, e in comparison.engines.items() if e.intervals is not None}
    if not known:
        return ""
    parts = [
        f"{spoken(comparison, name)}’s "
        + (
            "leave out as many of its draws at either end"
            if comparison.engines[name].role == "posterior"
            else "come from the bootstrap"
        )
        for name in known
    ]
    return f"Bars are {next(iter(known.values())):.0%} intervals: {listed(parts)}."


def _likelihoods(comparison: ComparisonValues) -> Iterator[Block]:
    yield likelihoods.likelihood_table(comparison)
    if comparison.illustration.em_paths:
        yield Picture(
            "paths",
            likelihoods.paths_figure(comparison),
            "Log-likelihood of every EM restart by iteration.",
            "Each line is a restart. Only the most promising short runs are carried to "
            "convergence; of those, a path that ends below the best found a worse optimum. Of each "
            f"kind at most {likelihoods.MAX_PATHS} are drawn.",
        )
    found = comparison.log_likelihood
    if found.differences or found.differences_test:
        held_out = "held out" if found.differences_test else "fitted (none were held out)"
        yield Picture(
            "scores",
            likelihoods.scores_figure(comparison),
            f"Differences of mean log density of the rows {held_out}, with two standard errors.",
            f"For two fits, the mean difference of their log densities over the rows {held_out}. "
            "Right of zero the fit that is named first describes the rows better. "
            "Bars are two standard errors of the mean. The density of a posterior is its "
            "predictive density, the mean over its draws.",
        )
    if comparison.certificate is not None:
        p, name = comparison.certificate.n_parameters, spoken_estimate(comparison)
        yield Picture(
            "deviance",
            likelihoods.deviance_figure(comparison),
            f"Histogram of the deviance of posterior draws beside its limit, chi-square with {p} "
            "degrees of freedom.",
            f"The gap between {name}’s log-likelihood and that of each posterior draw, doubled. "
            "With much data it has the chi-square distribution that is drawn. A draw left of zero "
            f"has a higher likelihood than {name}.",
        )


def _disagreement(comparison: ComparisonValues) -> Iterator[Block]:
    if not set(compared_pair(comparison.engines)) <= set(comparison.illustration.responsibilities):
        yield Note("Of this comparison only the numbers were kept.")
        return
    if len(comparison.engines) < 2:
        yield Note("It takes two fits to disagree; only one engine was fitted.")
        return
    text = disagreement.disagreement_text(comparison)
    yield Note(text, kind="plain")
    yield Picture(
        "disagreement",
        disagreement.disagreement_figure(comparison),
        f"The rows coloured by how differently they are assigned. {text}",
        "Yellow rows are assigned differently, dark blue ones alike.",
    )


def _health(comparison: ComparisonValues) -> Iterator[Block]:
    name = comparison.posterior
    if comparison.illustration.health is None or name is None:
        yield Note("No posterior was fitted.")
        return
    found = comparison.engines[name].diagnostics
    for problem in found.get("problems", []):
        yield Note(f"{problem[:1].upper()}{problem[1:]}.", kind="problem")
    yield Picture(
        "convergence",
        health.convergence_figure(comparison),
        "R-hat and effective sample size of each parameter, before and after alignment.",
        "R-hat compares the spread of all chains together with that of each: it is 1 where they "
        f"agree, and should be below {health.limit_of(comparison, 'posterior-r-hat'):g}. Effective "
        "draws are the independent draws that would tell as much; they should be above "
        f"{health.limit_of(comparison, 'posterior-ess'):g}. Hollow circles are R-hat before the "
        "labels of the components were aligned: far above 1 where labels switched, which says "
        "nothing about the posterior.",
    )
    yield Picture(
        "ranks",
        health.ranks_figure(comparison),
        "Rank plots, chain by chain, of the parameters with the largest R-hat.",
        "For the parameters with the largest R-hat, all draws are ranked. A line shows how much "
        "more of a chain’s draws have ranks up to each place than if all chains were alike. A "
        "chain that stays within the band mixes with the others.",
    )
    yield from chains.chain_blocks(comparison)
    yield from energy.energy_blocks(comparison)
    caption = (
        "The mean of one feature in each component, draw by draw. Where lines exchange their "
        "colours above and not below, labels had switched and were put right"
    )
    if (switched := found.get("switch_rate")) is not None:
        caption += (
            ". Here they never switched"
            if found["n_labelings"] == 1
            else f". In the sampler’s numbering {switched:.1%} of steps within a chain renumbered "
            f"the components, and {found['n_labelings']} numberings occurred"
        )
    yield Picture(
        "switching",
        health.switching_figure(comparison),
        "The component means of one feature through the chains, before and after alignment.",
        f"{caption}.",
        title="What label switching did",
    )
    yield from programs.program_blocks(comparison)
