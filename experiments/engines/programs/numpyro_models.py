"""The models in NumPyro, as its users write them: one function for each prior.

The labels are summed over, so that every parameter is continuous. `numbers` are those of
`gmm_bayes.ModelInNumbers`: the rows are standardised, and the names of the hyperparameters are
those of the priors' docstrings. Only this module and the engine beside it import NumPyro.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist

# Called with the rows (N, D), the number of components, and the hyperparameters.
Model = Callable[..., None]


def inverse_wishart(rows: Any, n_components: int, numbers: Mapping[str, Any]) -> None:
    """Independent normal means and inverse-Wishart covariances."""
    weights = _weights(n_components, numbers)
    means = _independent_means(n_components, numbers, rows.shape[1])
    with numpyro.plate("components of covariances", n_components):
        covariances = numpyro.sample(
            "covariances", dist.InverseWishart(numbers["nu"], scale_matrix=numbers["psi"])
        )
    _rows(rows, weights, means, covariances)


def niw(rows: Any, n_components: int, numbers: Mapping[str, Any]) -> None:
    """Inverse-Wishart covariances, and means whose spread is that of their component."""
    weights = _weights(n_components, numbers)
    loc = jnp.broadcast_to(numbers["mean_loc"], rows.shape[1])
    with numpyro.plate("components", n_components):
        covariances = numpyro.sample(
            "covariances", dist.InverseWishart(numbers["nu"], scale_matrix=numbers["psi"])
        )
        means = numpyro.sample(
            "means", dist.MultivariateNormal(loc, covariances / numbers["kappa"])
        )
    _rows(rows, weights, means, covariances)


def lkj(rows: Any, n_components: int, numbers: Mapping[str, Any]) -> None:
    """Half-normal standard deviations, and correlations apart from them."""
    d = rows.shape[1]
    weights = _weights(n_components, numbers)
    means = _independent_means(n_components, numbers, d)
    scales = jnp.broadcast_to(numbers["sd_scale"], d)
    with numpyro.plate("components of covariances", n_components):
        sds = numpyro.sample("sds", dist.HalfNormal(scales).to_event(1))
        # One feature has no correlation, and NumPyro no distribution of one.
        correlations = (
            numpyro.sample("correlations", dist.LKJ(d, numbers["eta"]))
            if d > 1
            else jnp.ones((n_components, 1, 1))
        )
    covariances = sds[:, :, None] * correlations * sds[:, None, :]
    _rows(rows, weights, means, numpyro.deterministic("covariances", covariances))


def hierarchical(rows: Any, n_components: int, numbers: Mapping[str, Any]) -> None:
    """Precisions that are Wishart given a matrix C, which is Wishart itself.

    The density ``|P|**(a - (D + 1) / 2) exp(-tr(C P))`` is that of NumPyro's Wishart distribution
    with ``2 a`` degrees of freedom and the rate matrix ``2 C``. A covariance is then
    inverse-Wishart with the scale matrix ``2 C``.
    """
    weights = _weights(n_components, numbers)
    means = _independent_means(n_components, numbers, rows.shape[1])
    common = numpyro.sample(
        "common",
        dist.Wishart(2.0 * numbers["rate_shape"], rate_matrix=2.0 * jnp.diag(numbers["rate_rate"])),
    )
    with numpyro.plate("components of covariances", n_components):
        covariances = numpyro.sample(
            "covariances", dist.InverseWishart(2.0 * numbers["shape"], scale_matrix=2.0 * common)
        )
    _rows(rows, weights, means, covariances)


MODELS: dict[str, Model] = {
    "inverse-wishart": inverse_wishart,
    "hierarchical": hierarchical,
    "lkj": lkj,
    "niw": niw,
}


def _weights(n_components: int, numbers: Mapping[str, Any]) -> Any:
    concentration = jnp.full(n_components, numbers["concentration"])
    return numpyro.sample("weights", dist.Dirichlet(concentration))


def _independent_means(n_components: int, numbers: Mapping[str, Any], n_features: int) -> Any:
    loc = jnp.broadcast_to(numbers["mean_loc"], n_features)
    scale = jnp.broadcast_to(numbers["mean_scale"], n_features)
    with numpyro.plate("components of means", n_components):
        return numpyro.sample("means", dist.Normal(loc, scale).to_event(1))


def _rows(rows: Any, weights: Any, means: Any, covariances: Any) -> None:
    mixture = dist.MixtureSameFamily(
        dist.Categorical(probs=weights), dist.MultivariateNormal(means, covariances)
    )
    with numpyro.plate("rows", rows.shape[0]):
        numpyro.sample("x", mixture, obs=rows)
