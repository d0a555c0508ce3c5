"""Choose, of fits that may be large, what the report draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.assignments import responsibilities
from experiments.analysis.illustrate_posterior import (
    energies_of,
    evenly,
    health_of,
    left_out_rows,
)
from experiments.analysis.prediction import Scores
from experiments.analysis.replicates import check_features
from experiments.core.seeds import stream
from experiments.core.types import FloatArray
from experiments.values.base import ParameterValues
from experiments.values.illustration import EMSteps, Illustration
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


def illustrate(
    dataset: Dataset,
    fits: Mapping[str, Fit],
    layout: ParameterLayout,
    scores: Scores | None = None,
    seed: int = 0,
) -> Illustration:
    """Choose what the report draws.

    Parameters
    ----------
    dataset : Dataset
    fits : mapping of str to Fit
        Components in one order.
    layout : ParameterLayout
        Which parameters are free.
    scores : Scores, optional
        Of the rows under the posterior.
    seed : int
        Of the data sets that are replicated.
    """
    first = next(iter(fits.values())).mixture
    drawn = drawn_rows(dataset, first)
    points = dataset.X[drawn]
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
        if em is None or not em.maximum_likelihood or scores is None
        else _deviances(observed.log_likelihood(em.mixture, dataset.X), scores.draws),
        health=None if posterior is None else health_of(posterior, layout),
        energies=None if posterior is None else energies_of(posterior),
        left_out=None if scores is None else left_out_rows(dataset, scores, drawn),
        feature_checks=[]
        if draws is None
        else check_features(draws, dataset.X, stream(seed, "replicated data")),
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
    return list(values[evenly(values.size, MAX_DEVIANCES)].round(4))


def _flat(draws: MixtureDraws) -> Parameters:
    """Lay the chains of draws one after another."""
    return Parameters(*(part.reshape(-1, *part.shape[2:]) for part in Parameters.of(draws)))


def _some(mixtures: Parameters | None) -> list[ParameterValues]:
    """Choose a few dozen of many mixtures, fewer where each is large."""
    if mixtures is None:
        return []
    budget = MAX_MIXTURE_VALUES // mixtures.covariances[0].size
    count = int(np.clip(budget, MIN_MIXTURES, MAX_MIXTURES))
    chosen = evenly(len(mixtures.weights), count)
    return [ParameterValues.of(Parameters(*(part[i] for part in mixtures))) for i in chosen]


def _steps(run: int, steps: Sequence[Step]) -> EMSteps:
    return EMSteps(
        run=run,
        iterations=[step.iteration for step in steps],
        log_likelihoods=[step.log_likelihood for step in steps],
        mixtures=[ParameterValues.of(step.mixture) for step in steps],
    )
