"""What scikit-learn's estimators check at their door, in its own words.

Code and tests written for scikit-learn match on these messages.
"""

from __future__ import annotations

import sys
import warnings
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmm_em.covariance import CovarianceStructure
from gmm_em.mixture import FloatArray, Mixture
from gmm_em.starts import PartialStart


class ConvergenceWarning(UserWarning):
    """The best run stopped at max_iter."""


class NotFittedError(ValueError, AttributeError):
    """The estimator is used before it is fitted."""


def sklearn_or(own: type) -> type:
    """Return `own`, as scikit-learn's class of that name, too, where the caller has it loaded."""
    exceptions = sys.modules.get("sklearn.exceptions")
    theirs = getattr(exceptions, own.__name__, None)
    return own if theirs is None else _both(own, theirs)


@cache
def _both(own: type, theirs: type) -> type:
    return type(own.__name__, (own, theirs), {})


def feature_names(X: Any) -> NDArray[np.object_] | None:
    """Column names of a data frame, if all are strings.

    Raises
    ------
    TypeError
        If only some are.
    """
    columns = getattr(X, "columns", None)
    if columns is None or not hasattr(X, "shape"):
        return None
    names = np.asarray(columns, dtype=object)
    kinds = {isinstance(name, str) for name in names}
    if kinds == {True, False}:
        raise TypeError(
            "Feature names are only supported if all input features have string names, but your "
            "input has mixed types of column names"
        )
    return names if kinds == {True} else None


def check_rows(X: Any, *, min_samples: int = 1) -> Any:
    """Return `X` as something two-dimensional and real; whether it is finite is not looked at.

    Float arrays, memory maps and dask arrays are returned as they are.
    """
    if hasattr(X, "toarray") or type(X).__module__.startswith("scipy.sparse"):
        raise TypeError(
            "Sparse data was passed, but dense data is required. Use '.toarray()' to convert to a "
            "dense numpy array."
        )
    ready = (
        hasattr(X, "__array_function__")
        and hasattr(X, "dtype")
        and np.dtype(X.dtype).kind in "fiub"
        and not hasattr(X, "iloc")
    )
    if not ready:
        X = _converted(X)
    if len(X.shape) != 2:
        found = f"Expected 2D array, got {len(X.shape)}D array instead"
        raise ValueError(
            f"{found}. Reshape your data either using array.reshape(-1, 1) if your data has a "
            "single feature or array.reshape(1, -1) if it contains a single sample."
        )
    for axis, (name, least) in enumerate((("sample", min_samples), ("feature", 1))):
        if X.shape[axis] < least:
            raise ValueError(
                f"Found array with {X.shape[axis]} {name}(s) (shape={tuple(X.shape)}) while a "
                f"minimum of {least} is required."
            )
    return X


def _converted(X: Any) -> FloatArray:
    array = np.asarray(X)
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{X}\n")
    if array.dtype.kind in "SU":
        raise ValueError("dtype='numeric' is not compatible with arrays of bytes/strings")
    if array.dtype == np.float32:
        return array
    try:
        return np.asarray(array, dtype=np.float64)
    except TypeError as error:
        raise TypeError(f"argument must be a string or a number: {error}") from None
    except ValueError as error:
        raise ValueError(f"X must hold numbers: {error}") from None


def check_feature_names(
    estimator: str, names: NDArray[np.object_] | None, fitted: NDArray[np.object_] | None
) -> None:
    """Compare a data frame's column names with those seen in fit."""
    if fitted is None and names is None:
        return
    if names is None:
        warnings.warn(
            f"X does not have valid feature names, but {estimator} was fitted with feature names",
            UserWarning,
            stacklevel=4,
        )
        return
    if fitted is None:
        warnings.warn(
            f"X has feature names, but {estimator} was fitted without feature names",
            UserWarning,
            stacklevel=4,
        )
        return
    if np.array_equal(names, fitted):
        return
    message = "The feature names should match those that were passed during fit.\n"
    unexpected = sorted(set(names) - set(fitted))
    missing = sorted(set(fitted) - set(names))
    if unexpected:
        message += "Feature names unseen at fit time:\n" + _listed(unexpected)
    if missing:
        message += "Feature names seen at fit time, yet now missing:\n" + _listed(missing)
    if not unexpected and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    raise ValueError(message)


def _listed(names: list[str]) -> str:
    shown = "".join(f"- {name}\n" for name in names[:5])
    return shown + ("- ...\n" if len(names) > 5 else "")


def initial_values(
    weights: ArrayLike | None,
    means: ArrayLike | None,
    precisions: ArrayLike | None,
    structure: CovarianceStructure,
    shape: tuple[int, int],
) -> Mixture | PartialStart | None:
    """Check ``weights_init``, ``means_init``, ``precisions_init``; None where none is given.

    Parameters
    ----------
    weights, means, precisions : array_like, optional
    structure : CovarianceStructure
    shape : tuple of int
        K and D.
    """
    if weights is None and means is None and precisions is None:
        return None
    if weights is not None:
        weights = _checked_weights(_shaped("weights", weights, shape[:1]))
    if means is not None:
        means = _shaped("means", means, shape)
        if not np.isfinite(means).all():
            raise ValueError("The parameter 'means' should be finite")
    covariances = None
    if precisions is not None:
        name = f"{structure.name} precision"
        given = _shaped(name, precisions, structure.compact_shape(*shape))
        full = structure.expand(given, *shape)
        gap = np.abs(full - full.transpose(0, 2, 1))
        symmetric = bool((gap <= 1e-8 + 1e-5 * np.abs(full)).all())
        if not (symmetric and np.all(np.linalg.eigvalsh(full) > 0)):
            diagonal = structure.second == "diagonal"
            wanted = "positive" if diagonal else "symmetric, positive-definite"
            raise ValueError(f"'{name}' should be {wanted}")
        covariances = np.linalg.inv(full)
        covariances = 0.5 * (covariances + covariances.transpose(0, 2, 1))
    if weights is not None and means is not None and covariances is not None:
        return Mixture(weights, means, covariances)
    return PartialStart(weights, means, covariances)


def _shaped(name: str, value: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    array = np.asarray(value, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(
            f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}"
        )
    return array


def _checked_weights(weights: FloatArray) -> FloatArray:
    if not np.all((weights >= 0) & (weights <= 1)):
        # The labels are swapped in scikit-learn's message, and here so that it is the same.
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{np.min(weights):.5f}, min value {np.max(weights):.5f}"
        )
    if not abs(weights.sum() - 1.0) <= 1e-6:
        raise ValueError(
            "The parameter 'weights' should be normalized, but got sum(weights) = "
            f"{np.sum(weights):.5f}"
        )
    return weights / weights.sum()
