"""The table of a posterior's quantities: each one's mean, errors, effective draws and R-hat."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.core.limits import MAX_R_HAT, MIN_ESS_PER_CHAIN
from gmm_bayes.core.types import FloatArray
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.space.structures import Structure

if TYPE_CHECKING:
    import pandas as pd


def free_entries(draws: MixtureDraws, structure: Structure) -> Iterator[tuple[str, FloatArray]]:
    """Yield name and draws (C, S) of each weight, mean and free covariance entry.

    Where components share a matrix, only the first component's entries are yielded; where variances
    are equal, only the first one.
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


def label_free_quantities(
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


def summary_table(quantities: Mapping[str, FloatArray], n_chains: int) -> pd.DataFrame:
    """Return mean, standard deviation, their Monte Carlo errors, ESS, R-hat and a verdict.

    Parameters
    ----------
    quantities : mapping of str to ndarray of shape (C, S)
    n_chains : int
        C, by which the least number of effective draws grows.
    """
    import pandas as pd  # noqa: PLC0415 - takes half a second to load
    from arviz_stats.base import array_stats  # noqa: PLC0415 - takes a second to load

    values = np.stack(list(quantities.values()))
    rows = {
        "mean": values.mean(axis=(1, 2)),
        "sd": values.reshape(len(values), -1).std(axis=1, ddof=1)
        if values[0].size > 1
        else np.full(len(values), np.nan),
    }
    # The tolerance is one of rounding: a single component's weight is 1 in every draw.
    varies = np.ptp(values, axis=(1, 2)) > 1e-12 * np.abs(values).max(axis=(1, 2))
    usable = varies & (values.shape[2] >= 4)
    statistics: dict[str, Callable[[FloatArray], FloatArray]] = {
        "mcse_mean": lambda v: array_stats.mcse(v, method="mean"),
        "mcse_sd": lambda v: array_stats.mcse(v, method="sd"),
        "ess_bulk": lambda v: array_stats.ess(v, method="bulk"),
        "ess_tail": lambda v: array_stats.ess(v, method="tail", prob=(0.05, 0.95)),
        "r_hat": lambda v: array_stats.rhat(v, method="rank"),
    }
    for name, statistic in statistics.items():
        rows[name] = np.full(len(values), np.nan)
        if usable.any():
            # For a chain that is stuck, ArviZ divides by zero or takes the root of a rounding
            # error. The result is NaN.
            with np.errstate(divide="ignore", invalid="ignore"):
                rows[name][usable] = statistic(values[usable])
    table = pd.DataFrame(rows, index=list(quantities))
    table["verdict"] = [
        _verdict(row, bool(v), n_chains)
        for (_, row), v in zip(table.iterrows(), varies, strict=True)
    ]
    return table


def _verdict(row: pd.Series, varies: bool, n_chains: int) -> str:
    """Return what a row of the table says of its quantity."""
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
