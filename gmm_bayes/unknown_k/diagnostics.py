"""Diagnostics of draws whose numbers of components differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.evaluation.problems import separate_modes, stuck_chains, unreliable_rows
from gmm_bayes.evaluation.quantities import summary_table
from gmm_bayes.unknown_k.draws import VaryingDraws

if TYPE_CHECKING:
    import pandas as pd

_MOST_AT_THE_END = 0.001
"""Posterior probability of the largest number of components above which it cuts the answer."""

_REMEDY = "sample longer, and give a larger thin, so that more moves are made for each draw"
"""What to try where chains are in different modes."""


@dataclass(frozen=True)
class UnknownKDiagnostics:
    """Convergence diagnostics of a posterior whose number of components is unknown.

    Attributes
    ----------
    label_free : pandas.DataFrame
        One row for each quantity that neither the number nor the order of components defines:
        ``n_components``, ``n_filled``, ``log_likelihood``, and the mean and covariance entries of
        the whole mixture. Columns are those of :attr:`gmm_bayes.Diagnostics.label_free`.
    problems : tuple of str
        One sentence each; empty if the posterior can be trusted as far as these diagnostics tell.
    """

    label_free: pd.DataFrame
    problems: tuple[str, ...]

    @property
    def converged(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def max_r_hat(self) -> float:
        """Largest R-hat."""
        return _defined(self.label_free["r_hat"].to_numpy(), np.max)

    @property
    def min_ess_bulk(self) -> float:
        """Smallest bulk effective sample size."""
        return _defined(self.label_free["ess_bulk"].to_numpy(), np.min)

    @property
    def min_ess_tail(self) -> float:
        """Smallest tail effective sample size."""
        return _defined(self.label_free["ess_tail"].to_numpy(), np.min)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values fit for JSON; what is undefined is None."""
        return {
            "converged": self.converged,
            "problems": list(self.problems),
            "max_r_hat": _plain(self.max_r_hat),
            "min_ess_bulk": _plain(self.min_ess_bulk),
            "min_ess_tail": _plain(self.min_ess_tail),
            "label_free": {
                str(name): {
                    str(column): value if isinstance(value, str) else _plain(value)
                    for column, value in row.items()
                }
                for name, row in self.label_free.to_dict(orient="index").items()
            },
        }


def diagnose_unknown_k(
    draws: VaryingDraws,
    log_likelihood: FloatArray,
    max_components: int,
    is_bounded: bool,
    problems: Sequence[str] = (),
) -> UnknownKDiagnostics:
    """Return the diagnostics of draws.

    Parameters
    ----------
    draws : VaryingDraws
    log_likelihood : ndarray of shape (C, S)
    max_components : int
        Largest number of components considered.
    is_bounded : bool
        Whether the prior itself allows no more.
    problems : sequence of str
        What is known to be wrong already.
    """
    n_chains, n_draws = draws.n_components.shape
    quantities = {
        "n_components": draws.n_components.astype(np.float64),
        "n_filled": draws.n_filled.astype(np.float64),
        "log_likelihood": log_likelihood,
    }
    mean, covariance = draws.moments()
    for i in range(draws.n_features):
        quantities[f"mean[{i}]"] = mean[:, :, i]
    for i in range(draws.n_features):
        for j in range(i + 1):
            quantities[f"covariance[{i}, {j}]"] = covariance[:, :, i, j]
    table = summary_table(quantities, n_chains)
    found = [
        *problems,
        *separate_modes(log_likelihood, table, _REMEDY),
        *stuck_chains(log_likelihood),
        *unreliable_rows("label-free quantity", table, n_chains, n_draws, otherwise=""),
    ]
    at_the_end = float((draws.n_components == max_components).mean())
    if not is_bounded and at_the_end > _MOST_AT_THE_END:
        found.append(
            f"{max_components} components, the most that are considered, have the posterior "
            f"probability {at_the_end:.2g}: use a larger max_components"
        )
    return UnknownKDiagnostics(table, tuple(found))


def _defined(values: FloatArray, pick: Any) -> float:
    """Return the largest or smallest of the values that are not NaN, or NaN."""
    finite = values[np.isfinite(values)]
    return float(pick(finite)) if finite.size else float("nan")


def _plain(value: float) -> float | None:
    """Return a float that JSON can hold: None where it is not finite."""
    return float(value) if np.isfinite(value) else None
