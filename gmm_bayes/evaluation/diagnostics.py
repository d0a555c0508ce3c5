"""Is this posterior to be trusted: convergence, effective sample sizes, label switching."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.space.structures import FULL, Structure

if TYPE_CHECKING:
    import pandas as pd


MAX_R_HAT = 1.01
"""Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), section 4."""
MIN_ESS_PER_CHAIN = 100
"""Bulk and tail effective draws per chain (same source), so 400 for four chains."""
MIN_BFMI = 0.3
"""Betancourt (2016): below, the momentum resampling explores the energy too slowly."""
SEPARATE_MODES_R_HAT = 1.2
"""Of the log-likelihood, which labels do not touch: above, chains live in different modes."""
COLLAPSED_SD = 1e-6
"""Standard deviation given other features, in units of the data's: below, it is singular."""
MAX_DIVERGENT_SHARE = 0.0
"""Any divergence may mean a part of the posterior that was left out."""


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
        One sentence each; empty if the posterior can be trusted as far as these diagnostics tell.
    notes : tuple of str
        What these diagnostics cannot tell of draws by this sampler, one sentence each.
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

    @property
    def converged(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def _defined(self, column: str) -> FloatArray:
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


def diagnose(
    aligned: MixtureDraws,
    raw: MixtureDraws,
    permutations: IntArray,
    log_likelihood: FloatArray,
    stats: Mapping[str, NDArray[Any]],
    structure: Structure = FULL,
    problems: Sequence[str] = (),
    notes: Sequence[str] = (),
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
    """
    from arviz_stats.base import array_stats

    parameters = _table(dict(_free_entries(aligned, structure)), aligned.n_chains)
    label_free = _table(_label_free(aligned, log_likelihood, stats), aligned.n_chains)
    n_divergent = int(stats["diverging"].sum()) if "diverging" in stats else 0
    cut_short = stats.get("reached_max_treedepth")
    n_max_treedepth = int(cut_short.sum()) if cut_short is not None else 0
    bfmi: tuple[float, ...] = ()
    if "energy" in stats and aligned.n_draws > 2:
        bfmi = tuple(float(b) for b in np.atleast_1d(array_stats.bfmi(stats["energy"])))
    changed = (permutations[:, 1:] != permutations[:, :-1]).any(axis=-1)
    found = [
        *problems,
        *_stuck_problems(log_likelihood),
        *_collapse_problems(aligned),
        *_mode_problems(log_likelihood, label_free),
        *_table_problems("parameter", parameters, aligned.n_chains),
        *_table_problems("label-free quantity", label_free, aligned.n_chains),
        *_sampler_problems(n_divergent, n_max_treedepth, bfmi, len(aligned)),
    ]
    return Diagnostics(
        parameters=parameters,
        label_free=label_free,
        before_alignment=_table(dict(_free_entries(raw, structure)), raw.n_chains),
        n_divergent=n_divergent,
        bfmi=bfmi,
        n_max_treedepth=n_max_treedepth,
        switch_rate=float(changed.mean()) if changed.size else 0.0,
        n_labelings=len(np.unique(permutations.reshape(-1, permutations.shape[-1]), axis=0)),
        problems=tuple(found),
        notes=tuple(notes),
    )


def _free_entries(draws: MixtureDraws, structure: Structure) -> Iterator[tuple[str, FloatArray]]:
    """Yield name and draws (C, S) of each weight, mean and free covariance entry.

    Of a matrix that components share, the first component's; of equal variances, the first one.
    """
    components, features = range(draws.n_components), range(draws.n_features)
    for k in components:
        yield f"weights[{k}]", draws.weights[:, :, k]
    for k in components:
        for i in features:
            yield f"means[{k}, {i}]", draws.means[:, :, k, i]
    for k in range(structure.n_covariances(draws.n_components)):
        for i in range(structure.n_sds(draws.n_features)):
            for j in range(i + 1) if structure.correlated else (i,):
                yield f"covariances[{k}, {i}, {j}]", draws.covariances[:, :, k, i, j]


def _label_free(
    draws: MixtureDraws, log_likelihood: FloatArray, stats: Mapping[str, NDArray[Any]]
) -> dict[str, FloatArray]:
    """Return draws (C, S) of quantities that renumbering the components does not change."""
    quantities = {"log_likelihood": log_likelihood}
    if "lp" in stats:
        quantities["lp"] = stats["lp"]
    mean = np.einsum("csk,cskd->csd", draws.weights, draws.means)
    centred = draws.means - mean[:, :, None, :]
    covariance = np.einsum("csk,cskij->csij", draws.weights, draws.covariances)
    covariance += np.einsum("csk,cski,cskj->csij", draws.weights, centred, centred)
    for i in range(draws.n_features):
        quantities[f"mean[{i}]"] = mean[:, :, i]
    for i in range(draws.n_features):
        for j in range(i + 1):
            quantities[f"covariance[{i}, {j}]"] = covariance[:, :, i, j]
    return quantities


def _table(quantities: Mapping[str, FloatArray], n_chains: int) -> pd.DataFrame:
    import pandas as pd
    from arviz_stats.base import array_stats

    values = np.stack(list(quantities.values()))
    rows = {
        "mean": values.mean(axis=(1, 2)),
        "sd": values.reshape(len(values), -1).std(axis=1, ddof=1)
        if values[0].size > 1
        else np.full(len(values), np.nan),
    }
    # Up to rounding: a single component's weight is 1 in every draw.
    varies = np.ptp(values, axis=(1, 2)) > 1e-12 * np.abs(values).max(axis=(1, 2))
    usable = varies & (values.shape[2] >= 4)
    for name, statistic in {
        "mcse_mean": lambda v: array_stats.mcse(v, method="mean"),
        "mcse_sd": lambda v: array_stats.mcse(v, method="sd"),
        "ess_bulk": lambda v: array_stats.ess(v, method="bulk"),
        "ess_tail": lambda v: array_stats.ess(v, method="tail", prob=(0.05, 0.95)),
        "r_hat": lambda v: array_stats.rhat(v, method="rank"),
    }.items():
        rows[name] = np.full(len(values), np.nan)
        if usable.any():
            # A stuck chain makes ArviZ divide by zero or take a root of rounding errors: NaN.
            with np.errstate(divide="ignore", invalid="ignore"):
                rows[name][usable] = statistic(values[usable])
    table = pd.DataFrame(rows, index=list(quantities))
    table["verdict"] = [
        _verdict(row, bool(v), n_chains)
        for (_, row), v in zip(table.iterrows(), varies, strict=True)
    ]
    return table


def _verdict(row: pd.Series, varies: bool, n_chains: int) -> str:
    if not varies:
        return "constant"
    if not math.isfinite(row["ess_bulk"]):
        return "too few draws"
    wrong = []
    if row["r_hat"] > MAX_R_HAT:
        wrong.append("chains disagree")
    if min(row["ess_bulk"], row["ess_tail"]) < MIN_ESS_PER_CHAIN * n_chains:
        wrong.append("few effective draws")
    return ", ".join(wrong) or "ok"


def _table_problems(what: str, table: pd.DataFrame, n_chains: int) -> Iterator[str]:
    def named(rows: pd.DataFrame) -> str:
        others = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        return f"{what} {rows.index[0]}{others}"

    apart = table[table["r_hat"] > MAX_R_HAT].sort_values("r_hat", ascending=False)
    if len(apart):
        yield (
            f"R-hat of {named(apart)} is {apart['r_hat'].iloc[0]:.3f}, above {MAX_R_HAT}: "
            "the chains do not agree"
        )
    lowest = table[["ess_bulk", "ess_tail"]].min(axis=1).sort_values()
    few = table.loc[lowest.index[lowest < MIN_ESS_PER_CHAIN * n_chains]]
    if len(few):
        yield f"{named(few)} has {lowest.iloc[0]:.0f} effective draws, too few: sample longer"
    if table["verdict"].eq("too few draws").any():
        yield f"there are too few draws per chain to diagnose any {what}"


def _stuck_problems(log_likelihood: FloatArray) -> Iterator[str]:
    """Tell of chains that did not move: each of their draws is the same."""
    if log_likelihood.shape[1] < 2:
        return
    stuck = np.flatnonzero(np.ptp(log_likelihood, axis=1) == 0.0)
    if stuck.size:
        yield (
            f"chains {_listed(stuck)} are stuck: every draw is the same; sample from another seed "
            "or use a more informative prior"
        )


def _collapse_problems(draws: MixtureDraws) -> Iterator[str]:
    """Tell of chains with a component that all but lies on a hyperplane."""
    spread = np.sqrt(draws.mean().covariance.diagonal())
    smallest = (np.diagonal(draws.scale_trils, axis1=-2, axis2=-1) / spread).min(axis=(2, 3))
    share = (smallest < COLLAPSED_SD).mean(axis=1)
    collapsed = np.flatnonzero(share > 0.0)
    if collapsed.size:
        yield (
            f"chains {_listed(collapsed)}: a component collapsed onto rows that are tied in some "
            "direction, where the likelihood has no upper bound; sample from another seed, with "
            "fewer components, or with a prior that keeps standard deviations away from zero"
        )


def _mode_problems(log_likelihood: FloatArray, label_free: pd.DataFrame) -> Iterator[str]:
    """Tell of chains that live at different heights: no relabelling reconciles those."""
    if label_free["r_hat"].to_dict()["log_likelihood"] > SEPARATE_MODES_R_HAT:
        levels = ", ".join(f"{level:.1f}" for level in log_likelihood.mean(axis=1))
        yield (
            f"chains are in different modes (mean log-likelihood by chain: {levels}), which no "
            "relabelling reconciles; averages over all chains mean nothing"
        )


def _listed(chains: NDArray[np.intp]) -> str:
    return ", ".join(str(int(chain)) for chain in chains)


def _sampler_problems(
    n_divergent: int, n_max_treedepth: int, bfmi: tuple[float, ...], n_draws: int
) -> Iterator[str]:
    if n_divergent > MAX_DIVERGENT_SHARE * n_draws:
        yield (
            f"{n_divergent} of {n_draws} transitions diverged: part of the posterior may be "
            "missing; raise target_accept or use a more informative prior"
        )
    if n_max_treedepth > 0.05 * n_draws:
        yield f"{n_max_treedepth} of {n_draws} trajectories were cut short: raise max_treedepth"
    low = [value for value in bfmi if value < MIN_BFMI]
    if low:
        yield f"E-BFMI is {min(low):.2f} in {len(low)} chains, below {MIN_BFMI}: sample longer"


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _rows(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {
        str(name): {
            str(column): value if isinstance(value, str) else _plain(value)
            for column, value in row.items()
        }
        for name, row in table.to_dict(orient="index").items()
    }
