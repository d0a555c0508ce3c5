"""What the E-steps over complete rows have in common, wherever the rows are summed."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from gmm_em.core.types import FloatArray, Second
from gmm_em.e_step.features import Density, density, feature_map
from gmm_em.e_step.lane_totals import totals_of
from gmm_em.e_step.totals import Totals, support_of
from gmm_em.e_step.workspace import LaneSums
from gmm_em.rows.samples import Parameters, Samples


class SummedEStep[Rows: Samples](ABC):
    """The E-step over complete rows, for mixtures of one shape.

    A subclass sums over the rows where they are. What does not depend on the place is here: the
    mixture is prepared before, and moments are made of the sums after.

    Parameters
    ----------
    samples : Samples
    n_components : int
    second : {"full", "diagonal", "pooled"}
        Which second moments to collect; "pooled" is valid for shared covariances only.
    strict : bool, default False
        Refuse covariances that are singular to rounding.
    """

    def __init__(
        self, samples: Rows, n_components: int, second: Second = "full", *, strict: bool = False
    ) -> None:
        self.samples = samples
        self.n_components = n_components
        self._map = feature_map(second, samples.n_features)
        self._strict = strict
        self._pooled: FloatArray | None = None

    def expect(self, parameters: Parameters) -> Totals:
        """Log-likelihood and expected sufficient statistics.

        Raises
        ------
        SingularError
            If a covariance is not positive definite.
        """
        with np.errstate(all="ignore"):
            prepared = density(self._map, parameters, strict=self._strict)
            sums = self._sums(prepared)
        return totals_of(sums, prepared, self._map, self._second_moment)

    def support(self, parameters: Parameters) -> FloatArray:
        """How many rows each component rests on, shape (K,)."""
        return support_of(self.support_sums(parameters))

    @abstractmethod
    def support_sums(self, parameters: Parameters) -> FloatArray:
        """Return the sums of responsibilities and of their squares, shape (2, K)."""

    @abstractmethod
    def _sums(self, prepared: Density) -> LaneSums:
        """Return the log-likelihood and the sums of phi over all rows.

        It is called where NumPy's warnings of overflow and the like are off.
        """

    @abstractmethod
    def _sum_of_products(self) -> FloatArray:
        """Return the weighted sum of ``x x^T`` over all rows, shape (D, D)."""

    def _second_moment(self) -> FloatArray:
        """Weighted sum of ``x x^T`` over all rows; it never changes, so it is taken once."""
        if self._pooled is None:
            self._pooled = self._sum_of_products()
        return self._pooled
