"""Choose, of fits that may be large, what the report draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.assignments import responsibilities
from experiments.core.types import FloatArray
from experiments.values.base import ParameterValues
from experiments.values.illustration import EMSteps, Health, Illustration
from experiments.values.parameters import Parameters
from experiments.values.roles import compared_pair, estimate_of, posterior_of
from gmm_em.e_step import observed

if TYPE_CHECKING:
    from experiments.datasets.dataset import Dataset
    from experiments.engines.contract import Fit, Step
    from gmm_bayes import MixtureDraws
    from gmm_em import Mixture
    from gmm_em.parameter_names import ParameterLayout

# Rows of the data: at most and at least so many, fewer where each has many numbers.
MAX_POINTS = 2000
MIN_POINTS = 200
MAX_POINT_VALUES = 24_000
# Mixtures of the posterior and of the bootstrap, in the same way.
MAX_MIXTURES = 40
MIN_MIXTURES = 5
MAX_MIXTURE_VALUES = 40_000
# Deviances of posterior draws.
MAX_DEVIANCES = 2000
# Parameters whose chains are drawn, and the numbers of all their chains together.
MAX_TRACED = 12
MAX_TRACE_VALUES = 12_000
# Parameters with diagnostics of their own.
MAX_DIAGNOSED = 1000


def illustrate(
    dataset: Dataset,
    fits: Mapping[str, Fit],
    layout: ParameterLayout,
    log_likelihoods: FloatArray | None = None,
) -> Illustration:
    """Choose what the report draws.

    Parameters
    ----------
    dataset : Dataset
    fits : mapping of str to Fit
        Components in one order.
    layout : ParameterLayout
        Which parameters are free.
    log_likelihoods : ndarray of shape (C, S), optional
        Of the data at each posterior draw.
    """
    first = next(iter(fits.values())).mixture
    points = dataset.X[drawn_rows(dataset, first)]
    pair = estimate_of(fits), posterior_of(fits)
    em, posterior = (None if name is None else fits[name] for name in pair)
    draws = None if posterior is None else posterior.draws
    return Illustration(
        points=points.tolist(),
        responsibilities={
            name: np.round(responsibilities(fit, points)[0], 4).tolist()
            for name, fit in fits.items()
            if name in compared_pair(fits)
        },
        posterior_mixtures=[] if draws is None else _some(_flat(draws)),
        bootstrap_mixtures=[] if em is None else _some(em.replicates),
        em_paths=[] if em is None else [path.tolist() for path in em.paths],
        em_finished=[] if em is None else list(em.finished),
        em_best_path=None if em is None else em.best_path,
        em_steps=[] if em is None else [_steps(*item) for item in em.steps().items()],
        deviances=[]
        if em is None or not em.maximum_likelihood or log_likelihoods is None
        else _deviances(observed.log_likelihood(em.mixture, dataset.X), log_likelihoods),
        health=None if posterior is None else _health(posterior, layout),
    )


def drawn_rows(dataset: Dataset, mixture: Mixture) -> NDArray[np.intp]:
    """Return the places of the rows that the report draws: complete ones, evenly spaced.

    Parameters
    ----------
    dataset : Dataset
    mixture : Mixture
        Of any of the fits: the more numbers it has for each row, the fewer rows are drawn.
    """
    width = max(mixture.n_components, mixture.n_features)
    n_points = int(np.clip(MAX_POINT_VALUES // width, MIN_POINTS, MAX_POINTS))
    complete = np.flatnonzero(~np.isnan(dataset.X).any(axis=1))
    return complete[:: max(1, -(-len(complete) // n_points))]


def _deviances(top: float, log_likelihoods: FloatArray) -> list[float]:
    values = 2 * (top - log_likelihoods.ravel())
    return list(values[_even(values.size, MAX_DEVIANCES)].round(4))


def _even(size: int, at_most: int) -> NDArray[np.intp]:
    """Return at most so many evenly spaced indices, the first and the last among them."""
    return np.unique(np.linspace(0, size - 1, min(size, at_most)).astype(int)).astype(np.intp)


def _flat(draws: MixtureDraws) -> Parameters:
    """Lay the chains of draws one after another."""
    return Parameters(*(part.reshape(-1, *part.shape[2:]) for part in Parameters.of(draws)))


def _some(mixtures: Parameters | None) -> list[ParameterValues]:
    """Choose a few dozen of many mixtures, fewer where each is large."""
    if mixtures is None:
        return []
    budget = MAX_MIXTURE_VALUES // mixtures.covariances[0].size
    count = int(np.clip(budget, MIN_MIXTURES, MAX_MIXTURES))
    chosen = _even(len(mixtures.weights), count)
    return [ParameterValues.of(Parameters(*(part[i] for part in mixtures))) for i in chosen]


def _steps(run: int, steps: Sequence[Step]) -> EMSteps:
    return EMSteps(
        run=run,
        iterations=[step.iteration for step in steps],
        log_likelihoods=[step.log_likelihood for step in steps],
        mixtures=[ParameterValues.of(step.mixture) for step in steps],
    )


def _health(fit: Fit, layout: ParameterLayout) -> Health:
    draws = fit.draws
    assert draws is not None
    raw = draws if fit.permutations is None else draws.permute(np.argsort(fit.permutations, -1))
    names, aligned = _entries(draws, layout)
    r_hat = _statistic(aligned, "rhat", method="rank")
    known = np.array([-np.inf if value is None else value for value in r_hat])
    worst = np.argsort(-known, kind="stable")[:MAX_TRACED]
    values = max(1, len(worst) * draws.n_chains)
    some = _even(draws.n_draws, max(20, MAX_TRACE_VALUES // values))
    feature = _separating_feature(fit.mixture)
    few = _even(draws.n_draws, max(50, MAX_TRACE_VALUES // (2 * draws.weights[:, 0].size)))
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
    weights, means, covariances = parameters
    between = weights @ (means - weights @ means) ** 2
    within = weights @ np.diagonal(covariances, axis1=1, axis2=2)
    return np.asarray(between / within)


def _short(values: FloatArray) -> Any:
    """Write draws with six digits: they are only looked at."""
    size = np.abs(values).max() or 1.0
    return np.round(values, max(0, 6 - int(np.floor(np.log10(size))))).tolist()
