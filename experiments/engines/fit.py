"""Fit one data set by several engines."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, SupportsIndex, cast

import numpy as np

from experiments.core.errors import FitError, UsageError
from experiments.core.progress import Report, silent
from experiments.core.seeds import stream
from experiments.core.sizes import refuse_beyond_memory
from experiments.datasets.collinear import why_collinear
from experiments.datasets.dataset import Dataset
from experiments.engines.contract import Engine, Fit, Foresees, StructuredEngine
from experiments.engines.registry import OWN, load_engine, make_engine
from gmm_em import DegenerateError
from gmm_em.core.threads import single_threaded_blas
from gmm_em.covariance.registry import NAMES, get_structure

ALL_COVARIANCE_TYPES = NAMES


@single_threaded_blas()
def fit_engines(
    dataset: Dataset,
    n_components: int,
    names: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    seed: int,
    progress: Report = silent,
    covariance_type: str = "full",
) -> dict[str, Fit]:
    """Fit a data set by each engine named; everything is checked before the first one starts.

    Raises
    ------
    UsageError
        If an engine, an option, the number of components or the structure of covariances is not
        allowed.
    FitError
        If an engine cannot fit these data.
    """
    engines = ready_engines(dataset, n_components, names, options, covariance_type)
    n_components = operator.index(n_components)
    fits = {}
    for name, engine in engines.items():
        task = (dataset.X, n_components, stream(seed, name), progress)
        try:
            fits[name] = _refuse_infinite(_fit(engine, task, covariance_type))
        except ValueError as error:
            why = ""
            # Other errors say their reason themselves.
            if isinstance(error, DegenerateError):
                why = _collinear(dataset, covariance_type)
            raise FitError(f"{dataset.name}: {name} cannot fit it: {why or error}") from error
    return fits


def ready_engines(
    dataset: Dataset,
    n_components: int,
    names: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    covariance_type: str = "full",
) -> dict[str, Engine]:
    """Return each engine named, once it is checked that all of them can fit a data set.

    Raises
    ------
    UsageError
        If an engine, an option, the number of components or the structure of covariances is not
        allowed, or if an engine needs more memory than is free.
    """
    n_components = check_components(n_components, len(dataset.X))
    engines = {name: make_engine(name, options.get(name, {})) for name in names}
    if unused := sorted(set(options) - set(names)):
        raise UsageError(f"options for '{unused[0]}', allowed is {', '.join(names)}")
    if dataset.has_missing:
        _check_missing(dataset.name, engines)
    for name, engine in engines.items():
        _check_structure(name, engine, covariance_type)
        _check_memory(f"{dataset.name}: {name}", engine, dataset.X.shape, n_components)
    return engines


def _refuse_infinite(fit: Fit) -> Fit:
    """Return a fit whose errors and intervals are numbers, and refuse another.

    Raises
    ------
    ValueError
    """
    errors = [fit.uncertainty, *fit.more_uncertainty.values()]
    errors += [bound for bounds in fit.intervals.values() for bound in bounds]
    if any(not np.isfinite(part).all() for found in errors if found is not None for part in found):
        raise ValueError(
            "its standard errors or intervals are beyond double precision, allowed are data in "
            "units that make them of ordinary size"
        )
    return fit


def _collinear(dataset: Dataset, covariance_type: str) -> str:
    """Say which column makes every full covariance singular, if one does."""
    if not get_structure(covariance_type).correlated:
        return ""
    why = why_collinear(dataset.X, dataset.feature_names)
    return why and (
        f"{why}, allowed with {covariance_type} covariances are columns that do not follow from "
        "others: leave it out, or take covariance_type = 'diag'"
    )


def _fit(engine: Engine, task: tuple[Any, ...], covariance_type: str) -> Fit:
    if _structures(engine) is None:
        return engine.fit(*task)
    return cast("StructuredEngine", engine).fit(*task, covariance_type=covariance_type)


def _structures(engine: Engine | type[Engine]) -> tuple[str, ...] | None:
    """Return what an engine declares; None for one that knows of full covariances only."""
    return getattr(engine, "covariance_types", None)


def check_structures(names: Sequence[str], covariance_types: Sequence[str]) -> None:
    """Refuse a structure of covariances that one of the engines named does not fit.

    Raises
    ------
    UsageError
    """
    for name in names:
        for covariance_type in covariance_types:
            _check_structure(name, load_engine(name), covariance_type)


def _check_structure(name: str, engine: Engine | type[Engine], covariance_type: str) -> None:
    if covariance_type not in ALL_COVARIANCE_TYPES:
        raise UsageError(
            f"covariance_type = {covariance_type!r}: allowed is {', '.join(ALL_COVARIANCE_TYPES)}"
        )
    allowed = _structures(engine) or ("full",)
    if covariance_type not in allowed:
        raise UsageError(
            f"covariance_type = '{covariance_type}': engine '{name}' fits {', '.join(allowed)}"
        )


def _check_memory(origin: str, engine: Engine, shape: tuple[int, ...], n_components: int) -> None:
    """Refuse a fit that needs more memory than is free, where the engine foresees what it needs."""
    if isinstance(engine, Foresees):
        n_bytes = engine.memory_needed(shape[0], shape[1], n_components)
        refuse_beyond_memory(
            n_bytes,
            f"{origin}, {n_components} components of {shape[0]} rows × {shape[1]} features",
            "less of these, or smaller settings of the engine",
        )


def _check_missing(origin: str, engines: Mapping[str, Engine]) -> None:
    refusing = [name for name, engine in engines.items() if not _accepts_missing(engine)]
    if refusing:
        accepting = [name for name in OWN if _accepts_missing(load_engine(name))]
        raise UsageError(
            f"{origin}: has missing values, which {', '.join(refusing)} cannot fit, allowed is "
            f"engines = {accepting}"
        )


def _accepts_missing(engine: Engine | type[Engine]) -> bool:
    """Return what an engine declares; False for one that does not know of missing values."""
    return bool(getattr(engine, "accepts_missing", False))


def check_components(n_components: object, n_samples: int) -> int:
    """Return a number of components as an integer, between 1 and the number of rows.

    Raises
    ------
    UsageError
        If it is not.
    """
    try:
        count = operator.index(cast(SupportsIndex, n_components))
    except TypeError:
        raise UsageError(
            f"n_components = {n_components!r}: allowed is a whole number of at least 1"
        ) from None
    if not 1 <= count <= n_samples:
        raise UsageError(f"n_components = {count}: allowed is 1 to {n_samples}, the number of rows")
    return count
