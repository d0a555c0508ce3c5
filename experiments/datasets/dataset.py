"""A data set: rows, held-out rows, names and, where it is known, the truth."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.datasets.table import CHECK_ROWS, as_rows, refuse_constant
from gmm_em import Mixture


@dataclass(frozen=True)
class Dataset:
    """Rows to fit, rows held out, and the truth where it is known.

    Attributes
    ----------
    name : str
    X : ndarray of shape (n_samples, n_features)
        NaN where a value is missing.
    feature_names : tuple of str
    X_test : ndarray of shape (n_test, n_features) or None
        Without missing values.
    truth : Mixture or None
        Where the data depart from any Gaussian mixture, the one whose weights, means and
        covariances the components have.
    note : str
        What a reader should know about the rows: columns left out, departures from the truth.
    doubts : tuple of str
        Sentences that warn of what may be a mistake in the data; each is a finding of the verdict.
    """

    name: str
    X: FloatArray
    feature_names: tuple[str, ...]
    X_test: FloatArray | None = None
    truth: Mixture | None = None
    note: str = ""
    doubts: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Hash of the rows to fit: shape, then values as little-endian float64 in C order."""
        digest = hashlib.sha256(str(self.X.shape).encode())
        for start in range(0, len(self.X), CHECK_ROWS):
            block = np.ascontiguousarray(self.X[start : start + CHECK_ROWS], dtype="<f8")
            digest.update(block.tobytes())
        return digest.hexdigest()

    @property
    def has_missing(self) -> bool:
        """Whether a value of the rows to fit is missing."""
        return any(
            bool(np.isnan(self.X[start : start + CHECK_ROWS]).any())
            for start in range(0, len(self.X), CHECK_ROWS)
        )


def from_arrays(
    X: object, X_test: object = None, truth: Mixture | None = None, name: str = "data"
) -> Dataset:
    """Check arrays or data frames given from Python and make a data set of them."""
    rows, names = as_rows(X, "X")
    refuse_constant(rows, names, "X")
    test = None
    if X_test is not None:
        test, _ = as_rows(X_test, "X_test")
        if test.shape[1] != rows.shape[1]:
            raise UsageError(
                f"X_test has {test.shape[1]} columns, allowed is {rows.shape[1]} as in X"
            )
    if truth is not None and truth.n_features != rows.shape[1]:
        raise UsageError(
            f"truth has {truth.n_features} features, allowed is {rows.shape[1]} as in X"
        )
    return Dataset(name, rows, names, test, truth)
