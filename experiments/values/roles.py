"""What an engine's estimate is, and which two engines a comparison sets against each other.

Nothing asks an engine for its name. It is asked what it offers: posterior draws, an estimate of
greatest likelihood, an uncertainty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

Role = Literal["posterior", "maximum-likelihood", "estimate"]


class Offer(Protocol):
    """What a fit, or what is kept of one, says of itself."""

    @property
    def role(self) -> Role:
        """What the estimate is: the mean of posterior draws, a maximum of likelihood, or other."""

    @property
    def uncertainty(self) -> object | None:
        """The error of every parameter, where there is one."""


def posterior_of(engines: Mapping[str, Offer]) -> str | None:
    """Return the name of the first engine that has posterior draws; None where there is none."""
    return next((name for name, engine in engines.items() if engine.role == "posterior"), None)


def compared_pair(engines: Mapping[str, Offer]) -> list[str]:
    """Return the names of the two engines that are set against each other, fewer if there are none.

    They are the point estimate and the posterior. Where one of these is missing, the first engine
    that is left takes its place.
    """
    chosen = [name for name in (estimate_of(engines), posterior_of(engines)) if name is not None]
    return list(dict.fromkeys([*chosen, *engines]))[:2]


def estimate_of(engines: Mapping[str, Offer]) -> str | None:
    """Return the name of the engine whose point estimate is set against the posterior.

    It is the first that maximises the likelihood and gives an uncertainty. Where there is no such
    engine, a maximum of likelihood comes before other estimates, and an estimate with an
    uncertainty before one without. None where every engine has draws, or there is no engine.
    """
    points = [name for name, engine in engines.items() if engine.role != "posterior"]

    def lacks(name: str) -> tuple[bool, bool]:
        engine = engines[name]
        return engine.role != "maximum-likelihood", engine.uncertainty is None

    return min(points, key=lacks, default=None)
