"""Diagnostics of a posterior: convergence, effective sample sizes, label switching."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.evaluation.modes import PosteriorMode, unvisited_modes
from gmm_bayes.evaluation.problems import (
    collapsed_chains,
    sampler_failures,
    separate_modes,
    stuck_chains,
    unreliable_rows,
)
from gmm_bayes.evaluation.quantities import (
    free_entries,
    label_free_quantities,
    summary_table,
)
from gmm_bayes.space.structures import FULL, Structure
from gmm_em.core.threads import single_threaded_blas

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Diagnostics:
    """Convergence diagnostics of one posterior.

    Attributes
    ----------
    parameters : pandas.DataFrame
        One row per free entry of weights, means and covariances of the *aligned* draws: ``mean``,
        ``sd``, ``mcse_mean``, ``mcse_sd``, ``ess_bulk``, ``ess_tail``, ``r_hat`` and ``verdict``:
        "ok", what is wrong, or "constant" for an entry that cannot vary (the weight when K = 1).
    label_free : pandas.DataFrame
        The same for quantities that do not depend on labels: ``log_likelihood``, ``lp`` (log
        posterior density on unconstrained space, where the sampler reports it), and the mean and
        covariance entries of the whole mixture.
    before_alignment : pandas.DataFrame
        The same as `parameters` for the draws as they came, with labels as they fell.
    n_divergent : int
        Divergent transitions after tuning.
    bfmi : tuple of float
        Energy Bayesian fraction of missing information, per chain; empty without an energy.
    n_max_treedepth : int
        Draws whose trajectory was cut short.
    switch_rate : float
        Share of draws whose alignment differs from that of the draw before, within chains.
    n_labelings : int
        How many different labellings occurred.
    problems : tuple of str
        One sentence each, causes before what follows from them; empty if the posterior can be
        trusted as far as these diagnostics tell. Each sentence ends in what to change.
    notes : tuple of str
        What these diagnostics cannot tell of draws by this sampler, one sentence each.
    modes : tuple of PosteriorMode
        The local maxima of the posterior density to which draws, and particles of a population that
        came from the prior, lead uphill, by decreasing mass. Empty for a single component, and
        where looking for them would take too long.
    origins : tuple of str
        Where each chain came from; empty where the sampler does not tell.
    """

    parameters: pd.DataFrame
    label_free: pd.DataFrame
    before_alignment: pd.DataFrame
    n_divergent: int
    bfmi: tuple[float, ...]
    n_max_treedepth: int
    switch_rate: float
    n_labelings: int
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    modes: tuple[PosteriorMode, ...] = ()
    origins: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def _defined(self, column: str) -> FloatArray:
        """Return the values of a column that are not NaN, or a single NaN."""
        both = np.concatenate([self.parameters[column], self.label_free[column]])
        finite = both[np.isfinite(both)]
        return finite if finite.size else np.array([np.nan])

    @property
    def max_r_hat(self) -> float:
        """Largest R-hat over aligned parameters and label-free quantities."""
        return float(self._defined("r_hat").max())

    @property
    def min_ess_bulk(self) -> float:
        """Smallest bulk effective sample size over aligned parameters and label-free quantities."""
        return float(self._defined("ess_bulk").min())

    @property
    def min_ess_tail(self) -> float:
        """Smallest tail effective sample size over aligned parameters and label-free quantities."""
        return float(self._defined("ess_tail").min())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values fit for JSON; what is undefined is None."""
        return {
            "converged": self.converged,
            "problems": list(self.problems),
            "notes": list(self.notes),
            "modes": [mode.to_dict() for mode in self.modes],
            "origins": list(self.origins),
            "max_r_hat": _plain(self.max_r_hat),
            "min_ess_bulk": _plain(self.min_ess_bulk),
            "min_ess_tail": _plain(self.min_ess_tail),
            "n_divergent": self.n_divergent,
            "n_max_treedepth": self.n_max_treedepth,
            "bfmi": [_plain(value) for value in self.bfmi],
            "switch_rate": self.switch_rate,
            "n_labelings": self.n_labelings,
            "max_r_hat_before_alignment": _plain(float(self.before_alignment["r_hat"].max())),
            "parameters": _rows(self.parameters),
            "label_free": _rows(self.label_free),
        }


@single_threaded_blas()
def diagnose(  # noqa: PLR0913 - everything that a verdict rests on
    aligned: MixtureDraws,
    raw: MixtureDraws,
    permutations: IntArray,
    log_likelihood: FloatArray,
    stats: Mapping[str, NDArray[Any]],
    structure: Structure = FULL,
    problems: Sequence[str] = (),
    notes: Sequence[str] = (),
    modes: tuple[PosteriorMode, ...] = (),
    origins: tuple[str, ...] = (),
) -> Diagnostics:
    """Return the diagnostics of aligned draws.

    Parameters
    ----------
    aligned, raw : MixtureDraws
        After and before alignment.
    permutations : ndarray of int, shape (C, S, K)
        What turned `raw` into `aligned`.
    log_likelihood : ndarray of shape (C, S)
    stats : mapping of str to ndarray of shape (C, S)
        The sampler's statistics, as in :class:`gmm_bayes.samplers.contract.Sampled`.
    structure : Structure, default full
        Which entries of the covariances are free; the others have no diagnostics.
    problems, notes : sequence of str
        The sampler's own, as in :class:`gmm_bayes.samplers.contract.Sampled`.
    modes, origins : tuple
        As in :class:`Diagnostics`.
    """
    from arviz_stats.base import array_stats  # noqa: PLC0415 - takes a second to load

    parameters = summary_table(dict(free_entries(aligned, structure)), aligned.n_chains)
    label_free = summary_table(
        label_free_quantities(aligned, log_likelihood, stats), aligned.n_chains
    )
    n_divergent = int(stats["diverging"].sum()) if "diverging" in stats else 0
    cut_short = stats.get("reached_max_treedepth")
    n_max_treedepth = int(cut_short.sum()) if cut_short is not None else 0
    bfmi: tuple[float, ...] = ()
    if "energy" in stats and aligned.n_draws > 2:
        bfmi = tuple(float(b) for b in np.atleast_1d(array_stats.bfmi(stats["energy"])))
    changed = (permutations[:, 1:] != permutations[:, :-1]).any(axis=-1)
    found = [
        *problems,
        *collapsed_chains(aligned),
        *separate_modes(log_likelihood, label_free),
        *unvisited_modes(modes),
        *stuck_chains(log_likelihood),
        *sampler_failures(n_divergent, n_max_treedepth, bfmi, len(aligned)),
        *unreliable_rows("parameter", parameters, aligned.n_chains, aligned.n_draws),
        *unreliable_rows("label-free quantity", label_free, aligned.n_chains, aligned.n_draws),
    ]
    return Diagnostics(
        parameters=parameters,
        label_free=label_free,
        before_alignment=summary_table(dict(free_entries(raw, structure)), raw.n_chains),
        n_divergent=n_divergent,
        bfmi=bfmi,
        n_max_treedepth=n_max_treedepth,
        switch_rate=float(changed.mean()) if changed.size else 0.0,
        n_labelings=len(np.unique(permutations.reshape(-1, permutations.shape[-1]), axis=0)),
        problems=tuple(found),
        notes=tuple(notes),
        modes=modes,
        origins=origins,
    )


def _plain(value: float) -> float | None:
    """Return a float that JSON can hold: None where it is not finite."""
    return float(value) if math.isfinite(value) else None


def _rows(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the rows of a table as plain values."""
    return {
        str(name): {
            str(column): value if isinstance(value, str) else _plain(value)
            for column, value in row.items()
        }
        for name, row in table.to_dict(orient="index").items()
    }
