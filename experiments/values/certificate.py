"""What the posterior says about EM's optimum, and EM about the posterior, as plain values."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, FiniteFloat

from experiments.values.base import ParameterValues, Value
from experiments.values.nulls import Null

ALL_COLLAPSED = Null("every posterior draw has collapsed")


class OptimumValues(Value):
    """A distinct optimum that EM reached from posterior draws."""

    log_likelihood: FiniteFloat
    n_reached: int
    """Restarts that ended there."""
    mixture: ParameterValues


class Certificate(Value):
    """What the posterior says about EM's optimum, and EM about it: see certificate.py.

    Null where every draw has collapsed, so that there is nothing to compare with.
    """

    em: FiniteFloat
    """EM's log-likelihood."""
    best_draw: FiniteFloat | None = None
    """The highest log-likelihood of a posterior draw."""
    margin: FiniteFloat | None = None
    """em - best_draw: negative only when EM is caught in a local optimum."""
    n_draws_above: int = 0
    """Draws with a higher log-likelihood than EM's, beyond the tolerance."""
    n_draws: int
    n_collapsed: int
    """Draws with a component shrunk onto a point or repeated values; left out of the others."""
    tolerance: FiniteFloat
    """Log-likelihoods closer than this count as one optimum."""
    better_by: FiniteFloat = 0.0
    """How much higher a draw, or EM restarted from one, gets than EM: zero at a global optimum."""
    stopped_short: FiniteFloat = 0.0
    """How far EM stopped below the top of its own hill, where nothing is higher than that top."""
    n_restarts: int = 0
    """EM runs from posterior draws."""
    optima: list[OptimumValues] = Field(default=[])
    """The distinct optima that those runs reached, best first."""
    deviance_mean: FiniteFloat | None = None
    """Mean over draws of 2 (em - draw); tends to the number of parameters."""
    deviance_distance: FiniteFloat | None = None
    """Kolmogorov-Smirnov distance of the deviance from its chi-square limit."""
    n_parameters: int
    """Free parameters: the limit's degrees of freedom."""
    em_mode_unvisited: bool = False
    """Whether the best maximum known is of a mode that no chain visited, and has a mass that
    counts."""
    shortfall: Annotated[FiniteFloat | None, ALL_COLLAPSED] = None
    """How far the best draw stays below the best maximum known, in log-likelihood."""
    n_other_restarts: int = 0
    """EM runs of the certificate's own, from starts that neither EM nor the posterior made."""
    n_equal: int = 0
    """Maxima as high as EM's, beside it, whose mixtures are others."""
    same_hill: bool = False
    """Whether EM, restarted from a posterior draw, came to the best maximum known."""
    pulled: bool = False
    """Whether the posterior is on EM's hill, but far from its top: the prior holds it there."""
    log_mass_ratio: Annotated[
        FiniteFloat | None,
        Null("the draws lead to the best maximum known, or its mass cannot be estimated"),
    ] = None
    """Log of the mass of the posterior around the best maximum known over that around the best that
    EM reached from draws, both by Laplace's approximation under a flat prior."""
