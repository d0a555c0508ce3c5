"""A data set: rows, held-out rows, names and, where it is known, the truth."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.datasets.labels import as_classes, split_labels
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
    rows : ndarray of int, shape (n_samples,), or None
        Places of the rows of `X` in the table that they came from, counted from 0; None where
        they are all of it.
    label_column : str
        Name of a column of classes, which no fit is told; empty where there is none.
    labels : tuple of str or None, length n_samples
        The class of each row of `X`, None where it is unknown; empty where there are no classes.
    """

    name: str
    X: FloatArray
    feature_names: tuple[str, ...]
    X_test: FloatArray | None = None
    truth: Mixture | None = None
    note: str = ""
    doubts: tuple[str, ...] = ()
    rows: NDArray[np.intp] | None = None
    label_column: str = ""
    labels: tuple[str | None, ...] = ()

    @property
    def row_numbers(self) -> NDArray[np.int64]:
        """Numbers of the rows of `X` in the table that they came from, counted from 1."""
        rows = np.arange(len(self.X)) if self.rows is None else self.rows
        return np.asarray(rows + 1, dtype=np.int64)

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
    X: object,
    X_test: object = None,
    truth: Mixture | None = None,
    name: str = "data",
    labels: object = None,
) -> Dataset:
    """Check arrays or data frames given from Python and make a data set of them.

    Parameters
    ----------
    X, X_test : array_like or DataFrame
    truth : Mixture, optional
    name : str
        Of the data set.
    labels : str or array_like of shape (n_samples,), optional
        Classes of the rows of `X`, or the name of the column of `X` that has them.

    Raises
    ------
    UsageError
        If they do not fit together, or are no finite numbers.
    """
    column, X, classes = split_labels(X, labels)
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
    return Dataset(
        name, rows, names, test, truth, label_column=column, labels=as_classes(classes, len(rows))
    )
