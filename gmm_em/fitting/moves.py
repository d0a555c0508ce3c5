"""Moves from a maximum in a search, and which of many are worth a run.

What a merge and a split change before EM's first step says little of where they lead. Where all
components share a covariance, most moves that cost least lead back. Where the moves that look best
lead nowhere higher, many are therefore made some steps on few rows, together. Those that come
back, or to where a higher one is, are left out, and so are those that the few rows tell to be
lower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np

from gmm_em.fitting.options import Options
from gmm_em.fitting.problem import ConstantFeatureError, Problem
from gmm_em.fitting.rivals import told_apart
from gmm_em.fitting.splits import split_merge
from gmm_em.fitting.spurious import why_spurious
from gmm_em.fitting.starts.base import Rows
from gmm_em.fitting.trails import Trails, to_come
from gmm_em.rows.samples import Parameters

# Rows on which many moves are made, or rows for every feature of every component where that is
# more; all rows of the search where these are more than half of them.
_ROWS, _ROWS_EACH, _SHARE = 2_000, 10, 0.5
# At most so many moves are made on them, and fewer where one step of all of them would need more
# log-densities of a row under a component than this.
_MANY, _DENSITIES = 40, 600_000
# At most so many of them remain.
_LEFT = 4


class Moves:
    """Moves from maxima of one problem.

    Parameters
    ----------
    problem : Problem
    rows : Rows
        The rows by which moves are ordered.
    options : Options
    sample : callable, optional
        Poses the same problem for so many of the rows.
    """

    def __init__(
        self,
        problem: Problem,
        rows: Rows,
        options: Options,
        sample: Callable[[int], Problem] | None = None,
    ) -> None:
        self._problem, self._rows, self._sample = problem, rows, sample
        self._options = replace(options, callback=None, snapshots=False)

    def first(self, maximum: Parameters, limit: int, least: float = -np.inf) -> list[Parameters]:
        """Return starts by the moves that look best before EM's first step, at most `limit`.

        Parameters
        ----------
        maximum : Parameters
            In the problem's inner units, like the starts.
        limit : int
        least : float, optional
            Leave out moves that change the log-likelihood by less, per unit of weight.
        """
        if not self._problem.by_row:
            return []
        mixture = self._rows.seen(maximum)
        moves = split_merge(self._rows, mixture, self._problem.structure, limit, least)
        return [self._rows.inner(move.start) for move in moves]

    def screened(self, maximum: Parameters) -> list[Parameters]:
        """Make many moves some steps on few rows, and return where those are that may rise.

        Parameters
        ----------
        maximum : Parameters
            In the problem's inner units.

        Returns
        -------
        list of Parameters
            At most four, the highest on the few rows first.
        """
        if not self._problem.by_row:
            return []
        few, samples = self._few_rows, self._problem.samples
        limit = min(_MANY, _DENSITIES // (few.n_components * few.samples.n_samples))
        moves = self.first(maximum, limit) if limit > _LEFT else []
        if not moves:
            return []
        trails = Trails(few, self._options, None, sampled=True)
        trails.wait = True
        mixtures = [samples.outer(*start) for start in (maximum, *moves)]
        trails.follow([Parameters(*few.samples.inner(mixture)) for mixture in mixtures], None)
        chosen = [i for i in _higher(trails) if few is not self._problem or _may_rise(trails, i)]
        ends = [few.samples.outer(*trails.trails[i].climb.parameters) for i in chosen]
        return [Parameters(*samples.inner(end)) for end in ends[:_LEFT]]

    @cached_property
    def _few_rows(self) -> Problem:
        """The problem on the rows on which many moves are made."""
        problem = self._problem
        n_rows = max(_ROWS, _ROWS_EACH * problem.n_components * problem.samples.n_features)
        if self._sample is None or n_rows > _SHARE * problem.n_rows:
            return problem
        try:
            return self._sample(n_rows)
        except ConstantFeatureError:
            # Other rows have other values of this feature.
            return problem


def _higher(trails: Trails) -> list[int]:
    """Return the runs that may lead higher than run 0 and lead elsewhere, the highest first."""
    back = trails.led_to(0)
    sound = [
        i
        for i, trail in enumerate(trails.trails)
        if i not in trails.left
        and not trail.climb.degenerate
        and not why_spurious(trails.problem, trail.climb.parameters)
    ]
    if not sound:
        return []
    sound.sort(key=lambda i: -trails.trails[i].climb.objective)
    heights = np.array([trails.trails[i].climb.objective for i in sound])
    profiles = np.stack([trails.profile(trails.trails[i]) for i in sound])
    return [sound[i] for i in told_apart(trails.problem, heights, profiles) if sound[i] != back]


def _may_rise(trails: Trails, run: int) -> bool:
    """Whether a run may come higher than run 0 on the rows of both."""
    climb = trails.trails[run].climb
    return climb.objective + to_come(climb.trace) > trails.trails[0].climb.objective
