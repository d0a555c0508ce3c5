"""The distinct maxima that a search has met, who met them, and how many it may have missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import betaincinv

from gmm_em.core.types import FloatArray

# Two fits are one maximum when N times their mean squared log-ratio is below this: the data could
# not tell them apart, were they two hypotheses, by a third of a standard error.
_SAME = 0.1
_LEVEL = 0.95


@dataclass(eq=False)
class Maximum:
    """One maximum, told from others by the log-density that it gives to some of the rows.

    Attributes
    ----------
    run : int
        The run that was carried to it.
    objective : float
    profile : ndarray, shape (n,)
        Log-density of the probe rows.
    spurious : str
        Why it is not to be trusted; empty where it is.
    hits : list of int
        The runs that reached it, that one among them.
    """

    run: int
    objective: float
    profile: FloatArray
    spurious: str = ""
    hits: list[int] = field(default_factory=list)


class Atlas:
    """All maxima met so far.

    Parameters
    ----------
    n_rows : float
        Weight of all rows.
    """

    def __init__(self, n_rows: float) -> None:
        self._n_rows = n_rows
        self.maxima: list[Maximum] = []

    def find(self, objective: float, profile: FloatArray, loose: float = 1.0) -> Maximum | None:
        """Return the maximum that a mixture is at, or has come close to from below.

        Parameters
        ----------
        objective : float
        profile : ndarray, shape (n,)
        loose : float, default 1.0
            How much larger the squared distance may be than for two runs at one maximum.
        """
        best, least = None, _SAME * loose
        for maximum in self.maxima:
            distance = self._n_rows * float(np.mean((maximum.profile - profile) ** 2))
            if distance < least and objective <= maximum.objective + _SAME:
                best, least = maximum, distance
        return best

    def add(self, run: int, objective: float, profile: FloatArray, spurious: str) -> Maximum:
        """Note the maximum that a run was carried to; it may be known."""
        maximum = self.find(objective, profile)
        if maximum is None:
            maximum = Maximum(run, objective, profile, spurious)
            self.maxima.append(maximum)
        elif objective > maximum.objective:
            maximum.run, maximum.objective = run, objective
        maximum.hits.append(run)
        return maximum

    @property
    def best(self) -> Maximum | None:
        """The highest maximum that is to be trusted; where there is none, the highest."""
        if not self.maxima:
            return None
        return max(self.maxima, key=lambda maximum: (not maximum.spurious, maximum.objective))


@dataclass(frozen=True)
class Unseen:
    """How likely one more start of a kind finds a maximum that the search has not met.

    The Good-Turing estimate: the share of the kind's starts that found what no other start of the
    whole search did (Good 1953; Boender & Rinnooy Kan 1987 use it for multistart).

    Attributes
    ----------
    n_starts : int
        Starts of the kind whose end is known.
    n_once : int
        Those among them that reached a maximum which no other start reached.
    probability : float
        ``n_once / n_starts``.
    lower, upper : float
        Exact 95 % interval of a proportion (Clopper & Pearson 1934).
    """

    n_starts: int
    n_once: int
    probability: float
    lower: float
    upper: float

    @classmethod
    def of(cls, n_starts: int, n_once: int) -> Unseen:
        """Estimate from the two counts."""
        tail = (1.0 - _LEVEL) / 2.0
        rest = n_starts - n_once
        lower = 0.0 if n_once == 0 else float(betaincinv(n_once, rest + 1, tail))
        upper = 1.0 if rest == 0 else float(betaincinv(n_once + 1, rest, 1.0 - tail))
        return cls(n_starts, n_once, n_once / n_starts, lower, upper)


def unseen(ends: Sequence[tuple[str, int | None]]) -> dict[str, Unseen]:
    """Estimate per kind of start.

    Parameters
    ----------
    ends : sequence of (str, int or None)
        Of every start whose end is known: its kind, and the number of the maximum that it
        reached; None where it degenerated.
    """
    met = Counter(maximum for _, maximum in ends if maximum is not None)
    out = {}
    for kind in dict.fromkeys(kind for kind, _ in ends):
        reached = [maximum for name, maximum in ends if name == kind]
        once = sum(maximum is not None and met[maximum] == 1 for maximum in reached)
        out[kind] = Unseen.of(len(reached), once)
    return out
