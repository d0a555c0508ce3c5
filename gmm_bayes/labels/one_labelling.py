"""One labelling out of K!: the posterior restricted to mixtures in a reference's order.

The likelihood and the priors do not change when components are renumbered, so the posterior
consists of K! copies of one distribution. An approximation with a single mode, such as a normal
proposal, needs one copy. That copy is the set of mixtures whose components already stand in the
order that brings them closest to a reference (:func:`gmm_bayes.relabel`). The posterior restricted
to it has K! times the density, and so the same integral. This is exact however much components
overlap, and needs no sum over permutations. Frühwirth-Schnatter (2004) permutes draws at random
for the same purpose: there the approximation covers all K! copies.
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
class OneLabelling:
    """The mixtures whose components stand in the order that brings them closest to a reference.

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
        """The log of K!: the restricted log density is higher by it."""
        return float(gammaln(self.target.n_components + 1.0))

    def contains(self, thetas: FloatArray) -> BoolArray:
        """Return which of the vectors (n, size), all on the support, stand in that order."""
        if self.target.n_components == 1 or not len(thetas):
            return np.ones(len(thetas), dtype=bool)
        order = relabel(self._mixtures(thetas), self.reference)[1][0]
        return np.asarray((order == np.arange(self.target.n_components)).all(axis=1))

    def renumber(self, thetas: FloatArray) -> FloatArray:
        """Return the vectors (n, size), all on the support, each renumbered into that order."""
        if self.target.n_components == 1 or not len(thetas):
            return thetas
        aligned = relabel(self._mixtures(thetas), self.reference)[0]
        return np.asarray(vectors(self.target, aligned)[0])

    def restrict(self, values: FloatArray, thetas: FloatArray) -> FloatArray:
        """Return the restricted log densities of `thetas` (n, size).

        `values` (n,) are their log densities under the whole posterior. Outside of the one
        labelling the result is minus infinity.
        """
        inside = np.isfinite(values)
        inside[inside] = self.contains(thetas[inside])
        return np.where(inside, values + self.log_copies, -np.inf)

    def _mixtures(self, thetas: FloatArray) -> MixtureDraws:
        """Return the vectors as draws of a single chain."""
        return standardised_draws(self.target, thetas[None])
