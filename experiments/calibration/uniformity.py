"""Whether ranks are uniform: a test that looks at the whole empirical distribution at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import binom

from experiments.core.types import FloatArray, IntArray

_REPLICATES = 40_000
_AT_ONCE = 4_000


@dataclass(frozen=True)
class Uniformity:
    """The simultaneous test of Säilynoja, Bürkner & Vehtari (2022) for ranks 0, ..., L.

    Under uniformity the number of ranks below i is binomial for every i. The statistic is the
    smallest two-sided tail probability over all i (their equation 6), and its distribution is
    simulated, once for all quantities of a calibration.

    Parameters
    ----------
    n_sims : int
        How many ranks there are.
    n_ranks : int
        Values that a rank can take, L + 1.

    References
    ----------
    Säilynoja, Bürkner & Vehtari (2022), "Graphical test for discrete uniformity and its
    applications in goodness-of-fit evaluation and multiple sample comparison", Statistics and
    Computing 32, 32.
    """

    n_sims: int
    n_ranks: int
    _tails: FloatArray = field(init=False, repr=False)
    _null: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        counts = np.arange(self.n_sims + 1)
        below = binom.cdf(counts, self.n_sims, self.levels[:, None])
        above = binom.sf(counts - 1, self.n_sims, self.levels[:, None])
        object.__setattr__(self, "_tails", np.minimum(1.0, 2.0 * np.minimum(below, above)))
        # The table of critical values of a test, not a random number of a run: always the same.
        rng = np.random.default_rng(np.random.SeedSequence([self.n_sims, self.n_ranks]))
        uniform = np.full(self.n_ranks, 1.0 / self.n_ranks)
        null = [
            self._statistic(rng.multinomial(self.n_sims, uniform, size=_AT_ONCE))
            for _ in range(_REPLICATES // _AT_ONCE)
        ]
        object.__setattr__(self, "_null", np.sort(np.concatenate(null)))

    @property
    def levels(self) -> FloatArray:
        """Probabilities (L,) of a rank below 1, ..., L."""
        return np.arange(1, self.n_ranks) / self.n_ranks

    def _statistic(self, histograms: IntArray) -> FloatArray:
        below = histograms[..., :-1].cumsum(axis=-1)
        tails = np.take_along_axis(self._tails, below.reshape(-1, self.n_ranks - 1).T, axis=1)
        return np.asarray(tails.min(axis=0).reshape(histograms.shape[:-1]))

    def p_value(self, ranks: IntArray) -> float:
        """Return the probability of ranks (n_sims,) that look as little uniform, or less."""
        found = self._statistic(np.bincount(ranks, minlength=self.n_ranks))
        as_extreme = np.searchsorted(self._null, float(found) * (1.0 + 1e-9), side="right")
        return float((1 + as_extreme) / (1 + self._null.size))

    def difference(self, ranks: IntArray) -> FloatArray:
        """Return the ranks' empirical distribution less the uniform, at each level (L,)."""
        histogram = np.bincount(ranks, minlength=self.n_ranks)
        return np.asarray(histogram[:-1].cumsum() / self.n_sims - self.levels)

    def band(self, alpha: float) -> tuple[FloatArray, FloatArray]:
        """Return the bounds (L,) that :meth:`difference` keeps with probability 1 - `alpha`."""
        # A little less: the value itself, which ranks can have, lies inside.
        gamma = float(np.quantile(self._null, alpha, method="lower")) * (1.0 - 1e-9)
        low = binom.ppf(0.5 * gamma, self.n_sims, self.levels) / self.n_sims
        high = binom.ppf(1.0 - 0.5 * gamma, self.n_sims, self.levels) / self.n_sims
        return low - self.levels, high - self.levels


def holm(p_values: Mapping[str, float], alpha: float) -> tuple[str, ...]:
    """Return the names rejected by Holm's procedure, the smallest p-value first.

    With probability 1 - `alpha` or more, no true hypothesis is rejected, however the tests depend
    on each other (Holm 1979).
    """
    rejected: list[str] = []
    for name, p_value in sorted(p_values.items(), key=lambda item: item[1]):
        if p_value > alpha / (len(p_values) - len(rejected)):
            break
        rejected.append(name)
    return tuple(rejected)
