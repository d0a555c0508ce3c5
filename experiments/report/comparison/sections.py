"""The sections of a comparison's report, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from experiments.report import provenance
from experiments.report.comparison import data as mixture
from experiments.report.comparison import disagreement, likelihoods, views
from experiments.report.comparison import em_steps as steps
from experiments.report.comparison import parameters as forest
from experiments.report.comparison import posterior_health as health
from experiments.report.comparison.curves import BAND, ELLIPSE_PROBABILITY
from experiments.report.page.blocks import Block, Heading, Note, Picture, Section, Steps
from experiments.report.provenance import Provenance
from experiments.values.comparison import ComparisonValues, Finding


@dataclass(frozen=True)
class Verdict:
    """The findings, the gravest first."""

    findings: list[Finding]

    def __html__(self) -> str:
        items = Markup("\n").join(
            Markup('<li class="{0}"><span class="level">{0}</span> <span>{1}</span></li>').format(
                finding.level, finding.text
            )
            for finding in self.findings
        )
        return Markup('<ul class="verdict">\n{}\n</ul>\n').format(items)


def sections_of(comparison: ComparisonValues, made: Provenance) -> list[Section]:
    """Return every section; what cannot be shown says why."""
    parts = [
        ("verdict", "Verdict", [Verdict(comparison.verdict)]),
        ("data", "Data and mixtures", _data(comparison)),
        ("steps", "EM, step by step", _steps(comparison)),
        ("parameters", "Parameters", _parameters(comparison)),
        ("likelihoods", "Log-likelihoods", _likelihoods(comparison)),
        ("disagreement", "Where the two disagree", _disagreement(comparison)),
        ("health", "The posterior’s health", _health(comparison)),
        ("made", "How it was made", provenance.provenance_blocks(comparison, made)),
    ]
    return [Section(name, title, list(blocks)) for name, title, blocks in parts]


def _data(comparison: ComparisonValues) -> Iterator[Block]:
    if not comparison.illustration.points:
        yield Note("Of this comparison only the numbers were kept.")
        return
    n_features = comparison.dataset.n_features
    band = f"the blue band {BAND:.0%} of EM’s bootstrap"
    if n_features == 1:
        yield Note(
            f"Lines are densities; the orange band holds {BAND:.0%} of the posterior draws’ at "
            f"each point, {band}. Drag to zoom, double-click to return."
        )
    else:
        yield Note(
            f"Each ellipse holds {ELLIPSE_PROBABILITY:.0%} of its component, {band} as seen from "
            "EM’s centre; each thin ellipse is one posterior draw. Select a name to hide it, drag "
            "to zoom, double-click to return."
        )
    names = ", ".join(comparison.dataset.feature_names[:6])
    yield Picture(
        "mixture",
        mixture.data_figure(comparison),
        f"The data ({names}) with the {comparison.n_components} components of each fit. The "
        "numbers are in the table of parameters.",
        "" if n_features <= views.MAX_FEATURES
        else f"The {views.MAX_FEATURES} of {n_features} features in which the components differ "
        "most.",
    )  # fmt: skip
    if n_features > 2:
        yield Picture(
            "projection",
            mixture.projection_figure(comparison),
            "The same in the two directions in which the components are told apart best.",
            "All features at once, in the two directions that separate the components of the "
            "first fit best (linear discriminants); within components both vary by about 1.",
        )


def _steps(comparison: ComparisonValues) -> Iterator[Block]:
    if "em" not in comparison.engines:
        yield Note("EM was not among the engines.")
        return
    yield Note(
        "Each row has the colours of the components in proportion to how responsible EM holds "
        "them for it; the curves are the components. The first ten steps are plain EM, later ones "
        "are accelerated."
    )
    shown = {run: steps.shown_run(comparison, run) for run in steps.RUNS}
    texts = {"best": "The best restart", "worse": "A restart that ended in a worse optimum"}
    for run, found in shown.items():
        if found is not None:
            last = found.log_likelihoods[-1]
            yield Heading(texts[run])
            yield Steps(
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
    level = next((e.intervals.level for e in comparison.engines.values() if e.intervals), None)
    if level is not None:
        yield Note(
            f"Bars are {level:.0%} intervals: of EM by the bootstrap, of the posterior "
            "equal-tailed and credible."
        )
    yield Picture(
        "forest",
        forest.parameters_figure(comparison),
        "Estimates and intervals of each parameter, one engine under the other. The same numbers "
        "are in the table that follows.",
    )
    yield forest.parameters_table(comparison)


def _likelihoods(comparison: ComparisonValues) -> Iterator[Block]:
    yield likelihoods.likelihood_table(comparison)
    if comparison.illustration.em_paths:
        yield Picture(
            "paths",
            likelihoods.paths_figure(comparison),
            "Log-likelihood of every EM restart by iteration.",
            "Each line is a restart. Only the most promising short runs are carried to "
            "convergence; of those, a path that ends below the best found a worse optimum.",
        )
    found = comparison.log_likelihood
    if found.differences or found.differences_test:
        held_out = "held out" if found.differences_test else "fitted (none were held out)"
        yield Picture(
            "scores",
            likelihoods.scores_figure(comparison),
            f"Differences of mean log density of the rows {held_out}, with two standard errors.",
            f"Of the rows {held_out}; right of zero the first describes them better. Bars are two "
            "standard errors of paired differences. The posterior is judged by its predictive "
            "density.",
        )
    if comparison.certificate is not None:
        p = comparison.certificate.n_parameters
        yield Picture(
            "deviance",
            likelihoods.deviance_figure(comparison),
            f"Histogram of the deviance of posterior draws beside its limit, chi-square with {p} "
            "degrees of freedom.",
            "How far posterior draws lie below EM’s optimum. With much data it follows the "
            "chi-square; a draw left of zero would have beaten EM.",
        )


def _disagreement(comparison: ComparisonValues) -> Iterator[Block]:
    if not {"em", "bayes"} <= set(comparison.illustration.responsibilities):
        yield Note("It takes EM and the posterior to disagree; only one of them was fitted.")
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
    bayes = comparison.engines.get("bayes")
    if comparison.illustration.health is None or bayes is None:
        yield Note("No posterior was fitted.")
        return
    found = bayes.diagnostics
    for problem in found.get("problems", []):
        yield Note(f"{problem[:1].upper()}{problem[1:]}.", kind="problem")
    yield Picture(
        "convergence",
        health.convergence_figure(comparison),
        "R-hat and effective sample size of each parameter, before and after alignment.",
        f"R-hat should be below {health.R_HAT_LIMIT}, effective draws above {health.ESS_LIMIT}. "
        "Hollow circles are R-hat of the labels as they fell: far above 1 where labels switched, "
        "which says nothing about the posterior.",
    )
    yield Picture(
        "ranks",
        health.ranks_figure(comparison),
        "Rank plots, chain by chain, of the parameters with the largest R-hat.",
        "Of the parameters with the largest R-hat: each chain’s share of the draws up to a rank, "
        "less what it would be if all chains were alike. A chain that stays within the band mixes "
        "with the others.",
    )
    switched = found.get("switch_rate")
    yield Picture(
        "switching",
        health.switching_figure(comparison),
        "The component means of one feature through the chains, before and after alignment.",
        "What label switching did."
        if switched is None
        else f"What label switching did: in the sampler’s numbering {switched:.1%} of steps within "
        f"a chain renumbered the components, and {found['n_labelings']} numberings occurred.",
    )  # fmt: skip
