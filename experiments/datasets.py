"""Data sets: drawn from a known mixture, built in, or the user's own table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import singledispatch
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.config_data import BuiltinData, Data, FileData, SyntheticData
from experiments.errors import UsageError
from gmm_em import Mixture

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dataset:
    """Rows to fit, rows held out, and the truth where it is known.

    Attributes
    ----------
    name : str
    X : ndarray of shape (n_samples, n_features)
    feature_names : tuple of str
    X_test : ndarray of shape (n_test, n_features) or None
    truth : Mixture or None
    """

    name: str
    X: Floats
    feature_names: tuple[str, ...]
    X_test: Floats | None = None
    truth: Mixture | None = None

    @property
    def sha256(self) -> str:
        """Hash of the rows to fit: shape, then values as little-endian float64 in C order."""
        digest = hashlib.sha256(str(self.X.shape).encode())
        digest.update(np.ascontiguousarray(self.X, dtype="<f8").tobytes())
        return digest.hexdigest()


def load_dataset(data: Data, name: str, seed: np.random.SeedSequence) -> Dataset:
    """Draw or read the data that a config names.

    Parameters
    ----------
    data : SyntheticData, BuiltinData or FileData
        The ``[data]`` table of a config.
    name : str
        What to call a synthetic data set.
    seed : SeedSequence
        Determines a synthetic data set; of no effect on a real one.

    Raises
    ------
    UsageError
        If the truth is no mixture, or a file is missing, unreadable or not all finite numbers.
    """
    return _load(data, name, seed)


def from_arrays(
    X: object, X_test: object = None, truth: Mixture | None = None, name: str = "data"
) -> Dataset:
    """Check arrays or data frames given from Python and make a data set of them."""
    rows, names = _as_rows(X, "X")
    test = None
    if X_test is not None:
        test, _ = _as_rows(X_test, "X_test")
        if test.shape[1] != rows.shape[1]:
            raise UsageError(
                f"X_test has {test.shape[1]} columns, allowed is {rows.shape[1]} as in X"
            )
    if truth is not None and truth.n_features != rows.shape[1]:
        raise UsageError(
            f"truth has {truth.n_features} features, allowed is {rows.shape[1]} as in X"
        )
    return Dataset(name, rows, names, test, truth)


@singledispatch
def _load(data: Data, name: str, seed: np.random.SeedSequence) -> Dataset:
    raise TypeError(f"data is {type(data).__name__}, allowed is a [data] table of a config")


@_load.register
def _draw(data: SyntheticData, name: str, seed: np.random.SeedSequence) -> Dataset:
    try:
        truth = Mixture(data.truth.weights, data.truth.means, data.truth.covariances)
    except ValueError as error:
        raise UsageError(f"data.truth: {error}") from None
    # The test rows have a stream of their own, so that their number does not change the others.
    rng, rng_test = (np.random.default_rng(child) for child in seed.spawn(2))
    X, _ = truth.sample(data.n_samples, rng)
    X_test = truth.sample(data.n_test, rng_test)[0] if data.n_test else None
    names = tuple(f"x{i + 1}" for i in range(truth.n_features))
    return Dataset(name, X, names, X_test, truth)


@_load.register
def _builtin(data: BuiltinData, name: str, seed: np.random.SeedSequence) -> Dataset:
    folder = resources.files("experiments") / "data"
    with resources.as_file(folder / f"{data.name}.csv") as path:
        table = pd.read_csv(path).select_dtypes("number").astype(np.float64)
    return Dataset(data.name, table.to_numpy(), tuple(table.columns))


@_load.register
def _from_file(data: FileData, name: str, seed: np.random.SeedSequence) -> Dataset:
    X, names = read_table(Path(data.path), data.columns)
    return Dataset(Path(data.path).stem, X, names)


def read_table(path: Path, columns: list[str] | None = None) -> tuple[Floats, tuple[str, ...]]:
    """Read the numeric columns of a ``.csv`` file, or a two-dimensional ``.npy`` array.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
    names : tuple of str
        The names of the columns used.

    Raises
    ------
    UsageError
        Naming the file, the row and the column of what is wrong.
    """
    readers = {".csv": _read_csv, ".npy": _read_npy}
    if path.suffix.lower() not in readers:
        raise UsageError(f"{path}: the file's name ends in '{path.suffix}', allowed is .csv, .npy")
    if not path.is_file():
        raise UsageError(f"{path}: no such data file")
    table = readers[path.suffix.lower()](path)
    if columns is not None:
        missing = [column for column in columns if column not in table.columns]
        if missing:
            known = ", ".join(map(str, table.columns))
            raise UsageError(f"{path}: no column '{missing[0]}', allowed is {known}")
        table = table[columns]
        text = [c for c in table.columns if not pd.api.types.is_numeric_dtype(table[c])]
        if text:
            raise UsageError(f"{path}: column '{text[0]}' holds text, allowed is numbers")
    table = table.select_dtypes("number")
    return _finite(table, str(path)), tuple(map(str, table.columns))


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"{path}: not a table of comma-separated values: {reason}") from None


def _read_npy(path: Path) -> pd.DataFrame:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"{path}: not a readable .npy array of numbers: {reason}") from None
    if array.ndim != 2:
        raise UsageError(
            f"{path}: an array of {array.ndim} dimensions, allowed is 2 (rows, columns)"
        )
    return pd.DataFrame(array, columns=[f"x{i + 1}" for i in range(array.shape[1])])


def _as_rows(X: object, name: str) -> tuple[Floats, tuple[str, ...]]:
    if not isinstance(X, pd.DataFrame):
        array = np.asarray(X)
        if array.ndim != 2:
            raise UsageError(
                f"{name} has {array.ndim} dimensions, allowed is 2 (n_samples, n_features)"
            )
        X = pd.DataFrame(array, columns=[f"x{i + 1}" for i in range(array.shape[1])])
    return _finite(X, name), tuple(map(str, X.columns))


def _finite(table: pd.DataFrame, origin: str) -> Floats:
    if not table.shape[1]:
        raise UsageError(f"{origin}: no numeric column, allowed is at least one")
    if not len(table):
        raise UsageError(f"{origin}: no rows, allowed is at least one")
    try:
        X = table.to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{origin}: holds values that are not numbers") from None
    bad = np.argwhere(~np.isfinite(X))
    if len(bad):
        row, column = bad[0]
        raise UsageError(
            f"{origin}: row {row + 1}, column '{table.columns[column]}' is {X[row, column]} "
            f"({len(bad)} such values), allowed is finite numbers"
        )
    return np.ascontiguousarray(X)
