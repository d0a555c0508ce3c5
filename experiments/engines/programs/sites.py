"""From a mixture to the parameters of a program's model, and what that does to a density."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import wishart

from experiments.core.types import FloatArray
from gmm_bayes import MixtureDraws


class Sites(NamedTuple):
    """The parameters of a model at several mixtures.

    Attributes
    ----------
    values : dict of str to ndarray
        By name, with one leading axis, of mixtures (M, ...).
    log_correction : ndarray of shape (M,)
        What has to be added to the model's log density, so that it becomes one of weights, means
        and covariances.
    """

    values: dict[str, FloatArray]
    log_correction: FloatArray


def of_mixtures(draws: MixtureDraws, _: Mapping[str, Any]) -> Sites:
    """Return the parameters of a model in weights, means and covariances."""
    flat = _flat(draws)
    return Sites(flat, np.zeros(len(flat["weights"])))


def of_lkj(draws: MixtureDraws, _: Mapping[str, Any]) -> Sites:
    """Return standard deviations and correlations in place of covariances.

    From these to the covariances the volume grows by ``2**D prod s**D`` for each component.
    """
    flat = _flat(draws)
    covariances = flat.pop("covariances")
    d = covariances.shape[-1]
    sds = np.sqrt(np.diagonal(covariances, axis1=-2, axis2=-1))
    flat["sds"] = sds
    if d > 1:
        flat["correlations"] = covariances / (sds[..., :, None] * sds[..., None, :])
    log_volume = math.log(2.0) + d * np.log(sds)
    return Sites(flat, -log_volume.sum(axis=(1, 2)))


def of_lkj_factors(draws: MixtureDraws, numbers: Mapping[str, Any]) -> Sites:
    """Return Cholesky factors L in place of correlations, and standard deviations beside them.

    From the factors to the correlations the volume grows by ``prod L[j, j]**(D - j)``, with j
    counted from 1.
    """
    values, log_correction = of_lkj(draws, numbers)
    d = values["sds"].shape[-1]
    correlations = values.pop("correlations", np.ones((*values["sds"].shape, 1)))
    factors = np.linalg.cholesky(correlations)
    log_diagonal = np.log(np.diagonal(factors, axis1=-2, axis2=-1))
    log_volume = (np.arange(d - 1, -1, -1) * log_diagonal).sum(axis=(1, 2))
    return Sites({**values, "correlation_factors": factors}, log_correction - log_volume)


def of_hierarchical(draws: MixtureDraws, numbers: Mapping[str, Any]) -> Sites:
    """Return the common matrix C at its conditional mean beside the mixture.

    Given the precisions P_k, C is Wishart with ``2 (rate_shape + K shape)`` degrees of freedom and
    the inverse scale matrix ``2 (diag(rate_rate) + sum P_k)``. The joint density divided by that
    conditional one is the density with C integrated out (Chib 1995, equation 4).
    """
    flat = _flat(draws)
    k = flat["means"].shape[1]
    dof = 2.0 * (numbers["rate_shape"] + k * numbers["shape"])
    rates = np.diag(numbers["rate_rate"]) + np.linalg.inv(flat["covariances"]).sum(axis=1)
    scales = np.linalg.inv(2.0 * rates)
    flat["common"] = dof * scales
    log_conditional = [
        wishart.logpdf(common, df=dof, scale=scale)
        for common, scale in zip(flat["common"], scales, strict=True)
    ]
    return Sites(flat, -np.asarray(log_conditional, dtype=np.float64))


SITES: dict[str, Callable[[MixtureDraws, Mapping[str, Any]], Sites]] = {
    "inverse-wishart": of_mixtures,
    "hierarchical": of_hierarchical,
    "lkj": of_lkj,
    "niw": of_mixtures,
}


def _flat(draws: MixtureDraws) -> dict[str, FloatArray]:
    """Return the parts of draws with chains and draws in one axis."""
    parts = {name: getattr(draws, name) for name in ("weights", "means", "covariances")}
    return {name: part.reshape(-1, *part.shape[2:]) for name, part in parts.items()}
