"""Choose what the report draws of a posterior: its chains, its energies, and rows left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.prediction import Scores
from experiments.core.types import FloatArray
from experiments.values.illustration import Energies, Health, LeftOutRows
from experiments.values.parameters import Parameters
from gmm_bayes.core.limits import MAX_PARETO_K, MIN_BFMI
from gmm_em.core.moments import variances

if TYPE_CHECKING:
    from experiments.datasets.dataset import Dataset
    from experiments.engines.contract import Fit
    from gmm_bayes import MixtureDraws
    from gmm_em import Mixture
    from gmm_em.parameter_names import ParameterLayout

# Parameters whose chains are drawn, and the numbers of all their chains together.
MAX_TRACED = 12
MAX_TRACE_VALUES = 12_000
# Parameters with diagnostics of their own.
MAX_DIAGNOSED = 1000
# Energies that are drawn, of all chains together.
MAX_ENERGIES = 2000
# Rows whose Pareto k is drawn: those with the largest, and others that are evenly spaced.
MAX_LARGEST = 200
MAX_LEFT_OUT = 2000


def health_of(fit: Fit, layout: ParameterLayout) -> Health:
    """Return the diagnostics of a fit with draws, parameter by parameter."""
    draws = fit.draws
    assert draws is not None
    raw = draws if fit.permutations is None else draws.permute(np.argsort(fit.permutations, -1))
    names, aligned = _entries(draws, layout)
    r_hat = _statistic(aligned, "rhat", method="rank")
    known = np.array([-np.inf if value is None else value for value in r_hat])
    worst = np.argsort(-known, kind="stable")[:MAX_TRACED]
    values = max(1, len(worst) * draws.n_chains)
    some = evenly(draws.n_draws, max(20, MAX_TRACE_VALUES // values))
    feature = _separating_feature(fit.mixture)
    few = evenly(draws.n_draws, max(50, MAX_TRACE_VALUES // (2 * draws.weights[:, 0].size)))
    return Health(
        parameters=names,
        r_hat=r_hat,
        r_hat_before=[]
        if fit.permutations is None
        else _statistic(_entries(raw, layout)[1], "rhat", method="rank"),
        ess_bulk=_statistic(aligned, "ess", method="bulk"),
        ess_tail=_statistic(aligned, "ess", method="tail", prob=(0.05, 0.95)),
        draws=some.tolist(),
        traced=[names[i] for i in worst],
        traces=_short(aligned[worst][:, :, some]),
        switching_feature=feature,
        switching_before=_short(raw.means[..., feature][:, few].transpose(2, 0, 1)),
        switching_after=_short(draws.means[..., feature][:, few].transpose(2, 0, 1)),
    )


def _entries(draws: MixtureDraws, layout: ParameterLayout) -> tuple[list[str], FloatArray]:
    """Return names and draws (P, C, S) of the free entries, at most `MAX_DIAGNOSED` of them."""
    names = [str(name) for name in layout.names[:MAX_DIAGNOSED]]
    return names, np.moveaxis(layout.values(Parameters.of(draws))[..., : len(names)], -1, 0)


def _statistic(values: FloatArray, name: str, **options: Any) -> list[float | None]:
    """Return one of ArviZ's statistics of each row of (P, C, S); null where it is undefined."""
    from arviz_stats.base import array_stats  # noqa: PLC0415 - ArviZ takes half a second

    # Up to rounding: the weight of a single component is 1 in every draw.
    varies = np.ptp(values, axis=(1, 2)) > 1e-12 * np.abs(values).max(axis=(1, 2))
    found = np.full(len(values), np.nan)
    if varies.any() and values.shape[2] >= 4:
        found[varies] = getattr(array_stats, name)(values[varies], **options)
    return [float(value) if np.isfinite(value) else None for value in found]


def _separating_feature(mixture: Mixture) -> int:
    """Return the feature whose means lie farthest apart, in units of the spread within."""
    return int(np.argmax(separation(Parameters.of(mixture))))


def separation(parameters: Parameters) -> FloatArray:
    """Return each feature's variance between components over that within, shape (D,)."""
    within, between = variances(*parameters)
    return np.asarray(between / within)


def energies_of(fit: Fit) -> Energies | None:
    """Return the energies of evenly spaced draws; None where the sampler has none.

    E-BFMI is that of all draws (Betancourt 2016, equation 2).
    """
    if fit.posterior is None or "sample_stats" not in fit.posterior.children:
        return None
    stats = fit.posterior["sample_stats"]
    if "energy" not in stats.data_vars:
        return None
    energy = stats["energy"].transpose("chain", "draw").to_numpy().astype(np.float64)
    n_chains, n_draws = energy.shape
    if n_draws < 3 or not np.isfinite(energy).all() or (np.ptp(energy, axis=1) == 0).any():
        return None
    from arviz_stats.base import array_stats  # noqa: PLC0415 - ArviZ takes half a second

    changes = np.diff(energy, axis=1)
    some = evenly(n_draws - 1, max(20, MAX_ENERGIES // n_chains))
    centred = energy[:, 1:] - energy.mean(axis=1, keepdims=True)
    return Energies(
        energies=_short(centred[:, some]),
        changes=_short(changes[:, some]),
        bfmi=[float(value) for value in np.atleast_1d(array_stats.bfmi(energy))],
        limit=MIN_BFMI,
    )


def left_out_rows(dataset: Dataset, scores: Scores, drawn: NDArray[np.intp]) -> LeftOutRows | None:
    """Return Pareto k row by row; None where no row was left out.

    Parameters
    ----------
    dataset : Dataset
    scores : Scores
        Of the fitted rows.
    drawn : ndarray of int
        Places of the rows that the report draws.
    """
    if scores.loo is None:
        return None
    k = scores.loo.pareto_k
    places = np.arange(len(k)) if scores.sample is None else scores.sample.rows
    largest = np.argsort(-k, kind="stable")[:MAX_LARGEST]
    some = np.union1d(largest, evenly(len(k), MAX_LEFT_OUT - len(largest)))
    point = {int(place): i for i, place in enumerate(drawn)}
    return LeftOutRows(
        rows=[int(row) for row in dataset.row_numbers[places[some]]],
        pareto_k=[round(float(v), 4) if np.isfinite(v) else None for v in k[some]],
        points=[point.get(int(place)) for place in places[some]],
        n_rows=len(k),
        limit=MAX_PARETO_K,
    )


def evenly(size: int, at_most: int) -> NDArray[np.intp]:
    """Return at most so many evenly spaced indices, the first and the last among them."""
    return np.unique(np.linspace(0, size - 1, min(size, at_most)).astype(int)).astype(np.intp)


def _short(values: FloatArray) -> Any:
    """Write draws with six digits: they are only looked at."""
    size = np.abs(values).max() or 1.0
    return np.round(values, max(0, 6 - int(np.floor(np.log10(size))))).tolist()
