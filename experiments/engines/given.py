"""Fits that somebody else made, in the shape that every engine shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.core.errors import UsageError
from experiments.core.types import FloatArray
from experiments.datasets.dataset import Dataset
from experiments.engines.contract import Fit
from experiments.engines.drawn import fit_of_draws
from gmm_bayes import MixtureDraws, ModelInNumbers
from gmm_em import Mixture
from gmm_em.core.foreign import to_host
from gmm_em.covariance.registry import get_structure

PARTS = ("weights", "means", "covariances")
ALLOWED = (
    "a Mixture, a fitted estimator of a Gaussian mixture, draws as (weights, means, covariances), "
    "or a DataTree whose group 'posterior' has weights, means and covariances"
)


def given_fits(
    fits: Mapping[str, object], dataset: Dataset, n_components: int, covariance_type: str
) -> dict[str, Fit]:
    """Turn fits from anywhere into those that a comparison takes.

    Parameters
    ----------
    fits : mapping of str to object
        Each is a `Fit`; a `gmm_em.Mixture`; a fitted estimator with scikit-learn's ``weights_``,
        ``means_`` and ``covariances_``, of this project with its draws; `gmm_bayes.MixtureDraws`;
        a triple or a mapping of weights, means and covariances, those of one mixture with shapes
        (K,), (K, D), (K, D, D), or those of draws with one leading axis (draws) or two (chains,
        draws); or a DataTree in ArviZ's schema with these in its group ``posterior``.
    dataset : Dataset
        The rows that they were fitted to.
    n_components : int
        Number of components that each has.
    covariance_type : {"full", "tied", "diag", "spherical"}
        What their covariances leave free.

    Returns
    -------
    dict of str to Fit
        The labels of draws are aligned, their chains diagnosed.

    Raises
    ------
    UsageError
        If one is none of these, or has other components or features.
    """
    return {
        name: _checked(name, _fit_of(name, given, dataset, covariance_type), dataset, n_components)
        for name, given in fits.items()
    }


def _fit_of(name: str, given: object, dataset: Dataset, covariance_type: str) -> Fit:
    if isinstance(given, Fit):
        return given
    try:
        if isinstance(given, Mixture):
            return Fit(given, 0.0, title=name)
        if isinstance(given, MixtureDraws):
            return _of_draws(name, given, {}, dataset, covariance_type)
        if (draws := getattr(given, "draws_", None)) is not None:
            model = getattr(given, "model_in_numbers_", None)
            return _of_draws(name, draws, {}, dataset, covariance_type, model)
        if all(hasattr(given, f"{part}_") for part in PARTS):
            return _of_estimator(name, given, covariance_type)
        if (groups := _groups(given)) is not None:
            draws = MixtureDraws(*(_values(name, groups["posterior"], part) for part in PARTS))
            return _of_draws(name, draws, _statistics(groups), dataset, covariance_type)
        return _of_arrays(name, given, dataset, covariance_type)
    except UsageError:
        raise
    except (ValueError, TypeError) as error:
        raise UsageError(f"fits['{name}']: {error}") from None


def _of_draws(
    name: str,
    draws: MixtureDraws,
    stats: Mapping[str, Any],
    dataset: Dataset,
    covariance_type: str,
    model: ModelInNumbers | None = None,
) -> Fit:
    if dataset.has_missing:
        raise UsageError(f"fits['{name}']: draws of data with missing values, allowed are complete")
    if len(draws) < 2:
        raise UsageError(
            f"fits['{name}']: {len(draws)} draw, allowed are 2 or more, or one mixture without "
            "axes of chains and draws"
        )
    return fit_of_draws(name, draws, dataset.X, covariance_type, stats=stats, model=model)


def _of_estimator(name: str, given: Any, covariance_type: str) -> Fit:
    """Read a fitted estimator; its covariances may be in scikit-learn's compact form."""
    kind = getattr(given, "covariance_type", covariance_type)
    means = np.asarray(to_host(given.means_), dtype=np.float64)
    covariances = np.asarray(to_host(given.covariances_), dtype=np.float64)
    expanded = get_structure(kind).expand(covariances, *means.shape)
    return Fit(
        title=name,
        mixture=Mixture(to_host(given.weights_), means, expanded),
        seconds=0.0,
        # A variational fit has a prior of its weights, and maximises no likelihood.
        maximum_likelihood=not hasattr(given, "weight_concentration_"),
        diagnostics={
            key: kind_of(getattr(given, f"{key}_"))
            for key, kind_of in (("converged", bool), ("n_iter", int))
            if hasattr(given, f"{key}_")
        },
    )


def _of_arrays(name: str, given: object, dataset: Dataset, covariance_type: str) -> Fit:
    """Read weights, means and covariances: of one mixture, of one chain, or of several."""
    if isinstance(given, Mapping) and set(PARTS) <= set(given):
        arrays = [np.asarray(given[part], dtype=np.float64) for part in PARTS]
    elif isinstance(given, Sequence) and not isinstance(given, str) and len(given) == len(PARTS):
        arrays = [np.asarray(part, dtype=np.float64) for part in given]
    else:
        raise UsageError(f"fits['{name}'] is {type(given).__name__}, allowed is {ALLOWED}")
    if arrays[0].ndim == 1:
        return Fit(Mixture(*arrays), 0.0, title=name)
    if arrays[0].ndim == 2:
        arrays = [part[None] for part in arrays]
    return _of_draws(name, MixtureDraws(*arrays), {}, dataset, covariance_type)


def _groups(given: Any) -> Any | None:
    """Return what has the groups of ArviZ's schema: a DataTree, or an older InferenceData."""
    try:
        given["posterior"].data_vars  # noqa: B018 - whether there are any is what is asked
    except (TypeError, KeyError, AttributeError, IndexError):
        return None
    return given


def _values(name: str, posterior: Any, part: str) -> FloatArray:
    if part not in posterior.data_vars:
        found = ", ".join(map(str, posterior.data_vars))
        raise UsageError(
            f"fits['{name}']: no variable '{part}' in its posterior, which has {found}; allowed is "
            f"{', '.join(PARTS)}"
        )
    variable = posterior[part]
    if not {"chain", "draw"} <= set(variable.dims):
        raise UsageError(
            f"fits['{name}']: '{part}' has dimensions {', '.join(map(str, variable.dims))}, "
            "allowed are chain, draw and those of the parameter"
        )
    return np.asarray(variable.transpose("chain", "draw", ...).values, dtype=np.float64)


def _statistics(groups: Any) -> dict[str, Any]:
    """Return those of the sampler's statistics that diagnostics read."""
    try:
        kept = groups["sample_stats"]
        known = {name: kept[name] for name in ("diverging", "energy") if name in kept.data_vars}
    except KeyError:
        return {}
    return {name: np.asarray(values.values) for name, values in known.items()}


def _checked(name: str, fit: Fit, dataset: Dataset, n_components: int) -> Fit:
    found = (fit.mixture.n_components, fit.mixture.n_features)
    wanted = (n_components, dataset.X.shape[1])
    if found != wanted:
        raise UsageError(
            f"fits['{name}']: {found[0]} components of {found[1]} features, allowed are "
            f"{wanted[0]} of {wanted[1]}"
        )
    return fit
