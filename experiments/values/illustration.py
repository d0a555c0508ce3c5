"""What the report draws: enough of the data and the fits, never all of them.

Rows and draws are chosen by position, evenly spaced. Only the replicated data sets are random, by
a stream of the run's own seed. All is bounded, whatever the size of the data and of the fits.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, FiniteFloat

from experiments.values.base import Matrix, ParameterValues, Value, Vector
from experiments.values.nulls import Null


class EMSteps(Value):
    """The mixtures along one run of EM."""

    run: int
    """Which of `em_paths`."""
    iterations: list[int]
    log_likelihoods: Vector
    mixtures: list[ParameterValues]


class Health(Value):
    """Diagnostics of the posterior, parameter by parameter, before and after alignment.

    Null stands where a number is not defined: for a single chain, or for a constant.
    """

    parameters: list[str]
    """Machine names, such as ``mean[1, 2]``; at most 1000 of them, weights and means first."""
    r_hat: list[FiniteFloat | None]
    r_hat_before: list[FiniteFloat | None]
    """Of the labels as they fell; empty where the sampler's own labels were not kept."""
    ess_bulk: list[FiniteFloat | None]
    ess_tail: list[FiniteFloat | None]
    draws: list[int]
    """Which draws of each chain the traces hold."""
    traced: list[str]
    """The parameters with the largest R-hat, worst first."""
    traces: list[Matrix]
    """Of each of `traced`, chain by chain."""
    switching_feature: int
    """The feature that separates the components best, counted from 0."""
    switching_before: list[Matrix]
    """Component by component, chain by chain: that feature's mean, labels as they fell."""
    switching_after: list[Matrix]
    """The same, labels aligned."""


class Energies(Value):
    """Energies of a sampler that follows Hamilton's equations, such as NUTS, chain by chain."""

    energies: Matrix
    """Of evenly spaced draws, less the mean of all draws of the chain."""
    changes: Matrix
    """The energy of the same draws, less that of the draw before."""
    bfmi: Vector
    """E-BFMI of each chain, from all its draws: the mean square of the changes divided by the
    variance of the energies."""
    limit: FiniteFloat
    """E-BFMI below this is too low."""


class LeftOutRows(Value):
    """How surely leave-one-out is known, row by row."""

    rows: list[int]
    """Numbers of the rows in the data, counted from 1: of all rows that were left out, or where
    they are many of those with the largest Pareto k and of others that are evenly spaced."""
    pareto_k: Annotated[
        list[FiniteFloat | None],
        Null(items="no Pareto distribution fits the weights of this row", one_for_a_list=True),
    ]
    points: Annotated[
        list[int | None], Null(items="the report does not draw this row", one_for_a_list=True)
    ]
    """Of each row its place in `Illustration.points`."""
    n_rows: int
    """How many rows were left out, each in turn."""
    limit: FiniteFloat
    """Above this Pareto k leave-one-out of a row is not to be trusted."""


class FeatureCheck(Value):
    """One feature of the data beside data sets that the posterior replicates.

    A replicated data set has as many values as the data, drawn from the mixture of one posterior
    draw.
    """

    feature: int
    """Counted from 0."""
    n_rows: int
    """Rows that are looked at: all, or where they are many some that are evenly spaced."""
    n_values: int
    """Values that these rows have, and that each replicated data set has."""
    grid: Vector
    """Evenly spaced values of the feature, at which the following is evaluated."""
    density: Vector
    """Kernel density estimate of the data."""
    replicated_densities: Matrix
    """The same of some of the replicated data sets, with the bandwidth of the data."""
    excess: Vector
    """Share of the data up to each place, less the replicated data sets' mean share."""
    replicated_excess: Matrix
    """The same of some of the replicated data sets, each less the mean share of all others."""
    farthest: FiniteFloat
    """Largest absolute value of `excess`."""
    band: FiniteFloat
    """What the same largest value stays below in 95% of the replicated data sets."""
    n_farther: int
    """Replicated data sets whose largest value is as large as that of the data, or larger."""
    n_replicates: int


class Illustration(Value):
    """What the report draws."""

    points: Matrix
    """At most 2 000 rows of the data, evenly spaced."""
    responsibilities: dict[str, Matrix]
    """For these rows, of each component, by engine; of the posterior the mean over its draws."""
    posterior_mixtures: list[ParameterValues]
    """A few dozen posterior draws, evenly spaced."""
    bootstrap_mixtures: list[ParameterValues] = Field(default=[])
    """A few dozen of EM's bootstrap replicates."""
    em_paths: list[Vector]
    """EM's log-likelihood at each iteration, restart by restart."""
    em_finished: list[bool]
    """Which of these were carried to convergence; the others were short runs, not pursued."""
    em_best_path: int | None
    """Which restart was kept."""
    em_steps: list[EMSteps] = Field(default=[])
    """Of the best restart and of one that ended in a worse optimum, at most 40 steps each."""
    deviances: Vector = Field(default=[])
    """2 (EM's log-likelihood - the draw's), of evenly spaced draws."""
    health: Health | None = None
    """Null without a posterior."""
    energies: Annotated[Energies | None, Null("no posterior, or its sampler has no energy")] = None
    left_out: Annotated[
        LeftOutRows | None, Null("no posterior, or too few draws to leave rows out")
    ] = None
    feature_checks: list[FeatureCheck] = Field(default=[])
    """Of features that vary, those that the replicated data sets resemble least; empty without a
    posterior."""


# The illustration of a comparison of which only the numbers are wanted.
NOTHING = Illustration(
    points=[],
    responsibilities={},
    posterior_mixtures=[],
    em_paths=[],
    em_finished=[],
    em_best_path=None,
)
