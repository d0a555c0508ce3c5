"""The comparison in single numbers under dotted names: the columns of tables of many runs.

`SUMMARY_COLUMNS` and the fields of the values say what each of them is.

A name is absent where there is no number. Times are left out: all of these repeat with the seed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from experiments.values.certificate import Certificate
from experiments.values.comparison import Agreement, EngineResult, LogLikelihoods
from experiments.values.posteriors import PosteriorPairValues

# What the numbers are, under names in which the parts that vary are in braces; the first that
# fits a name counts. A number that is a field of the values is described there.
SUMMARY_COLUMNS = {
    "{engine}.errors.{distance}.mean": (
        "{engine}: {distance} of the components from the truth's, mean."
    ),
    "{engine}.errors.{distance}.max": (
        "{engine}: {distance} of the components from the truth's, max."
    ),
    "{engine}.errors.{distance}": "{engine}: {distance} of the parameters from the truth's.",
    "{engine}.density.{distance}.se": (
        "{engine}: Monte Carlo standard error of {engine}.density.{distance}."
    ),
    "{engine}.density.{distance}": (
        "{engine}: distance of the density from the truth's, {distance}."
    ),
    "{engine}.clustering.adjusted_rand": (
        "{engine}: adjusted Rand index of the labels of the fitted rows and the truth's optimal "
        "ones."
    ),
    "{engine}.clustering.agreement": "{engine}: share of rows labelled as the truth would.",
    "{engine}.clustering.regret": "{engine}: probability of a right label lost per row.",
    "{engine}.coverage.{level}": (
        "{engine}: share of true parameters inside its {level} % intervals."
    ),
    "{engine}.log_likelihood.train": "{engine}: log-likelihood of the fitted rows.",
    "{engine}.log_likelihood.test": "{engine}: log-likelihood of the rows held out.",
    "{engine}.matching.{number}": (
        "{engine}: how unsure the matching of components is, {number}: 0 certain, 1 a tie."
    ),
    "{engine}.diagnostics.{name}": "{engine}: the engine's diagnostic {name}.",
    "agreement.sd_ratio.{method}.median": (
        "EM's {method} standard error over the posterior's standard deviation, median over the "
        "parameters (mean: geometric)."
    ),
    "agreement.sd_ratio.{method}.mean": (
        "EM's {method} standard error over the posterior's standard deviation, mean over the "
        "parameters (mean: geometric)."
    ),
    "agreement.joint.tail": "Share of a normal posterior farther from its mean than EM.",
    "certificate.deviance_ratio": "deviance_mean over the number of parameters: tends to 1.",
    "posteriors.max_abs_z": (
        "Largest difference of means between any two posteriors, in Monte Carlo standard errors."
    ),
    "posteriors.probability": (
        "Chance of a difference as large between two posteriors as the largest, if they are equal."
    ),
    "loo.elpd": "Leave-one-out expected log predictive density of the posterior.",
    "loo.se": "Standard error of loo.elpd.",
}

Named = Iterator[tuple[str, float | None]]


def summarise(
    engines: Mapping[str, EngineResult],
    log_likelihood: LogLikelihoods,
    agreement: Agreement | None,
    certificate: Certificate | None,
    posteriors: Sequence[PosteriorPairValues] = (),
) -> dict[str, float]:
    """Return every number that there is under its name."""
    found: dict[str, float | None] = {}
    for name, engine in engines.items():
        found.update((f"{name}.{key}", value) for key, value in _engine(engine))
    if agreement is not None:
        found.update((f"agreement.{key}", value) for key, value in _agreement(agreement))
    if certificate is not None:
        found.update((f"certificate.{key}", value) for key, value in _certificate(certificate))
    loo = None if log_likelihood.bayes is None else log_likelihood.bayes.loo
    if loo is not None:
        found.update({"loo.elpd": loo.elpd, "loo.se": loo.se})
    if posteriors:
        found["posteriors.max_abs_z"] = max(pair.max_abs_z for pair in posteriors)
        found["posteriors.probability"] = min(pair.probability for pair in posteriors)
    return {
        name: float(value)
        for name, value in found.items()
        if value is not None and math.isfinite(value)
    }


def _engine(engine: EngineResult) -> Named:
    for name, values in (engine.errors or {}).items():
        if isinstance(values, list):
            known = [value for value in values if value is not None]
            yield f"errors.{name}.mean", sum(known) / len(known)
            yield f"errors.{name}.max", max(known)
        else:
            yield f"errors.{name}", values
    for name, found in (engine.density_errors or {}).items():
        yield f"density.{name}", found.value
        yield f"density.{name}.se", found.se
    if engine.clustering is not None:
        yield from ((f"clustering.{name}", value) for name, value in engine.clustering)
    for coverage in engine.coverage or ():
        yield f"coverage.{100 * coverage.level:g}", coverage.n_inside / coverage.n_parameters
    yield "log_likelihood.train", engine.log_likelihood.train
    yield "log_likelihood.test", engine.log_likelihood.test
    yield "matching.ambiguity", engine.matching.ambiguity
    yield "matching.draws_ambiguity", engine.matching.draws_ambiguity
    for name, value in engine.diagnostics.items():
        if isinstance(value, int | float):
            yield f"diagnostics.{name}", value


def _agreement(agreement: Agreement) -> Named:
    yield "max_abs_z", agreement.max_abs_z
    medians = {agreement.method: agreement.median_sd_ratio, **agreement.median_sd_ratio_by_method}
    means = {agreement.method: agreement.mean_sd_ratio, **agreement.mean_sd_ratio_by_method}
    for method, ratio in medians.items():
        yield f"sd_ratio.{method}.median", ratio
        yield f"sd_ratio.{method}.mean", means[method]
    if agreement.joint is not None:
        yield "joint.squared", agreement.joint.squared
        yield "joint.tail", agreement.joint.tail_probability


def _certificate(certificate: Certificate) -> Named:
    yield "margin", certificate.margin
    yield "better_by", certificate.better_by
    yield "n_draws_above", certificate.n_draws_above
    yield "deviance_mean", certificate.deviance_mean
    yield "deviance_distance", certificate.deviance_distance
    if certificate.deviance_mean is not None:
        yield "deviance_ratio", certificate.deviance_mean / certificate.n_parameters


def described_by(columns: Mapping[str, str], name: str) -> str:
    """Return what a table such as `SUMMARY_COLUMNS` says of a name; nothing where none fits."""
    for template, text in columns.items():
        if found := _pattern(template).fullmatch(name):
            return text.format(**found.groupdict())
    return ""


@cache
def _pattern(template: str) -> re.Pattern[str]:
    """Turn a name with parts in braces into a pattern whose groups have the parts' names."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(template)))
