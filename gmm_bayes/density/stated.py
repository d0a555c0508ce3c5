"""What another program needs in order to draw the same posterior, and the density it must have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from gmm_bayes.core.checks import check_data
from gmm_bayes.core.types import FloatArray
from gmm_bayes.draws import MixtureDraws
from gmm_bayes.priors.base import Prior
from gmm_bayes.priors.data_scale import DataScale
from gmm_bayes.priors.registry import check_prior, default_prior
from gmm_bayes.space.scaling import Scaling
from gmm_bayes.space.structures import Structure, get_structure
from gmm_bayes.space.unconstrained import UnconstrainedSpace


@dataclass(frozen=True)
class ModelInNumbers:
    """A mixture's model as numbers: standardised rows, and every hyperparameter of the prior.

    It holds no density, so that a program that states the model from it shares no code with ours.

    Attributes
    ----------
    rows : ndarray of shape (N, D)
        The data, standardised.
    n_components : int
    kind : str
        The prior's: "inverse-wishart", "hierarchical", "lkj", "niw" or "volume-shape". The class of
        that kind says in its docstring which laws the hyperparameters belong to.
    hyperparameters : dict of str to float or ndarray
        On the scale of `rows`.
    loc, scale : ndarray of shape (D,)
        ``rows * scale + loc`` are the data in their own units.
    covariance_type : str, default "full"
        What the covariances leave free.
    """

    rows: FloatArray
    n_components: int
    kind: str
    hyperparameters: dict[str, float | FloatArray]
    loc: FloatArray
    scale: FloatArray
    covariance_type: str = "full"

    @classmethod
    def of(
        cls,
        X: ArrayLike,
        n_components: int,
        prior: Prior | None = None,
        covariance_type: str = "full",
    ) -> Self:
        """Write a model out.

        Parameters
        ----------
        X : array_like of shape (N, D)
            The data in their own units.
        n_components : int
        prior : Prior, optional
            By default that of the structure, for full covariances ``InverseWishartPrior()``.
        covariance_type : str, default "full"

        Raises
        ------
        TypeError, ValueError
            If the prior is none of those in `kind` or not one for the structure, or the data cannot
            be fitted.
        """
        rows = check_data(X)
        structure = get_structure(covariance_type)
        known = check_prior(prior or default_prior(structure), rows.shape[1])
        known.check_structure(structure)
        scaling = Scaling.from_data(rows, structure, one_scale=known.one_scale)
        data = DataScale.of(rows, n_components, structure, scaling)
        return cls(
            scaling.standardise(rows),
            n_components,
            known.kind,
            known.numbers(data),
            scaling.loc,
            scaling.scale,
            structure.name,
        )

    def differences_from(self, other: ModelInNumbers) -> list[str]:
        """Say in what another model differs, as far as it can be said; nothing where it is equal.

        Parameters
        ----------
        other : ModelInNumbers

        Returns
        -------
        list of str
            Such as ``["prior's psi"]``.
        """
        if self.n_components != other.n_components:
            return [f"number of components ({self.n_components} and {other.n_components})"]
        if self.covariance_type != other.covariance_type:
            return [
                f"structure of covariances ({self.covariance_type} and {other.covariance_type})"
            ]
        if not _same(self.rows * self.scale + self.loc, other.rows * other.scale + other.loc):
            return ["rows"]
        if self.kind != other.kind:
            return [f"prior ({self.kind} and {other.kind})"]
        if not _same(self.scale, other.scale):
            # Their hyperparameters are numbers on two scales.
            return ["prior's scale"]
        return [
            f"prior's {name}"
            for name, value in self.hyperparameters.items()
            if not _same(value, other.hyperparameters[name])
        ]

    def to_own_units(self, draws: MixtureDraws) -> MixtureDraws:
        """Return draws on the standardised scale in the data's own units."""
        scaling = Scaling(self.loc, self.scale)
        return MixtureDraws(draws.weights, *scaling.to_own_units(draws.means, draws.covariances))

    def standardise(self, draws: MixtureDraws) -> MixtureDraws:
        """Return draws in the data's own units on the standardised scale."""
        scaling = Scaling(self.loc, self.scale)
        parts = scaling.standardise_parameters(draws.means, draws.covariances)
        return MixtureDraws(draws.weights, *parts)


def _same(one: float | FloatArray, other: float | FloatArray) -> bool:
    """Whether numbers are equal but for rounding; one number may stand for many."""
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if a.ndim and b.ndim and a.shape != b.shape:
        return False
    return bool(np.allclose(a, b, rtol=1e-9, atol=1e-12))


def log_posterior_density(
    draws: MixtureDraws,
    X: ArrayLike,
    prior: Prior | None = None,
    covariance_type: str = "full",
) -> FloatArray:
    """Return the log of the unnormalised posterior density at mixtures.

    The density is the one with respect to the weights (all but the last), the means and the free
    entries of the covariances on the scale of standardised data: variances, and for correlated
    features the covariances below the diagonal. Another program's log density of the same model
    differs from it by one constant.

    Parameters
    ----------
    draws : MixtureDraws of C chains and S draws
        The mixtures, in the data's own units; they need not be draws of the posterior.
    X : array_like of shape (N, D)
        The data in their own units.
    prior : Prior, default InverseWishartPrior()
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        What the covariances leave free.

    Returns
    -------
    ndarray of shape (C, S)

    Raises
    ------
    TypeError, ValueError
        If the prior, the structure or the data are not allowed.
    """
    from gmm_bayes.density.conversion import standardise, vectors  # noqa: PLC0415 - loads numba
    from gmm_bayes.density.log_posterior import LogPosterior  # noqa: PLC0415 - loads numba

    rows = check_data(X, n_features=draws.n_features)
    structure = get_structure(covariance_type)
    known = check_prior(prior or default_prior(structure), rows.shape[1])
    target = LogPosterior(rows, draws.n_components, known, structure)
    space: Any = target.space
    if not isinstance(space, UnconstrainedSpace):
        raise ValueError(
            f"covariance_type is {covariance_type!r}, allowed are full, tied, diag and spherical"
        )
    thetas = vectors(target, standardise(target, draws))
    values = np.array([[target(theta)[0] for theta in chain] for chain in thetas])
    return np.asarray(values - _log_jacobian(thetas, space, structure))


def _log_jacobian(
    thetas: FloatArray, space: UnconstrainedSpace, structure: Structure
) -> FloatArray:
    """Return the log of the volume of mixtures per volume of unconstrained vectors.

    - The weights: ``K prod w`` for the centred log-ratios.
    - A variance ``v = s**2`` has ``dv / d log s = 2 v``. A covariance is ``s_i s_j r``, which gives
      every standard deviation the power D - 1 more.
    - The correlations from canonical partial correlations z (Lewandowski, Kurowicka & Joe 2009,
      section 2.4): ``prod (1 - z[i, j]**2) ** ((D - 1 - j) / 2)`` with j counted from 1; and ``dz /
      du = (1 - z**2) / 2`` for the log-odds u of ``(z + 1) / 2``.
    """
    k, d, g = space.n_components, space.n_features, space.n_covariances
    weights, _, _ = space.to_mixtures(thetas)
    sizes = np.cumsum([k - 1, k * d, g * space.n_sds])
    _, _, log_sds, log_odds = np.split(thetas, sizes, axis=-1)
    total = math.log(k) + np.log(weights).sum(axis=-1)
    power = d - 1.0 if structure.correlated else 0.0
    total = total + (math.log(2.0) + (2.0 + power) * log_sds).sum(axis=-1)
    _, columns = np.tril_indices(d, -1)
    powers = np.tile(0.5 * (d - 2.0 - columns)[: space.n_correlations], g)
    # 1 - tanh(u / 2)**2 as a logarithm that does not cancel.
    log_left = -2.0 * (np.logaddexp(0.5 * log_odds, -0.5 * log_odds) - math.log(2.0))
    total = total + ((powers + 1.0) * log_left - math.log(2.0)).sum(axis=-1)
    return np.asarray(total)
