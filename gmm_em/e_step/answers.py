"""What a mixture says of rows: of NumPy's, or of another library's where those are."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from gmm_em.core.checks import check_sample_weight
from gmm_em.core.foreign import is_foreign, refuse_foreign
from gmm_em.core.foreign_densities import ForeignDensities
from gmm_em.core.threads import single_threaded_blas
from gmm_em.core.types import FloatArray, IntArray, Second
from gmm_em.e_step.blocked import evaluate
from gmm_em.e_step.missing import evaluate_missing
from gmm_em.mixture import Mixture


class Answers(Protocol):
    """What is known of N rows under a mixture.

    What is answered for each row is an array of the rows' own library, of float32 where they are.
    """

    @property
    def n_rows(self) -> int:
        """Number of rows, N."""

    def predict(self) -> Any:
        """Return the most probable component of each row, shape (N,)."""

    def responsibilities(self) -> Any:
        """Return the probability of each component given each row, shape (N, K)."""

    def log_prob(self) -> Any:
        """Return the log-density of each row, shape (N,)."""

    def log_likelihood(self, sample_weight: Any = None) -> float:
        """Return the weighted sum over rows of the log-density."""

    def certainty(self, sample_weight: Any = None) -> float:
        """Return the weighted sum over rows of the logarithm of the largest responsibility."""


class HostAnswers:
    """Answers about rows of NumPy, all of which are computed at once.

    Parameters
    ----------
    log_prob : ndarray, shape (N,)
    responsibilities : ndarray, shape (N, K)
    dtype : dtype
        Of the rows.
    """

    def __init__(self, log_prob: FloatArray, responsibilities: FloatArray, dtype: Any) -> None:
        self._log_prob, self._responsibilities = log_prob, responsibilities
        self._dtype = np.float32 if np.dtype(dtype) == np.float32 else np.float64

    @property
    def n_rows(self) -> int:
        """Number of rows, N."""
        return int(self._log_prob.shape[0])

    def predict(self) -> IntArray:
        """Return the most probable component of each row, shape (N,)."""
        return np.asarray(self._responsibilities.argmax(axis=1), dtype=np.int64)

    def responsibilities(self) -> Any:
        """Return the probability of each component given each row, shape (N, K)."""
        return self._responsibilities.astype(self._dtype)

    def log_prob(self) -> Any:
        """Return the log-density of each row, shape (N,)."""
        return self._log_prob.astype(self._dtype)

    def log_likelihood(self, sample_weight: Any = None) -> float:
        """Return the weighted sum over rows of the log-density."""
        return self._sum(self._log_prob, sample_weight)

    def certainty(self, sample_weight: Any = None) -> float:
        """Return the weighted sum over rows of the logarithm of the largest responsibility."""
        return self._sum(np.log(self._responsibilities.max(axis=1)), sample_weight)

    @single_threaded_blas()
    def _sum(self, values: FloatArray, sample_weight: Any) -> float:
        return float(row_weights(sample_weight, self.n_rows) @ values)


def row_weights(sample_weight: Any, n_rows: int) -> FloatArray:
    """Return the rows' weights, shape (N,): ones where none are given."""
    if sample_weight is None:
        return np.ones(n_rows)
    return check_sample_weight(sample_weight, n_rows)


def answers(mixture: Mixture, X: Any, second: Second, missing: str = "error") -> Answers:
    """Return what a mixture says of rows.

    Parameters
    ----------
    mixture : Mixture
    X : array_like, shape (N, D)
    second : {"full", "diagonal", "pooled"}
        What is known of the covariances: any, diagonal, or equal.
    missing : {"error", "mar"}
        Whether NaN in rows of NumPy stands for a value that is missing at random.
    """
    if missing == "mar":
        refuse_foreign(X, "missing='mar'")
        return HostAnswers(*evaluate_missing(mixture, X), X.dtype)
    if is_foreign(X):
        return ForeignDensities(mixture, X)
    return HostAnswers(*evaluate(mixture, X, second), X.dtype)
