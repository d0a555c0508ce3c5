"""The Gaussian mixture as a PyMC model."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import ArrayLike

from gmm_bayes.core.checks import check_data, check_n_components
from gmm_bayes.priors.base import Prior
from gmm_bayes.priors.conjugate import InverseGammas, InverseWishart, conjugate_law
from gmm_bayes.priors.data_scale import DataScale
from gmm_bayes.priors.inverse_wishart import InverseWishartPrior
from gmm_bayes.priors.lkj import LKJPrior
from gmm_bayes.priors.niw import NIWPrior
from gmm_bayes.priors.registry import check_prior, default_prior
from gmm_bayes.priors.terms import partial_correlation_shapes
from gmm_bayes.priors.volume_shape import VolumeShapePrior
from gmm_bayes.space.decomposed import (
    REPULSION,
    DecomposedSpace,
    contrasts,
    log_mean_gaps,
    trace_free,
)
from gmm_bayes.space.scaling import Scaling
from gmm_bayes.space.structures import Decomposed, Structure, common_mean, get_structure


def build_model(
    X: ArrayLike,
    n_components: int,
    prior: Prior | None = None,
    covariance_type: str = "full",
) -> pm.Model:
    """Return the marginal Gaussian mixture model of `X`.

    The allocations are summed out, so every free variable is continuous. All components are handled
    at once: the graph is the same for every number of components.

    The free variables live on the standardised scale, where one unit is one standard deviation of
    the data. With an :class:`InverseWishartPrior`: ``means_standardised`` (component, feature) and
    the entries of Bartlett's decomposition, ``bartlett_squares`` and ``bartlett_normals``, or,
    where there are no correlations, ``variances_standardised``. With a :class:`VolumeShapePrior`:
    ``means_standardised``, ``volumes_standardised``, and of ``log_shapes`` and ``log_matrices``
    those that the structure has; a potential ``gaps`` concerns eigenvalues that have no meaning.
    With an :class:`NIWPrior`: the entries as with an :class:`InverseWishartPrior`, and
    ``means_noise``, the means' standard normal deviates. With an :class:`LKJPrior`:
    ``means_standardised`` and ``sds_standardised`` (component, feature), and the canonical partial
    correlations of each component, each mapped to (0, 1), as ``correlations_unit`` (component,
    feature_pair). A tied covariance's variables have no component axis, a spherical one's no
    feature axis. In the data's own units are ``weights`` (component), ``means`` (component,
    feature), ``covariances`` (component, feature, feature_bis) and the observed ``x`` (obs,
    feature), whose log-likelihood, prior and posterior predictive draws PyMC gives as usual.

    The data are in ``pm.Data("X")``: ``pm.set_data({"X": other})`` moves the whole model,
    standardisation included, to another data set of the same number of features.

    Parameters
    ----------
    X : array_like of shape (N, D)
        The data.
    n_components : int
        The number of components, K.
    prior : InverseWishartPrior, LKJPrior, NIWPrior or VolumeShapePrior, optional
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
    data = check_data(X)
    n_components = check_n_components(n_components, data.shape[0])
    n_features = data.shape[1]
    structure = get_structure(covariance_type)
    prior = check_prior(default_prior(structure) if prior is None else prior, n_features)
    prior.check_structure(structure)
    Scaling.from_data(data, structure, one_scale=prior.one_scale)  # refuses constant columns

    coords = {
        "component": np.arange(n_components),
        "feature": np.arange(n_features),
        "feature_bis": np.arange(n_features),
    }
    with pm.Model(coords=coords) as model:
        observed = pm.Data("X", data, dims=("obs", "feature"))
        loc = pt.specify_shape(observed.mean(axis=0), (n_features,))
        pooled = common_mean if prior.one_scale else structure.pooled
        variances = pooled(pt.specify_shape(observed.var(axis=0), (n_features,)))
        scale = pt.specify_shape(pt.sqrt(variances) * np.ones(n_features), (n_features,))
        weights = _weights(n_components, prior.concentration)
        centred = (observed - loc) / scale
        covariance = pt.matmul(centred.T, centred) / observed.shape[0]
        covariance = pt.specify_shape(covariance, (n_features, n_features))
        known = DataScale(loc, scale, covariance, n_components, _symmetric_root, _log_det)
        means, factors = _COMPONENTS[type(prior)](prior, structure, known)
        means = pm.Deterministic("means", loc + scale * means, dims=("component", "feature"))
        factors = scale[:, None] * factors
        pm.Deterministic(
            "covariances",
            pt.matmul(factors, factors.mT),
            dims=("component", "feature", "feature_bis"),
        )
        pm.CustomDist(
            "x",
            weights,
            means,
            factors,
            logp=partial(_mixture_logp, n_features),
            dist=_mixture_dist,
            signature="(k),(k,d),(k,d,d)->(d)",
            class_name="GaussianMixture",
            observed=observed,
            dims=("obs", "feature"),
        )
    return model


def _symmetric_root(matrix: Any) -> Any:
    """Return the symmetric positive definite matrix whose square is `matrix` (D, D)."""
    values, vectors = pt.linalg.eigh(matrix)
    return pt.matmul(vectors * pt.sqrt(values), vectors.T)


def _log_det(matrix: Any) -> Any:
    """Return the log determinant of a positive definite matrix (D, D)."""
    return 2.0 * pt.log(pt.diagonal(pt.linalg.cholesky(matrix))).sum()


def _weights(n_components: int, concentration: float) -> Any:
    """Return the weights (K,); a single component's weight is no random variable."""
    if n_components == 1:
        return pm.Deterministic("weights", pt.ones(1), dims="component")
    return pm.Dirichlet("weights", np.full(n_components, concentration), dims="component")


def _lkj_components(prior: LKJPrior, structure: Structure, data: DataScale) -> tuple[Any, Any]:
    """Return means (K, D) and Cholesky factors (K, D, D) on the standardised scale."""
    n_features, n_components = data.loc.type.shape[0], data.n_components
    mean_loc, mean_scale, sd_scale = prior.standardised(data.loc, data.scale)
    means = pm.Normal("means_standardised", mean_loc, mean_scale, dims=("component", "feature"))
    sd_scales = prior.sd_scales(sd_scale, structure)
    if structure.isotropic:
        sd_scales = sd_scales[0]
    sds = pm.HalfNormal("sds_standardised", sd_scales, dims=structure.sd_dims)
    n_covariances = structure.n_covariances(n_components)
    sds = sds.reshape((n_covariances, structure.n_sds(n_features)))
    factors = sds[:, :, None] * _correlation_factors(prior, structure, n_features, n_covariances)
    return means, _for_every_component(factors, n_components)


def _inverse_wishart_components(
    prior: InverseWishartPrior, structure: Structure, data: DataScale
) -> tuple[Any, Any]:
    """Return means (K, D) and Cholesky factors (K, D, D) on the standardised scale."""
    mean_loc, mean_scale, nu, psi = prior.standardised(data)
    means = pm.Normal("means_standardised", mean_loc, mean_scale, dims=("component", "feature"))
    return means, _conjugate_factors(structure, nu, psi, data.n_components)


def _niw_components(prior: NIWPrior, structure: Structure, data: DataScale) -> tuple[Any, Any]:
    """Return means (K, D) and Cholesky factors (K, D, D) on the standardised scale."""
    mean_loc, kappa, nu, psi = prior.standardised(data.loc, data.scale)
    factors = _conjugate_factors(structure, nu, psi, data.n_components)
    noise = pm.Normal("means_noise", dims=("component", "feature"))
    shift = pt.matmul(factors, noise[..., None])[..., 0] / np.sqrt(kappa)
    return mean_loc + shift, factors


def _decomposed_components(
    prior: VolumeShapePrior, structure: Structure, data: DataScale
) -> tuple[Any, Any]:
    """Return means (K, D) and Cholesky factors (K, D, D) on the standardised scale."""
    assert isinstance(structure, Decomposed)
    d = data.loc.type.shape[0]
    mean_loc, mean_scale, psi = prior.standardised(data)
    means = pm.Normal("means_standardised", mean_loc, mean_scale, dims=("component", "feature"))
    space = DecomposedSpace(data.n_components, d, structure)
    at_volumes, at_shapes, at_matrices = space.blocks
    volumes = pm.InverseGamma("volumes_standardised", 0.5 * prior.nu, 0.5 * psi, shape=at_volumes)
    logs, frames = pt.zeros((1, d)), pt.eye(d)[None]
    shapes = matrices = None
    if math.prod(at_shapes):
        shapes = pm.Normal("log_shapes", 0.0, prior.log_shape_scale, shape=at_shapes)
    if math.prod(at_matrices):
        spread = 1.0 if structure.turned else prior.log_shape_scale
        matrices = pm.Normal("log_matrices", 0.0, spread, shape=at_matrices)
        entries = pt.tensordot(matrices, trace_free(d), axes=1)
        each = [pt.linalg.eigh(entries[k]) for k in range(at_matrices[0])]
        logs = pt.stack([values for values, _ in each])
        frames = pt.stack([vectors for _, vectors in each])
        if structure.turned and d > 1:
            pm.Potential("gaps", _log_gaps(logs, d))
    if shapes is not None:
        logs = pt.matmul(shapes, contrasts(d).T)
    elif structure.turned:
        logs = pt.zeros((1, d))
    wide = frames * pt.sqrt(volumes * pt.exp(logs))[:, None, :]
    shape = (data.n_components, d, d)
    covariances = pt.broadcast_to(pt.matmul(wide, wide.mT), shape)
    return means, pt.linalg.cholesky(covariances)


def _log_gaps(values: Any, n_features: int) -> Any:
    """Return the log density of ascending eigenvalues (G, D), relative to a normal matrix's."""
    upper, lower = np.tril_indices(n_features, -1)
    gaps = pt.log(values[:, upper] - values[:, lower]).sum(axis=1)
    return (REPULSION * gaps - log_mean_gaps(n_features)).sum()


_COMPONENTS: dict[type, Callable[..., tuple[Any, Any]]] = {
    InverseWishartPrior: _inverse_wishart_components,
    LKJPrior: _lkj_components,
    NIWPrior: _niw_components,
    VolumeShapePrior: _decomposed_components,
}


def _conjugate_factors(structure: Structure, nu: float, psi: Any, n_components: int) -> Any:
    """Return the Cholesky factors (K, D, D) of inverse-Wishart covariances of that structure."""
    law = conjugate_law(structure, nu, psi)
    factors = _CONJUGATE_FACTORS[type(law)](law, structure.n_covariances(n_components))
    return _for_every_component(factors, n_components)


def _for_every_component(factors: Any, n_components: int) -> Any:
    """Return (K, D, D) from (K, D, D), or from (1, D, D) where components share one matrix."""
    return pt.broadcast_to(factors, (n_components, *factors.type.shape[1:]))


def _inverse_wishart_factors(law: InverseWishart, n_covariances: int) -> Any:
    """Return Cholesky factors (n_covariances, D, D) by Bartlett's decomposition."""
    psi = pt.as_tensor(law.psi)
    d, dims = psi.type.shape[0], law.structure.covariance_dims
    squares = pm.ChiSquared("bartlett_squares", law.bartlett_dof(d), dims=(*dims, "feature"))
    bartlett = pt.zeros((n_covariances, d, d))
    diagonal = np.arange(d)
    bartlett = bartlett[:, diagonal, diagonal].set(pt.sqrt(squares))
    rows, columns = np.tril_indices(d, -1)
    if rows.size:
        pm.modelcontext(None).add_coord("feature_pair", np.arange(rows.size))
        below = pm.Normal("bartlett_normals", dims=(*dims, "feature_pair"))
        bartlett = bartlett[:, rows, columns].set(below)
    inverse = pt.linalg.solve_triangular(bartlett, pt.eye(d), lower=True, b_ndim=2)
    return pt.matmul(pt.linalg.cholesky(psi), inverse)


def _inverse_gamma_factors(law: InverseGammas, n_covariances: int) -> Any:
    """Return Cholesky factors (n_covariances, D, D), which are diagonal."""
    scales = law.scales[0] if law.structure.isotropic else law.scales
    variances = pm.InverseGamma(
        "variances_standardised", law.shape, scales, dims=law.structure.sd_dims
    )
    sds = pt.sqrt(variances).reshape((n_covariances, law.structure.n_sds(law.n_features)))
    return sds[:, :, None] * np.eye(law.n_features)


_CONJUGATE_FACTORS: dict[type, Callable[..., Any]] = {
    InverseWishart: _inverse_wishart_factors,
    InverseGammas: _inverse_gamma_factors,
}


def _correlation_factors(
    prior: LKJPrior, structure: Structure, n_features: int, n_covariances: int
) -> Any:
    """Return Cholesky factors (n_covariances, D, D) of LKJ correlation matrices, without a loop.

    Row i of the factor breaks a stick of unit length: entry j takes the share ``z[i, j]`` of what
    the entries before it left, ``prod_{l < j} sqrt(1 - z[i, l]**2)``, and the diagonal takes the
    rest (Lewandowski, Kurowicka & Joe 2009, section 2.4).
    """
    shapes = partial_correlation_shapes(prior.eta, structure, n_features)
    if not shapes.size:
        return np.eye(n_features)
    pm.modelcontext(None).add_coord("feature_pair", np.arange(shapes.size))
    dims = (*structure.covariance_dims, "feature_pair")
    unit = pm.Beta("correlations_unit", shapes, shapes, dims=dims)
    rows, columns = np.tril_indices(n_features, -1)
    blank = pt.zeros((n_covariances, n_features, n_features))
    shares = blank[:, rows, columns].set(2.0 * unit - 1.0)
    log_left = blank[:, rows, columns].set(0.5 * pt.log(4.0 * unit * (1.0 - unit)))
    log_stick = pt.cumsum(log_left, axis=-1) - log_left
    return (shares + np.eye(n_features)) * pt.exp(log_stick)


def _mixture_logp(n_features: int, value: Any, weights: Any, means: Any, factors: Any) -> Any:
    """Return the log density (N,) at `value` (N, D), all components whitened at once."""
    weights, means, factors = _one_mixture(weights, means, factors)
    whiteners = pt.linalg.solve_triangular(factors, pt.eye(n_features), lower=True, b_ndim=2)
    residuals = value[None, :, :] - means[:, None, :]
    white = pt.matmul(residuals, whiteners.mT)
    log_det = pt.log(pt.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1)
    log_norm = pt.log(weights) - log_det - 0.5 * n_features * np.log(2.0 * np.pi)
    return pt.logsumexp(log_norm[:, None] - 0.5 * (white**2).sum(axis=-1), axis=0)


def _mixture_dist(weights: Any, means: Any, factors: Any, size: Any) -> Any:
    """Return draws of shape ``size + (D,)``."""
    weights, means, factors = _one_mixture(weights, means, factors)
    labels = pm.Categorical.dist(p=weights, size=size)
    centres = means[labels]
    noise = pm.Normal.dist(pt.zeros_like(centres))
    return centres + pt.matmul(factors[labels], noise[..., None])[..., 0]


def _one_mixture(weights: Any, means: Any, factors: Any) -> tuple[Any, Any, Any]:
    """Drop the batch axis of length 1 that PyMC adds over rows, which all come from one mixture."""
    if weights.ndim == 1:
        return weights, means, factors
    return weights[0], means[0], factors[0]
