"""Maxima that say nothing about the population."""

from __future__ import annotations

import numpy as np

from gmm_em.fitting.problem import Problem
from gmm_em.rows.samples import Parameters

# A component narrower than this fraction of the data's own rounding noise fits the rounding.
_RESOLVED = 0.7
# Rows beyond the fewest that make a covariance non-singular.
_SPARE_ROWS = 0.5


def why_spurious(problem: Problem, parameters: Parameters) -> str:
    """Say why a maximum is an accident of a few rows or of rounding; empty where it is not.

    The likelihood has many maxima where a component fits a handful of rows that happen to lie
    close to a hyperplane (McLachlan & Peel 2000, section 3.10), or a feature's rounding grid.
    They are bounded, but say nothing about the population.
    """
    if not problem.smooth or problem.penalty is not None or parameters.weights.shape[0] == 1:
        return ""
    samples = problem.samples
    support = problem.support(parameters)
    needed = problem.structure.min_count(samples.n_features) + _SPARE_ROWS
    if not support.min() >= needed:
        k = int(support.argmin())
        return f"component {k} rests on {support[k]:.1f} rows only"
    noise = samples.resolution / np.sqrt(12.0)
    rounded = noise > 0
    if rounded.all():
        # Rounding spreads every direction by a little; no component can be narrower.
        scaled = parameters.covariances / (noise[:, None] * noise)
        smallest = np.linalg.eigvalsh(scaled)[:, 0]
    else:
        variances = np.diagonal(parameters.covariances, axis1=1, axis2=2)[:, rounded]
        smallest = (variances / noise[rounded] ** 2).min(axis=1, initial=np.inf)
    if smallest.min() < _RESOLVED**2:
        return f"component {int(smallest.argmin())} is narrower than the data's rounding"
    return ""
