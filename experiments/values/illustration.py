"""What the report draws: enough of the data and the fits, never all of them.

Whatever is chosen here is chosen by position, evenly spaced, so that a report needs no random
numbers of its own, and is bounded, whatever the size of the data and of the fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, FiniteFloat

from experiments.values.base import Matrix, ParameterValues, Value, Vector

if TYPE_CHECKING:
    pass


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
    """Names as in `Parameters.free`; at most 1000 of them, weights and means first."""
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


# Of a comparison whose numbers alone are wanted.
NOTHING = Illustration(
    points=[],
    responsibilities={},
    posterior_mixtures=[],
    em_paths=[],
    em_finished=[],
    em_best_path=None,
)
