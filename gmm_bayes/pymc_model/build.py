"""The Gaussian mixture as a PyMC model."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import ArrayLike

from gmm_bayes.core.checks import check_data, check_n_components
from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.loading import Needs
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.priors.base import Prior
from gmm_bayes.priors.registry import check_prior, default_prior
from gmm_bayes.pymc_model.nodes import DrawNode, MixtureNode, PriorNode, RowsNode
from gmm_bayes.space.scaling import Scaling
from gmm_bayes.space.spaces import Space
from gmm_bayes.space.structures import get_structure
from gmm_em.core.sklearn_checks import feature_names

_N_SEEDS = 2.0**53


def build_model(
    X: ArrayLike,
    n_components: int,
    prior: Prior | None = None,
    covariance_type: str = "full",
) -> pm.Model:
    """Return the marginal Gaussian mixture model of `X`.

    The allocations are summed out, so that the model is continuous. Its one free variable is
    ``theta`` (coordinate), the unconstrained vector that this package's own samplers move, on the
    scale of the standardised data. What follows from it is in the data's own units: ``weights``
    (component), ``means`` (component, feature), ``covariances`` (component, feature, feature_bis)
    and the observed ``x`` (obs, feature), whose log-likelihood, prior and posterior predictive
    draws PyMC gives as usual. The model may be extended by whatever is a function of those.

    A vector with a density of its own, and not a variable for each kind of parameter, makes the
    model start fast: PyTensor compiles every node of a graph before PyMC's first draw, and here
    there are few. The density and its slope are those of
    :class:`gmm_bayes.density.log_posterior.LogPosterior`, compiled beforehand.

    The data are in ``pm.Data("X")``. After ``pm.set_data({"X": other})`` the likelihood is that of
    other rows, for example of new ones that are to be predicted. The standardisation and the prior
    stay those of the rows that the model was made for; they are in ``packed_prior``, ``loc`` and
    ``scale``.

    Parameters
    ----------
    X : array_like of shape (N, D)
        The data. String column names become the coordinates of the features.
    n_components : int
        The number of components, K.
    prior : InverseWishartPrior, HierarchicalPrior, LKJPrior, NIWPrior or VolumeShapePrior, optional
        By default ``InverseWishartPrior()``, or ``VolumeShapePrior()`` where components share some
        of volume, shape and orientation.
    covariance_type : str, default "full"
        As in :class:`gmm_em.GaussianMixtureEM`. Where a change of one feature's unit would lead
        out of the family, as for "spherical", all features are standardised by one scale, the root
        mean square of their standard deviations.

    Returns
    -------
    pymc.Model

    Raises
    ------
    TypeError, ValueError
        If the data, the number of components, the prior or the structure cannot be used; the
        message says why.

    Examples
    --------
    >>> model = build_model(X, n_components=2)              # doctest: +SKIP
    >>> idata = pm.sample(model=model)                      # doctest: +SKIP
    """
    names = feature_names(X)
    data = check_data(X)
    n_components = check_n_components(n_components, data.shape[0])
    structure = get_structure(covariance_type)
    prior = check_prior(default_prior(structure) if prior is None else prior, data.shape[1])
    prior.check_structure(structure)
    Scaling.from_data(data, structure, one_scale=prior.one_scale)  # refuses constant columns
    return model_of_rows(
        data, n_components, prior, covariance_type, None if names is None else list(map(str, names))
    )


def model_of_rows(
    data: FloatArray,
    n_components: int,
    prior: Prior,
    covariance_type: str,
    names: list[str] | None = None,
) -> pm.Model:
    """Return the model of checked data (N, D), with the features' names as coordinates."""
    n_features = data.shape[1]
    target = LogPosterior(data, n_components, prior, get_structure(covariance_type))
    space = target.space
    features = np.arange(n_features) if names is None else names
    coords = {
        "component": np.arange(n_components),
        "feature": features,
        "feature_bis": features,
        "coordinate": coordinate_names(space),
    }
    given = data_of(target)
    with pm.Model(coords=coords) as model:
        rows = pm.Data("X", given["X"], dims=("obs", "feature"))
        packed = pm.Data("packed_prior", given["packed_prior"])
        loc = pm.Data("loc", given["loc"], dims="feature")
        scale = pm.Data("scale", given["scale"], dims="feature")
        theta = pm.CustomDist(
            "theta",
            packed,
            logp=partial(_prior_logp, target.needs),
            dist=partial(_prior_draw, target),
            signature="(q)->(p)",
            class_name="MixturePrior",
            support_point=lambda rv, *_: pt.zeros_like(rv),
            dims="coordinate",
        )
        weights, means, covariances = MixtureNode(space)(theta, packed)
        pm.Deterministic("weights", weights, dims="component")
        pm.Deterministic("means", loc + scale * means, dims=("component", "feature"))
        pm.Deterministic(
            "covariances",
            scale[:, None] * covariances * scale,
            dims=("component", "feature", "feature_bis"),
        )
        pm.CustomDist(
            "x",
            theta,
            packed,
            loc,
            scale,
            logp=partial(_rows_logp, target.needs),
            dist=partial(_rows_draw, space),
            signature="(p),(q),(d),(d)->(d)",
            class_name="GaussianMixture",
            observed=rows,
            dims=("obs", "feature"),
        )
    return model


def data_of(target: LogPosterior) -> dict[str, FloatArray]:
    """Return the values of the model's ``pm.Data``."""
    return {
        "X": target.X,
        "packed_prior": target.packed_prior,
        "loc": target.scaling.loc,
        "scale": target.scaling.scale,
    }


def coordinate_names(space: Space) -> list[str]:
    """Return a name for each entry of the unconstrained vector."""
    k, d = space.n_components, space.n_features
    return [
        *(f"log_ratio[{j}]" for j in range(k - 1)),
        *(f"mean[{j}, {i}]" for j in range(k) for i in range(d)),
        *space.names_of_covariances(),
    ]


def _prior_logp(needs: Needs, value: Any, packed: Any) -> Any:
    """Return the log prior density of the vector."""
    return PriorNode(needs)(value, packed)[0]


def _prior_draw(target: LogPosterior, packed: Any, size: Any) -> Any:
    """Return a vector from the prior."""
    return DrawNode(target)(pm.Uniform.dist(0.0, _N_SEEDS))


def _rows_logp(needs: Needs, value: Any, theta: Any, packed: Any, loc: Any, scale: Any) -> Any:
    """Return the log densities (N,) of the rows `value` (N, D)."""
    return RowsNode(needs)(_one(theta), value, _one(packed), _one(loc), _one(scale))


def _rows_draw(space: Space, theta: Any, packed: Any, loc: Any, scale: Any, size: Any) -> Any:
    """Return rows of shape ``size + (D,)``."""
    weights, means, covariances = MixtureNode(space)(_one(theta), _one(packed))
    factors = pt.linalg.cholesky(covariances)
    labels = pm.Categorical.dist(p=weights, size=size)
    noise = pm.Normal.dist(pt.zeros_like(means[labels]))
    rows = means[labels] + pt.matmul(factors[labels], noise[..., None])[..., 0]
    return _one(loc) + _one(scale) * rows


def _one(parameter: Any) -> Any:
    """Drop the batch axis of length 1 that PyMC adds over rows, which all come from one mixture."""
    return parameter if parameter.ndim == 1 else parameter[0]
