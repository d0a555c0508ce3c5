"""The posterior in ArviZ's schema: an xarray DataTree with named dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gmm_bayes.core.types import FloatArray
from gmm_bayes.draws import MixtureDraws

if TYPE_CHECKING:
    import xarray as xr


def to_datatree(
    draws: MixtureDraws,
    stats: Mapping[str, NDArray[Any]],
    X: FloatArray,
    log_likelihood: FloatArray | None,
    attributes: Mapping[str, Any],
    feature_names: list[str] | None = None,
    paths: Mapping[str, FloatArray] | None = None,
) -> xr.DataTree:
    """Return draws, sampler statistics and data as ArviZ lays them out.

    Parameters
    ----------
    draws : MixtureDraws
        Aligned draws in the data's own units.
    stats : mapping of str to ndarray of shape (C, S)
    X : ndarray of shape (N, D)
    log_likelihood : ndarray of shape (C, S, N) or None
        Pointwise; None leaves the group out.
    attributes : mapping
        Plain values that describe how the posterior was drawn.
    feature_names : list of str, optional
        Coordinates of the features; 0, ..., D - 1 by default.
    paths : mapping of str to ndarray of shape (C, T), optional
        What each chain recorded on the way to its draws; they become the group ``path``.
    """
    import xarray as xr  # noqa: PLC0415 - takes half a second to load

    names: Any = np.arange(draws.n_features) if feature_names is None else feature_names
    coords: dict[str, Any] = {"chain": np.arange(draws.n_chains), "draw": np.arange(draws.n_draws)}
    features = {"feature": names, "feature_bis": names}
    rows = {"obs": np.arange(X.shape[0])}
    sample = ("chain", "draw")
    created = {"created_at": datetime.now(UTC).isoformat(timespec="seconds"), **attributes}
    groups = {
        "posterior": xr.Dataset(
            {
                "weights": ((*sample, "component"), draws.weights),
                "means": ((*sample, "component", "feature"), draws.means),
                "covariances": (
                    (*sample, "component", "feature", "feature_bis"),
                    draws.covariances,
                ),
            },
            coords={**coords, "component": np.arange(draws.n_components), **features},
            attrs=created,
        ),
        "sample_stats": xr.Dataset(
            {name: (sample, values) for name, values in stats.items()}, coords=coords, attrs=created
        ),
        "observed_data": xr.Dataset(
            {"x": (("obs", "feature"), X)}, coords={**rows, "feature": names}, attrs=created
        ),
    }
    if log_likelihood is not None:
        groups["log_likelihood"] = xr.Dataset(
            {"x": ((*sample, "obs"), log_likelihood)}, coords={**coords, **rows}, attrs=created
        )
    if paths:
        groups["path"] = xr.Dataset(
            {name: (("chain", "step"), values) for name, values in paths.items()},
            coords={"chain": coords["chain"]},
            attrs=created,
        )
    return xr.DataTree.from_dict(groups)
