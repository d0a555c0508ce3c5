"""Data sets: drawn from a known mixture, built in, or the user's own table."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from importlib import resources
from pathlib import Path

import numpy as np

from experiments.config.data import BuiltinData, Data, FileData, SyntheticData
from experiments.config.truth import GeneratedTruth, WrittenTruth
from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.core.sizes import of_doubles, of_mixtures, refuse_beyond_memory
from experiments.core.types import FloatArray
from experiments.core.words import numbered, some
from experiments.datasets.dataset import Dataset
from experiments.datasets.table import LARGEST, NumericTable, complete_rows, refuse_constant
from experiments.datasets.truths import generate_truth
from experiments.datasets.truths.departures import (
    Contamination,
    Departure,
    HeavyTails,
    MissingValues,
    Skewness,
)
from experiments.datasets.truths.generate import MEAN_CANDIDATES
from gmm_em import Mixture
from gmm_em.core.threads import single_threaded_blas


@single_threaded_blas()
def load_dataset(
    data: Data, name: str, seed: np.random.SeedSequence, n_components: int | None = None
) -> Dataset:
    """Draw or read the data that a config names.

    Parameters
    ----------
    data : SyntheticData, BuiltinData or FileData
        The ``[data]`` table of a config.
    name : str
        What to call a synthetic data set.
    seed : SeedSequence
        Determines a synthetic data set, and which rows of a real one are held out.
    n_components : int, optional
        Number of components of a generated truth that names none of its own.

    Raises
    ------
    UsageError
        If the truth is no mixture or cannot meet its target, or a file is missing, unreadable or
        not all finite numbers.
    """
    return _load(data, name, seed, n_components)


@singledispatch
def _load(data: Data, name: str, seed: np.random.SeedSequence, n_components: int | None) -> Dataset:
    raise TypeError(f"data is {type(data).__name__}, allowed is a [data] table of a config")


# Synthetic -------------------------------------------------------------------------------------


@_load.register
def _draw(
    data: SyntheticData, name: str, seed: np.random.SeedSequence, n_components: int | None
) -> Dataset:
    if data.seed is not None:
        seed = stream(data.seed, "data")
    _refuse_size(data, n_components)
    truth = _truth(data.truth, n_components, _child(seed, "truth"))
    _refuse_scale(truth)
    departures = list(_departures(data))
    if data.missing and truth.n_features == 1:
        raise UsageError("data.missing: with one feature a row would have no value left")
    # The test rows have a stream of their own, so that their number does not change the others.
    seed_rows, seed_test = seed.spawn(2)
    X = _rows(truth, data.n_samples, departures, seed_rows)
    X_test = None
    if data.n_test:
        X_test = _rows(truth, data.n_test, [d for d in departures if d.held_out], seed_test)
    note = "; ".join(departure.note for departure in departures)
    if note:
        note += ": errors are against the weights, means and covariances of the undisturbed mixture"
    return Dataset(name, X, numbered(truth.n_features), X_test, truth, note)


def _refuse_scale(truth: Mixture) -> None:
    """Refuse a truth whose data would be beyond what double precision can compute with."""
    deviations = np.sqrt(np.diagonal(truth.covariances, axis1=1, axis2=2))
    largest = max(float(np.abs(truth.means).max()), float(deviations.max()))
    if largest > LARGEST:
        raise UsageError(
            f"data.truth: a mean or standard deviation of {largest:.3g}, allowed is at most "
            f"{LARGEST:g}: use other units"
        )


def _refuse_size(data: SyntheticData, n_components: int | None) -> None:
    """Refuse data that need more memory than is free, before any of it is taken."""
    truth = data.truth
    if isinstance(truth, WrittenTruth):
        n_features = len(truth.means[0]) if truth.means else 0
    else:
        n_features = truth.n_features
        k = truth.n_components or n_components or 1
        # The covariances, twenty sets of means and the distances between all pairs of them.
        pairs = of_doubles(MEAN_CANDIDATES, k, k, n_features)
        refuse_beyond_memory(
            of_mixtures(4, k, n_features) + pairs,
            f"data.truth of {k} components and {n_features} features",
            "a smaller n_features or n_components",
        )
    # Each row is drawn in standard units, moved to its component, and kept.
    refuse_beyond_memory(
        of_doubles(data.n_samples + data.n_test, 3 * n_features + 2),
        f"data.n_samples = {data.n_samples} and data.n_test = {data.n_test} rows of {n_features} "
        "features",
        "fewer of them",
    )


def _rows(
    truth: Mixture, n_rows: int, departures: list[Departure], seed: np.random.SeedSequence
) -> FloatArray:
    X, labels = truth.sample(n_rows, np.random.default_rng(seed))
    for departure in departures:
        rng = np.random.default_rng(_child(seed, departure.stream))
        X = departure.apply(X, labels, truth, rng)
    return X


def _departures(data: SyntheticData) -> Iterator[Departure]:
    if data.skewness:
        yield Skewness(data.skewness)
    if data.degrees_of_freedom is not None:
        yield HeavyTails(data.degrees_of_freedom)
    if data.contamination:
        yield Contamination(data.contamination)
    if data.missing:
        yield MissingValues(data.missing)


def _child(seed: np.random.SeedSequence, name: str) -> np.random.SeedSequence:
    """Return the stream of that name below another."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *name.encode()))


@singledispatch
def _truth(truth: object, n_components: int | None, seed: np.random.SeedSequence) -> Mixture:
    raise TypeError(f"truth is {type(truth).__name__}, allowed is a [data.truth] table of a config")


@_truth.register
def _written(
    truth: WrittenTruth, n_components: int | None, seed: np.random.SeedSequence
) -> Mixture:
    try:
        return Mixture(truth.weights, truth.means, truth.covariances)
    except ValueError as error:
        raise UsageError(f"data.truth: {error}") from None


_truth.register(GeneratedTruth, generate_truth)


# Real ------------------------------------------------------------------------------------------


@_load.register
def _builtin(
    data: BuiltinData, name: str, seed: np.random.SeedSequence, n_components: int | None
) -> Dataset:
    from experiments.datasets.files import read_table  # noqa: PLC0415 - it loads pandas

    folder = resources.files("experiments") / "data"
    with resources.as_file(folder / f"{data.name}.csv") as path:
        table = read_table(path, label_column=data.label_column)
    how = "--set data.label_column="
    return _split(data.name, table, data.test_fraction, seed, data.name, how)


@_load.register
def _from_file(
    data: FileData, name: str, seed: np.random.SeedSequence, n_components: int | None
) -> Dataset:
    from experiments.datasets.files import read_table  # noqa: PLC0415 - it loads pandas

    path = Path(data.path)
    table = read_table(
        path, data.columns, missing=data.missing != "refuse", label_column=data.label_column
    )
    if data.missing == "drop":
        table = complete_rows(table, str(path))
    return _split(path.stem, table, data.test_fraction, seed, str(path), "--label-column ")


def _split(
    name: str,
    table: NumericTable,
    fraction: float,
    seed: np.random.SeedSequence,
    origin: str,
    option: str,
) -> Dataset:
    """Hold out a share of a table's rows; `option` is what names a column of classes."""
    X, X_test = table.X, None
    n_test = round(fraction * len(X))
    if fraction and not 0 < n_test < len(X):
        raise UsageError(
            f"data.test_fraction = {fraction:g}: of {len(X)} rows it leaves none to one side"
        )
    if n_test:
        held_out = np.zeros(len(X), dtype=bool)
        held_out[np.random.default_rng(seed).permutation(len(X))[:n_test]] = True
        X_test = X[held_out]
        table = table.only(~held_out)
        X = table.X
        X_test = X_test[~np.isnan(X_test).any(axis=1)]
    refuse_constant(X, table.names, origin)
    return Dataset(
        name,
        X,
        table.names,
        X_test,
        note=_note(table, n_test, option),
        doubts=table.doubts,
        rows=table.rows,
        label_column=table.label_column,
        labels=table.labels,
    )


def _note(table: NumericTable, n_test: int, option: str) -> str:
    """Say what was used of a file where that is not all of it, or may not be meant."""
    parts = [f"left out: {some(table.left_out)}"] if table.left_out else []
    if table.label_column:
        parts.append(f"compared and not fitted: {table.label_column}")
    elif table.classes:
        parts.append(f"compare the clusters with {table.classes} by {option}{table.classes}")
    if table.counting:
        which = some(table.counting)
        only = "only counts the rows" if len(table.counting) == 1 else "only count the rows"
        parts.append(f"{which} {only}: name the columns to use if that is no measurement")
    if table.n_incomplete:
        dropped = f"{table.n_incomplete} of {table.n_incomplete + len(table.X) + n_test} rows"
        parts.append(f"{dropped} with missing values left out")
    if not parts:
        return ""
    used = "column used" if len(table.names) == 1 else "columns used"
    return "; ".join([f"{used}: {some(table.names)}", *parts])
