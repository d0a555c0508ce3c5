"""Checks of the arguments of estimators' methods, with scikit-learn's error messages.

Code and tests that were written for scikit-learn match on these messages.
"""

from __future__ import annotations

import sys
import warnings
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmm_em.core.foreign import is_foreign, place_name
from gmm_em.core.numbers import as_numbers, is_plain


class ConvergenceWarning(UserWarning):
    """The best run stopped at max_iter."""


class NotFittedError(ValueError, AttributeError):
    """The estimator is used before it is fitted."""


def sklearn_or(own: type) -> type:
    """Return an exception class that is a scikit-learn exception, too, if that is loaded.

    Parameters
    ----------
    own : type
        One of the classes above, named like scikit-learn's.

    Returns
    -------
    type
        A subclass of `own` and of scikit-learn's class, so that ``except`` and ``pytest.warns``
        with either work; `own` itself where the program has not imported scikit-learn.
    """
    exceptions = sys.modules.get("sklearn.exceptions")
    theirs = getattr(exceptions, own.__name__, None)
    return own if theirs is None else _both(own, theirs)


@cache
def _both(own: type, theirs: type) -> type:
    return type(own.__name__, (own, theirs), {})


def feature_names(X: Any) -> NDArray[np.object_] | None:
    """Return the column names of a data frame, if all are strings.

    Raises
    ------
    TypeError
        If only some are.
    ValueError
        If two are equal.
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
    if kinds == {True} and len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ValueError(f"feature names must differ, got {twice!r} more than once")
    return names if kinds == {True} else None


def check_rows(X: Any, *, min_samples: int = 1, foreign: bool = False) -> Any:
    """Return `X` as a real array with two dimensions, whose values may not be finite.

    Float arrays, memory maps and dask arrays are returned as they are; and so are arrays of other
    libraries where `foreign` says so, which are otherwise copied to NumPy.
    """
    if hasattr(X, "toarray") or type(X).__module__.startswith("scipy.sparse"):
        raise TypeError(
            "Sparse data was passed, but dense data is required. Use '.toarray()' to convert to a "
            "dense numpy array."
        )
    if not (is_plain(X) or (foreign and is_foreign(X))):
        X = as_numbers(X)
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


def check_same_place(estimator: str, method: str, X: Any, fitted: Any) -> None:
    """Refuse rows that are elsewhere than those of the fit, where scikit-learn would.

    It does so while its option ``array_api_dispatch`` is on. Otherwise rows may be anywhere.

    Parameters
    ----------
    estimator, method : str
        Named in the error.
    X : array_like
    fitted : array
        An estimate of the fit.

    Raises
    ------
    ValueError
    """
    sklearn = sys.modules.get("sklearn")
    if sklearn is None or not sklearn.get_config()["array_api_dispatch"]:
        return
    if place_name(X) != place_name(fitted):
        raise ValueError(
            f"Inputs passed to {estimator}.{method}() must use the same namespace and the same "
            f"device as those passed to fit(): got {place_name(X)}, fitted to {place_name(fitted)}"
        )


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
