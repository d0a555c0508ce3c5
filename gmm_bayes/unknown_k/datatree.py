"""The posterior of the number of components in ArviZ's schema."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from gmm_bayes.core.types import FloatArray, IntArray
from gmm_bayes.unknown_k.draws import VaryingDraws

if TYPE_CHECKING:
    import xarray as xr


def to_datatree(
    draws: VaryingDraws,
    X: FloatArray,
    log_likelihood: FloatArray,
    pointwise: FloatArray | None,
    partition: IntArray,
    together: FloatArray | None,
    attributes: Mapping[str, Any],
    feature_names: list[str] | None = None,
) -> xr.DataTree:
    """Return what does not depend on the order of the components, as ArviZ lays it out.

    Parameters
    ----------
    draws : VaryingDraws
    X : ndarray of shape (N, D)
    log_likelihood : ndarray of shape (C, S)
    pointwise : ndarray of shape (C, S, N) or None
        Log-likelihood of every row; None leaves the group out.
    partition : ndarray of int, shape (N,)
        The point partition.
    together : ndarray of shape (N, N) or None
        The co-clustering matrix, where there are not too many rows.
    attributes : mapping
        Plain values that describe how the posterior was drawn.
    feature_names : list of str, optional
        Coordinates of the features; 0, ..., D - 1 by default.
    """
    import xarray as xr  # noqa: PLC0415 - takes half a second to load

    names: Any = np.arange(draws.n_features) if feature_names is None else feature_names
    n_chains, n_draws = draws.n_components.shape
    coords: dict[str, Any] = {"chain": np.arange(n_chains), "draw": np.arange(n_draws)}
    rows = np.arange(len(X))
    sample = ("chain", "draw")
    created = {"created_at": datetime.now(UTC).isoformat(timespec="seconds"), **attributes}
    mean, covariance = draws.moments()
    clusters = xr.Dataset({"partition": (("obs",), partition)}, coords={"obs": rows}, attrs=created)
    if together is not None:
        clusters["co_clustering"] = (("obs", "obs_bis"), together)
        clusters = clusters.assign_coords(obs_bis=rows)
    groups = {
        "posterior": xr.Dataset(
            {
                "n_components": (sample, draws.n_components),
                "n_filled": (sample, draws.n_filled),
                "mean": ((*sample, "feature"), mean),
                "covariance": ((*sample, "feature", "feature_bis"), covariance),
            },
            coords={**coords, "feature": names, "feature_bis": names},
            attrs=created,
        ),
        "sample_stats": xr.Dataset(
            {"log_likelihood": (sample, log_likelihood)}, coords=coords, attrs=created
        ),
        "observed_data": xr.Dataset(
            {"x": (("obs", "feature"), X)}, coords={"obs": rows, "feature": names}, attrs=created
        ),
        "clusters": clusters,
    }
    if pointwise is not None:
        groups["log_likelihood"] = xr.Dataset(
            {"x": ((*sample, "obs"), pointwise)}, coords={**coords, "obs": rows}, attrs=created
        )
    return xr.DataTree.from_dict(groups)
