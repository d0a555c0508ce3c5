"""One labelling out of K!: the posterior folded onto the mixtures in a reference's order.

The likelihood and the priors do not change when components are renumbered, so the posterior is K!
copies of one distribution. Whatever approximates it by a single hill, such as a normal proposal,
needs one copy: the mixtures whose components already stand in the order that brings them closest
to a reference (:func:`gmm_bayes.relabel`). On them the density is K! times as high and integrates
to the same. This is exact however much components overlap, and needs no sum over permutations; it
is what random permutations of the draws are for in Frühwirth-Schnatter (2004), the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from gmm_bayes.core.types import BoolArray, FloatArray
from gmm_bayes.density.conversion import standardised_draws, vectors
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.labels.relabelling import relabel
from gmm_em import Mixture


@dataclass(frozen=True)
class Fold:
    """The mixtures whose components stand in the order closest to a reference's.

    Parameters
    ----------
    target : LogPosterior
    reference : gmm_em.Mixture
        On the standardised scale.
    """

    target: LogPosterior
    reference: Mixture

    @property
    def log_copies(self) -> float:
        """The log of K!, by which the density is higher on one copy than on all."""
        return float(gammaln(self.target.n_components + 1.0))

    def contains(self, thetas: FloatArray) -> BoolArray:
        """Return which of the vectors (n, size), all on the support, stand in that order."""
        if self.target.n_components == 1 or not len(thetas):
            return np.ones(len(thetas), dtype=bool)
        order = relabel(self._mixtures(thetas), self.reference)[1][0]
        return np.asarray((order == np.arange(self.target.n_components)).all(axis=1))

    def bring(self, thetas: FloatArray) -> FloatArray:
        """Return the vectors (n, size), all on the support, each renumbered into that order."""
        if self.target.n_components == 1 or not len(thetas):
            return thetas
        aligned = relabel(self._mixtures(thetas), self.reference)[0]
        return vectors(self.target, aligned)[0]

    def restrict(self, values: FloatArray, thetas: FloatArray) -> FloatArray:
        """Return log densities (n,) of `thetas` (n, size) as those of the one copy."""
        inside = np.isfinite(values)
        inside[inside] = self.contains(thetas[inside])
        return np.where(inside, values + self.log_copies, -np.inf)

    def _mixtures(self, thetas: FloatArray) -> MixtureDraws:
        return standardised_draws(self.target, thetas[None])
