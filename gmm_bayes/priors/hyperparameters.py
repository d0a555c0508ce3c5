"""Checks of a prior's hyperparameters, and their plain form for files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal, get_args

import numpy as np

Scale = Literal["standardised", "data"]
PerFeature = float | tuple[float, ...]
ScaleMatrix = float | tuple[float, ...] | tuple[tuple[float, ...], ...]

_SCALES: tuple[str, ...] = get_args(Scale)


def number(name: str, value: Any, *, positive: bool) -> float:
    """Return a finite (and positive) number as a float, or raise TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"prior's {name} must be a number, but is {value!r}")
    number = float(value)
    if not math.isfinite(number) or (positive and number <= 0.0):
        raise ValueError(
            f"prior's {name} must be finite{' and positive' if positive else ''}, but is {value!r}"
        )
    return number


def per_feature(name: str, value: Any, *, positive: bool) -> PerFeature:
    """Return one number, or a tuple of one for each feature; each is checked by :func:`number`."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            raise ValueError(f"prior's {name} is empty; give one number, or one for each feature")
        return tuple(number(f"{name}[{i}]", v, positive=positive) for i, v in enumerate(value))
    return number(name, value, positive=positive)


def scale_matrix(value: Any) -> ScaleMatrix:
    """Return a multiple of the identity, a diagonal or a whole matrix as plain floats."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, Sequence) or isinstance(value, str):
        return number("psi", value, positive=True)
    if not any(isinstance(row, (Sequence, np.ndarray)) for row in value):
        diagonal = per_feature("psi", value, positive=True)
        assert isinstance(diagonal, tuple)
        return diagonal
    try:
        matrix = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("prior's psi must be a number, a diagonal or a square matrix") from None
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
        raise ValueError("prior's psi must be a number, a diagonal or a square matrix, all finite")
    if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] <= 0.0:
        raise ValueError("prior's psi must be symmetric and positive definite")
    return tuple(tuple(float(v) for v in row) for row in matrix)


def check_widths(prior: Any, names: Sequence[str], n_features: int) -> None:
    """Raise ValueError if a hyperparameter of those names is for another number of features."""
    for name in names:
        value = getattr(prior, name)
        if isinstance(value, tuple) and len(value) != n_features:
            raise ValueError(
                f"prior's {name} is for {len(value)} features, but the data have {n_features}; "
                "give one number, or one for each feature"
            )


def check_dof(nu: float | None, n_features: int) -> None:
    """Raise ValueError if an inverse-Wishart distribution cannot have `nu` degrees of freedom."""
    if nu is not None and nu <= n_features - 1:
        raise ValueError(f"prior's nu must be more than D - 1 = {n_features - 1}, but is {nu:g}")


def check_scale(scale: Any) -> None:
    """Raise ValueError if `scale` is not one of the two scales of hyperparameters."""
    if scale not in _SCALES:
        raise ValueError(
            f"prior's scale is {scale!r}; allowed are {' and '.join(map(repr, _SCALES))}"
        )


def plain(value: Any) -> Any:
    """Return nested tuples as nested lists, which TOML and JSON can hold."""
    return [plain(v) for v in value] if isinstance(value, tuple) else value


def arguments(cls: type, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the constructor's arguments in `values`, whose kind must be `kind` if it is given."""
    given = dict(values)
    found = given.pop("kind", kind)
    if found != kind:
        raise ValueError(f"prior's kind is {found!r}, but that of {cls.__name__} is {kind!r}")
    allowed = [f.name for f in fields(cls)]
    unknown = [key for key in given if key not in allowed]
    if unknown:
        raise ValueError(
            f"prior has an unknown key {unknown[0]!r}; allowed are {', '.join(allowed)}"
        )
    return given
