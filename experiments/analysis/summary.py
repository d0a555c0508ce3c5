"""The comparison in single numbers under dotted names: the columns of tables of many runs.

=============================================  ====================================================
name                                           number
=============================================  ====================================================
``ENGINE.errors.NAME``                         distance of the weights from the truth's
``ENGINE.errors.NAME.mean``, ``.max``          over the components that have a counterpart
``ENGINE.density.NAME``, ``.se``               distance of the density from the truth's, and its
                                               Monte Carlo error
``ENGINE.clustering.NAME``                     adjusted Rand index, agreement and regret
``ENGINE.coverage.LEVEL``                      share of true parameters inside the intervals, the
                                               level in per cent
``ENGINE.log_likelihood.train``, ``.test``     at the estimate
``ENGINE.matching.ambiguity``                  see matching.py
``ENGINE.diagnostics.NAME``                    whatever the engine reports as a number
``agreement.max_abs_z``                        largest distance of EM from the posterior mean in sd
``agreement.sd_ratio.METHOD.median``, ``.mean``  EM's standard error over the posterior sd by method
                                               (bootstrap, information, sandwich): median and
                                               geometric mean over the free parameters
``agreement.joint.squared``, ``.tail``         joint Mahalanobis distance and its tail probability
``certificate.NAME``                           margin, better_by, n_draws_above, deviance_mean,
                                               deviance_distance
``certificate.deviance_ratio``                 deviance_mean over the number of parameters: tends
                                               to 1
``loo.elpd``, ``loo.se``                       leave-one-out of the posterior
=============================================  ====================================================

A name is absent where there is no number. Times are left out: all of these repeat with the seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from experiments.values.comparison import Agreement, Certificate, EngineResult, LogLikelihoods

Named = Iterator[tuple[str, float | None]]


def summarise(
    engines: Mapping[str, EngineResult],
    log_likelihood: LogLikelihoods,
    agreement: Agreement | None,
    certificate: Certificate | None,
) -> dict[str, float]:
    """Return every number of the table in the module's docstring that there is."""
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
