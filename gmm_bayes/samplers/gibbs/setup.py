"""What all chains of the Gibbs sampler share: data, prior and coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gmm_bayes.core.missing import filled
from gmm_bayes.density.incomplete import load_incomplete
from gmm_bayes.density.log_posterior import LogPosterior, by_pattern
from gmm_bayes.density.row_loops import load_row_loops
from gmm_bayes.density.shared_scale import load_shared_scale
from gmm_bayes.priors.conjugate import SemiConjugatePrior
from gmm_bayes.priors.data_scale import DataScale
from gmm_bayes.samplers.chain_starts import ChainStarts
from gmm_bayes.samplers.contract import Task
from gmm_bayes.samplers.gibbs.coordinates import Coordinates, prior_powers
from gmm_bayes.samplers.gibbs.sweep import ConjugateModel, State
from gmm_bayes.space.scaling import Scaling
from gmm_bayes.space.structures import get_structure


@dataclass(frozen=True)
class Setup:
    """What all chains share.

    Parameters
    ----------
    scaling : Scaling
        Standardisation of the data.
    coordinates : Coordinates
        Layout of the vector that the marginal moves act on.
    model : ConjugateModel
        Data and prior on the standardised scale.
    starts : ChainStarts
    """

    scaling: Scaling
    coordinates: Coordinates
    model: ConjugateModel
    starts: ChainStarts

    @classmethod
    def of(cls, task: Task, prior: SemiConjugatePrior, starts: ChainStarts | None = None) -> Setup:
        """Return the setup for a task and its prior.

        Parameters
        ----------
        task : Task
        prior : SemiConjugatePrior
        starts : ChainStarts, optional
            Where chains start; by default without a population.
        """
        load_row_loops()
        structure = get_structure(task.covariance_type)
        scaling = Scaling.from_data(task.X, structure)
        data = DataScale.of(task.X, task.n_components, structure, scaling)
        terms = prior.terms(data, structure)
        d = task.X.shape[1]
        dof = prior.covariance_dof(d) - d + 1.0
        shared = terms.shared_scale
        psi = terms.covariance.psi if shared is None else shared.rate
        Z = scaling.standardise(task.X)
        complete, patterns, values = by_pattern(Z)
        if shared is not None:
            load_shared_scale()
        if len(patterns) > 0:
            load_incomplete()
        model = ConjugateModel(
            data=np.ascontiguousarray(complete.T),
            patterns=patterns,
            values=values,
            n_rows=len(complete) + int(patterns[:, 0].sum()),
            concentration=prior.concentration,
            mean_loc=np.ascontiguousarray(terms.mean.loc, dtype=np.float64),
            kappa=terms.mean.kappa,
            mean_precision=np.ascontiguousarray(terms.mean.precision, dtype=np.float64),
            dof=dof,
            scale_power=0.0 if shared is None else shared.power,
            psi=np.ascontiguousarray(psi, dtype=np.float64),
            powers=prior_powers(structure, dof, d),
            shared=structure.shared,
            correlated=structure.correlated,
            isotropic=structure.isotropic,
        )
        if starts is None:
            target = LogPosterior(task.X, task.n_components, prior, structure)
            starts = ChainStarts(target, filled(target.scaling.standardise(task.X)))
        return cls(scaling, Coordinates(task.n_components, d, structure), model, starts)

    def start(self, rng: np.random.Generator) -> State:
        """Return a random plausible state."""
        k = self.coordinates.n_components
        weights, means, covariances = self.starts.target.space.to_mixtures(self.starts.draw(rng))
        whiteners = np.linalg.inv(np.linalg.cholesky(covariances))
        return State(weights, means, whiteners, np.arange(k, dtype=np.int64))
