"""How a fit is carried out, as values that are checked once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from gmm_em.core.checks import check_count, check_number
from gmm_em.fitting.ascent import WARM_UP, Beginning, Climb, Report
from gmm_em.fitting.problem import Problem
from gmm_em.fitting.starts.partial import PartialStart
from gmm_em.fitting.starts.strategy import check_kind
from gmm_em.mixture import Mixture
from gmm_em.rows.samples import Parameters

Callback = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Options:
    """How runs are carried out; the attributes are arguments of :func:`gmm_em.fit_em`."""

    tol: float
    max_iter: int
    accelerate: bool
    snapshots: bool
    callback: Callback | None

    @classmethod
    def of(
        cls, tol: Any, max_iter: Any, accelerate: Any, snapshots: Any, callback: Callback | None
    ) -> Self:
        """Check them."""
        return cls(
            check_number("tol", tol),
            check_count("max_iter", max_iter, 0),
            bool(accelerate),
            bool(snapshots),
            callback,
        )

    def climb(
        self,
        problem: Problem,
        start: Parameters | Beginning,
        index: int,
        warm_up: int = WARM_UP,
    ) -> Climb:
        """Begin run number `index`, or take it up."""
        return Climb(
            problem,
            start,
            tol=self.tol,
            accelerate=self.accelerate,
            keep_path=self.snapshots,
            report=self._report(index),
            warm_up=warm_up,
        )

    def _report(self, index: int) -> Report | None:
        if self.callback is None:
            return None
        callback = self.callback
        return lambda n_iter, value: callback(index, n_iter, value)


@dataclass(frozen=True)
class Plan:
    """How many starts a search makes, and of which kinds.

    Attributes
    ----------
    init_params : str
    n_init : int or None
        Exactly so many starts; None for as many as it takes.
    n_final : int or None
        Carry at most so many of them to convergence, and every one by itself; None for all whose
        end is not known already.
    partial : PartialStart or None
        What the user gave of a start.
    """

    init_params: str = "auto"
    n_init: int | None = None
    n_final: int | None = None
    partial: PartialStart | None = None

    @property
    def open(self) -> bool:
        """Whether the search itself decides how many starts it makes."""
        return self.n_init is None and not (self.partial and self.partial.decides)

    @classmethod
    def of(cls, init_params: Any, n_init: Any, n_final: Any, init: Any) -> Self:
        """Check them; `init` may be a whole mixture, which leaves nothing to plan."""
        check_kind(init_params)
        if n_init is not None:
            n_init = check_count("n_init", n_init, 1)
        if n_final is not None:
            n_final = check_count("n_final", n_final, 1)
        if not (init is None or isinstance(init, Mixture | PartialStart)):
            raise TypeError(f"init must be a Mixture or a PartialStart, got {type(init).__name__}")
        return cls(init_params, n_init, n_final, None if isinstance(init, Mixture) else init)
