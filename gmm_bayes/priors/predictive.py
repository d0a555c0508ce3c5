"""Draws from a prior, and data sets drawn from those: what a prior expects of data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gmm_bayes.core.types import FloatArray
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.priors.base import Prior
from gmm_bayes.priors.data_scale import DataScale
from gmm_bayes.space.scaling import Scaling
from gmm_bayes.space.structures import get_structure
from gmm_em.core.threads import single_threaded_blas

if TYPE_CHECKING:
    import xarray as xr


@single_threaded_blas()
def sample_prior_predictive(
    prior: Prior,
    X: FloatArray,
    n_components: int,
    n_draws: int,
    rng: np.random.Generator,
    covariance_type: str = "full",
    feature_names: list[str] | None = None,
) -> xr.DataTree:
    """Return mixtures from the prior, and from each a data set as large as `X`.

    Parameters
    ----------
    prior : Prior
        If it is on the standardised scale, `X` gives the location and the scale, and to the default
        prior also the correlations.
    X : ndarray of shape (N, D)
        The data, in their own units.
    n_components, n_draws : int
    rng : numpy.random.Generator
    covariance_type : str, default "full"
    feature_names : list of str, optional
        Coordinates of the features; 0, ..., D - 1 by default.

    Returns
    -------
    xarray.DataTree
        ArviZ's schema, one chain, in the data's own units: ``prior`` with weights, means and
        covariances; ``prior_predictive`` with x (chain, draw, obs, feature); ``observed_data``.

    Raises
    ------
    ValueError
        If a column is constant, or a hyperparameter does not fit the data's width.
    """
    import xarray as xr  # noqa: PLC0415 - takes half a second to load

    n_samples, n_features = X.shape
    structure = get_structure(covariance_type)
    scaling = Scaling.from_data(X, structure, one_scale=prior.one_scale)
    shift, unit = (
        (np.zeros(n_features), np.ones(n_features))
        if prior.in_own_units
        else (scaling.loc, scaling.scale)
    )
    known = prior.written_out(DataScale.of(X, n_components, structure, scaling))
    mixtures = [
        known.sample(rng, n_components, n_features, covariance_type).affine(shift, unit)
        for _ in range(n_draws)
    ]
    draws = MixtureDraws(
        *(
            np.stack([getattr(mixture, name) for mixture in mixtures])[None]
            for name in ("weights", "means", "covariances")
        )
    )
    rows = np.stack([mixture.sample(n_samples, rng)[0] for mixture in mixtures])[None]
    names: Any = np.arange(n_features) if feature_names is None else feature_names
    sample, obs = ("chain", "draw"), {"obs": np.arange(n_samples), "feature": names}
    coords = {"chain": [0], "draw": np.arange(n_draws)}
    component = {"component": np.arange(n_components), "feature": names, "feature_bis": names}
    matrix = (*sample, "component", "feature", "feature_bis")
    return xr.DataTree.from_dict(
        {
            "prior": xr.Dataset(
                {
                    "weights": (matrix[:3], draws.weights),
                    "means": (matrix[:4], draws.means),
                    "covariances": (matrix, draws.covariances),
                },
                coords={**coords, **component},
            ),
            "prior_predictive": xr.Dataset(
                {"x": ((*sample, "obs", "feature"), rows)}, coords={**coords, **obs}
            ),
            "observed_data": xr.Dataset({"x": (("obs", "feature"), X)}, coords=obs),
        }
    )
