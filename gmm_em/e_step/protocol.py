"""What every way to compute an E-step offers.

An E-step takes a mixture's parameters and looks at all rows once. How the rows are stored is its
own business: in memory, in a file, in chunks on other machines, with or without missing values.
What it returns does not depend on that, so the M-step and the accelerator see sums only.

To add an E-step, write a class that offers what `EStep` asks for, and a reader that opens rows
with it, and name the reader in :mod:`gmm_em.e_step.registry`.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from gmm_em.core.types import FloatArray, IndexArray
from gmm_em.e_step.totals import BatchedTotals, Totals
from gmm_em.rows.samples import Parameters


class EStep(Protocol):
    """Expected sufficient statistics of one data set, under any mixture of K components.

    All parameters and all results are in the inner units of a :class:`gmm_em.rows.samples.Samples`,
    ``(x - centre) / scale``. The same parameters always give the same results, to the last digit,
    whatever the number of threads or machines.
    """

    n_components: int

    def expect(self, parameters: Parameters) -> Totals:
        """Return the log-likelihood and the sums that the M-step needs.

        Parameters
        ----------
        parameters : Parameters
            Weights (K,), means (K, D) and covariances (K, D, D), not checked. Where the
            structure's `second` is "pooled" all covariances are equal.

        Returns
        -------
        Totals
            With an origin for each component, which the E-step chooses; `objective` is NaN. The
            caller may change the arrays.

        Raises
        ------
        SingularError
            If a covariance is not positive definite.
        """

    def support(self, parameters: Parameters) -> FloatArray:
        """Return how many rows each component rests on, shape (K,).

        ``(sum_n w_n r_kn)^2 / sum_n w_n r_kn^2``, with the responsibilities r and the rows'
        weights w: the number of rows, had all of the component's rows the same responsibility.
        """


class RowwiseEStep(EStep, Protocol):
    """An E-step that can also answer for each row, because the answers fit in memory."""

    def evaluate(self, parameters: Parameters) -> tuple[FloatArray, FloatArray]:
        """Return the log-density of each row, shape (N,), and the responsibilities, shape (K, N).

        Of a row with missing values it is the marginal log-density of what was observed.
        """


@runtime_checkable
class CompleteEStep(EStep, Protocol):
    """An E-step over rows of which none has missing values, and each can be read again."""

    def least_log_density(self, parameters: Parameters) -> float:
        """Return the log-density of the row where it is lowest."""


class ManyEStep(Protocol):
    """The E-step of many mixtures over the same rows."""

    def expect(self, parameters: Parameters) -> BatchedTotals:
        """Return sums over rows for weights (R, K), means (R, K, D), covariances (R, K, D, D).

        Raises
        ------
        SingularError
            If a covariance of any mixture is not positive definite.
        """

    def log_density(self, parameters: Parameters, index: IndexArray) -> FloatArray:
        """Return the log-density of chosen rows under each mixture, shape (R, n)."""
