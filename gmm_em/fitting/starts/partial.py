"""A start of which the user gave a part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gmm_em.covariance.base import CovarianceStructure
from gmm_em.fitting.starts.base import Rows, from_responsibilities, one_hot, squared_distances
from gmm_em.rows.samples import Parameters, Samples


@dataclass(frozen=True, eq=False)
class PartialStart:
    """What of a start is given, in the data's own units; the rest is estimated.

    With `means` given, rows are assigned to the nearest, and weights and covariances estimated
    from that. Otherwise whatever is given replaces what each start of a strategy proposed.

    Parameters
    ----------
    weights : array_like, shape (K,), optional
    means : array_like, shape (K, D), optional
    covariances : array_like, shape (K, D, D), optional
    """

    weights: ArrayLike | None = None
    means: ArrayLike | None = None
    covariances: ArrayLike | None = None

    @property
    def decides(self) -> bool:
        """Whether nothing of the start is left to chance, as the means are given."""
        return self.means is not None

    def complete(
        self, samples: Samples, structure: CovarianceStructure, proposals: list[Parameters]
    ) -> list[Parameters]:
        """Return starts in inner units, from the proposals where `means` are not given."""
        if self.means is not None:
            rows = Rows.of(samples, structure)
            means = (np.asarray(self.means, dtype=np.float64) - samples.centre) / samples.scale
            centres = (means - rows.centre) / rows.scale
            nearest = one_hot(squared_distances(rows.X, centres).argmin(axis=1), means.shape[0])
            guess = rows.inner(from_responsibilities(rows, nearest, structure))
            proposals = [guess._replace(means=means)]
        if self.weights is not None:
            weights = np.asarray(self.weights, dtype=np.float64)
            proposals = [proposal._replace(weights=weights) for proposal in proposals]
        if self.covariances is not None:
            covariances = np.asarray(self.covariances, dtype=np.float64)
            covariances = covariances / (samples.scale[:, None] * samples.scale)
            proposals = [proposal._replace(covariances=covariances) for proposal in proposals]
        return proposals
