"""What is wrong with a posterior, one sentence each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.core.limits import (
    MAX_CUT_SHORT_SHARE,
    MAX_DIVERGENT_SHARE,
    MAX_R_HAT,
    MIN_BFMI,
    MIN_ESS_PER_CHAIN,
    SEPARATE_MODES_R_HAT,
)
from gmm_bayes.core.types import BoolArray, FloatArray
from gmm_bayes.draws import MixtureDraws
from gmm_em.covariance.collapse import collapsed

if TYPE_CHECKING:
    import pandas as pd


_MOST_TIMES_LONGER = 20
"""Most times as many draws as there are that a sentence proposes."""


def unreliable_rows(
    what: str,
    table: pd.DataFrame,
    n_chains: int,
    n_draws: int = 1000,
    otherwise: str = ", or use sampler='smc'",
) -> Iterator[str]:
    """Yield sentences of the rows of a summary table that are beyond a limit.

    Parameters
    ----------
    what : str
        What a row of the table is.
    table : pandas.DataFrame
        From :func:`gmm_bayes.evaluation.quantities.summary_table`.
    n_chains, n_draws : int
        Chains, and draws of each.
    otherwise : str
        What else to try where chains do not agree.
    """

    def named(rows: pd.DataFrame) -> str:
        others = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        return f"{what} {rows.index[0]}{others}"

    apart = table[table["r_hat"] > MAX_R_HAT].sort_values("r_hat", ascending=False)
    if len(apart):
        yield (
            f"R-hat of {named(apart)} is {apart['r_hat'].iloc[0]:.3f}, above {MAX_R_HAT}: "
            f"the chains do not agree; sample longer, with tune={2 * n_draws} and "
            f"draws={2 * n_draws}{otherwise}"
        )
    lowest = table[["ess_bulk", "ess_tail"]].min(axis=1).sort_values()
    few = table.loc[lowest.index[lowest < MIN_ESS_PER_CHAIN * n_chains]]
    if len(few):
        enough = n_draws * math.ceil(MIN_ESS_PER_CHAIN * n_chains / max(lowest.iloc[0], 1.0))
        longer = min(max(enough, 2 * n_draws), _MOST_TIMES_LONGER * n_draws)
        yield (
            f"{named(few)} has {lowest.iloc[0]:.0f} effective draws, too few: sample longer, "
            f"with draws={longer}"
        )
    if table["verdict"].eq("too few draws").any():
        yield f"there are too few draws per chain to diagnose any {what}: use draws=1000"


def stuck_chains(log_likelihood: FloatArray) -> Iterator[str]:
    """Yield a sentence if chains did not move, so that each of their draws is the same."""
    if log_likelihood.shape[1] < 2:
        return
    stuck = np.flatnonzero(np.ptp(log_likelihood, axis=1) == 0.0)
    if stuck.size:
        yield (
            f"chains {_listed(stuck)} are stuck: every draw is the same; use another random_state, "
            "or prior=InverseWishartPrior()"
        )


def collapsed_draws(draws: MixtureDraws) -> BoolArray:
    """Return which draws (C, S) have a component that has collapsed.

    :func:`gmm_em.covariance.collapse.collapsed` says what that is; features are measured in
    standard deviations of the mean mixture.

    Parameters
    ----------
    draws : MixtureDraws
        With aligned labels.
    """
    spread = np.sqrt(draws.mean().covariance.diagonal())
    return np.asarray(collapsed(draws.covariances, spread).any(axis=-1))


def collapsed_chains(draws: MixtureDraws) -> Iterator[str]:
    """Yield a sentence if chains have a component that all but lies on a hyperplane."""
    chains = np.flatnonzero(collapsed_draws(draws).any(axis=1))
    if chains.size:
        yield (
            f"chains {_listed(chains)}: a component collapsed onto rows that are tied in some "
            "direction, where the likelihood has no upper bound; use prior=InverseWishartPrior(), "
            "which keeps standard deviations away from zero, or fewer components"
        )


def separate_modes(
    log_likelihood: FloatArray,
    label_free: pd.DataFrame,
    remedy: str = "use sampler='smc' or sampler='gibbs', which move between modes",
) -> Iterator[str]:
    """Yield a sentence if chains have log-likelihoods of different sizes.

    It ends in `remedy`, which says what to try.
    """
    if label_free["r_hat"].to_dict()["log_likelihood"] > SEPARATE_MODES_R_HAT:
        levels = ", ".join(f"{level:.1f}" for level in log_likelihood.mean(axis=1))
        yield (
            f"chains are in different modes (mean log-likelihood by chain: {levels}), which no "
            f"relabelling reconciles; averages over all chains mean nothing; {remedy}"
        )


def _listed(chains: NDArray[np.intp]) -> str:
    """Return the numbers, separated by commas."""
    return ", ".join(str(int(chain)) for chain in chains)


def sampler_failures(
    n_divergent: int, n_max_treedepth: int, bfmi: tuple[float, ...], n_draws: int
) -> Iterator[str]:
    """Yield sentences of divergences, trajectories cut short, and a low E-BFMI."""
    if n_divergent > MAX_DIVERGENT_SHARE * n_draws:
        yield (
            f"{n_divergent} of {n_draws} transitions diverged: part of the posterior may be "
            "missing; use sampler=NUTS(target_accept=0.99) or a more informative prior"
        )
    if n_max_treedepth > MAX_CUT_SHORT_SHARE * n_draws:
        yield (
            f"{n_max_treedepth} of {n_draws} trajectories were cut short: use "
            "sampler=NUTS(max_treedepth=12)"
        )
    low = [value for value in bfmi if value < MIN_BFMI]
    if low:
        yield (
            f"E-BFMI is {min(low):.2f} in {len(low)} chains, below {MIN_BFMI}: sample longer, with "
            "tune=2000 and draws=4000"
        )
