"""The posterior as a function of an unconstrained vector, which gradient-based samplers call."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.loading import Needs, load_density
from gmm_bayes.density.packed import (
    AT_LAST_LENGTH,
    DECOMPOSED,
    N_SIZES,
    packed_log_density,
    weighted_log_density,
)
from gmm_bayes.priors.base import Prior
from gmm_bayes.priors.data_scale import DataScale
from gmm_bayes.priors.terms import PriorTerms, VolumeTerms
from gmm_bayes.space.scaling import Scaling
from gmm_bayes.space.spaces import Space, space_of
from gmm_bayes.space.structures import FULL, Structure
from gmm_em.e_step.missing import patterns_of

_OFF_SUPPORT = 1e30
"""Stands for minus the log density where that is infinite."""


@dataclass(frozen=True)
class LogPosterior:
    """The log posterior density of a mixture on unconstrained space, with its gradient.

    Calling it with an unconstrained vector returns ``(value, gradient)``. The vector and the value
    (every constant and Jacobian included, data in their own units) are those of the PyMC model of
    :func:`gmm_bayes.build_model`: ``model.compile_logp()`` gives the same number.

    Parameters
    ----------
    X : ndarray of shape (N, D)
        The data in their own units. NaN stands for a value that is missing at random: of such a row
        the density is that of what was observed.
    n_components : int
    prior : Prior
    structure : Structure, default full

    Attributes
    ----------
    scaling : Scaling
        Standardisation of the data; the unconstrained vector is on the standardised scale.
    written_out_prior : Prior
        The prior with every hyperparameter that follows from the data as numbers.
    space : UnconstrainedSpace or DecomposedSpace

    Raises
    ------
    ValueError
        If a column of the data is constant.
    """

    X: FloatArray
    n_components: int
    prior: Prior
    structure: Structure = FULL
    scaling: Scaling = field(init=False)
    written_out_prior: Prior = field(init=False, repr=False)
    space: Space = field(init=False)
    needs: Needs = field(init=False, repr=False)
    _packed: FloatArray = field(init=False, repr=False)
    _packed_prior: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.prior.check_structure(self.structure)
        scaling = Scaling.from_data(self.X, self.structure, one_scale=self.prior.one_scale)
        data = DataScale.of(self.X, self.n_components, self.structure, scaling)
        object.__setattr__(self, "written_out_prior", self.prior.written_out(data))
        terms = self.prior.terms(data, self.structure)
        space = space_of(self.n_components, self.X.shape[1], self.structure)
        object.__setattr__(self, "scaling", scaling)
        object.__setattr__(self, "space", space)
        needs = Needs(
            self.structure.decomposed, terms.shared_scale is not None, bool(np.isnan(self.X).any())
        )
        object.__setattr__(self, "needs", needs)
        Z = scaling.standardise(self.X)
        object.__setattr__(self, "_packed", self._pack(terms, Z))
        object.__setattr__(self, "_packed_prior", self._pack(terms, Z[:0]))

    @property
    def packed(self) -> FloatArray:
        """What the compiled density reads, in one array (:mod:`gmm_bayes.density.packed`)."""
        load_density(self.needs)
        return self._packed

    @property
    def packed_prior(self) -> FloatArray:
        """The same for the prior: it holds no row of data."""
        load_density(self.needs)
        return self._packed_prior

    def _pack(self, terms: PriorTerms, Z: FloatArray) -> FloatArray:
        """Return what :func:`gmm_bayes.density.packed.weighted_log_density` reads."""
        complete, table, incomplete = by_pattern(Z)
        mean = terms.mean
        kind, scalars, *arrays = self._pack_covariance(terms)
        packed: list[ArrayLike] = [
            [*complete.shape, kind, len(arrays[-2]), len(arrays[-1]), len(table), 0.0],
            [self.prior.concentration, self._constant(terms, Z)],
            scalars,
            mean.loc,
            mean.precision,
            *arrays,
            complete.T.ravel(),
            table.ravel(),
            incomplete,
        ]
        whole = np.concatenate([np.asarray(p, dtype=np.float64) for p in packed])
        whole[N_SIZES - 1] = len(whole)
        return whole

    def _pack_covariance(self, terms: PriorTerms) -> tuple[float, list[float], *tuple[Any, ...]]:
        """Return the kind of structure, four scalars of the prior, and its last three arrays."""
        mean, covariance, d = terms.mean, terms.covariance, self.X.shape[1]
        if isinstance(covariance, VolumeTerms):
            own = covariance.space.structure
            return (
                DECOMPOSED,
                [0.0, 0.0, 0.0, 0.0],
                np.zeros(d * d),
                covariance.scales,
                [*own.n_volumes, *own.n_shapes, *own.n_matrices],
            )
        # The compiled density adds a covariance's prior once for each component that has it.
        members = self.structure.members(self.n_components)
        log_det_power = mean.log_det_power + covariance.log_det_power / members
        psi, scale_power = covariance.psi / members, 0.0
        if terms.shared_scale is not None:
            psi, scale_power = terms.shared_scale.rate, terms.shared_scale.power
        return (
            float(self.structure.shared),
            [covariance.log_sd_power, mean.kappa, log_det_power, scale_power],
            psi.ravel(),
            covariance.sd_precision,
            covariance.correlation_shapes,
        )

    def _constant(self, terms: PriorTerms, Z: FloatArray) -> float:
        """Return the sum of the terms that do not depend on the parameters."""
        k, c = self.n_components, self.prior.concentration
        # The Dirichlet density's constant, and log K from the Jacobian of the softmax.
        constant = gammaln(k * c) - k * gammaln(c) + math.log(k)
        constant = constant + k * terms.mean.log_constant
        constant = constant + self._n_priors(terms) * terms.covariance.log_constant
        if terms.shared_scale is not None:
            constant = constant + terms.shared_scale.log_constant
        missing = np.isnan(Z).sum(axis=0)
        constant = constant - 0.5 * (Z.size - missing.sum()) * math.log(2.0 * math.pi)
        jacobian = self.scaling.log_jacobian(len(Z)) + missing @ np.log(self.scaling.scale)
        return float(constant + jacobian)

    def _n_priors(self, terms: PriorTerms) -> int:
        """Return how often the constant of the covariances' prior counts."""
        if isinstance(terms.covariance, VolumeTerms):
            return 1
        return self.structure.n_covariances(self.n_components)

    def __call__(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Return the log density and its gradient (n,) at `theta` (n,)."""
        gradient = np.empty(self.space.size)
        return packed_log_density(theta, self.packed, gradient), gradient

    def negative(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Return minus the log density and its gradient, for a minimiser.

        Off the support that is a large number with the gradient zero.
        """
        value, gradient = self(theta)
        return (
            (-value, -gradient) if math.isfinite(value) else (_OFF_SUPPORT, np.zeros_like(gradient))
        )

    @cached_property
    def packed_likelihood(self) -> FloatArray:
        """What the compiled density reads for a prior that is flat on unconstrained space."""
        head = len(self.packed_prior)
        flat = np.zeros(head)
        flat[:N_SIZES] = self.packed[:N_SIZES]
        # The last array holds shapes of prior densities, or what the structure consists of.
        if self.structure.decomposed:
            last = int(self.packed[AT_LAST_LENGTH])
            flat[-last:] = self.packed_prior[-last:]
        return np.concatenate([flat, self.packed[head:]])

    def log_likelihood(
        self, theta: FloatArray, row_weights: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return every row's log density (N,) at `theta` (n,), and a slope (n,).

        It is that of the sum of the rows' log densities times `row_weights` (N,). Where the
        covariances lie off the support, both are NaN.

        Raises
        ------
        ValueError
            If a row has missing values.
        """
        if np.isnan(self.X).any():
            raise ValueError("X has missing values, but rows with weights must be complete")
        rows, gradient = np.full(len(self.X), np.nan), np.empty(self.space.size)
        value = weighted_log_density(theta, self.packed_likelihood, gradient, row_weights, rows)
        if not math.isfinite(value):
            return rows, np.full_like(gradient, np.nan)
        return rows + self.row_constant, gradient

    @property
    def row_constant(self) -> float:
        """What the compiled density leaves out of a row's log density in the data's own units."""
        d = self.space.n_features
        return -0.5 * d * math.log(2.0 * math.pi) + self.scaling.log_jacobian(1)

    def log_prior(self, theta: FloatArray) -> float:
        """Return the log prior density at `theta` (n,), Jacobian included."""
        return float(packed_log_density(theta, self.packed_prior, np.empty(self.space.size)))


def by_pattern(Z: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the complete rows of `Z` (N, D), the table of patterns and what was observed.

    The last two are as :func:`gmm_bayes.density.incomplete.add_incomplete` reads them. Rows of
    which nothing was observed are left out: they say nothing.
    """
    d = Z.shape[1]
    if not np.isnan(Z).any():
        return Z, np.empty((0, 1 + d)), np.empty(0)
    incomplete = [p for p in patterns_of(Z) if 0 < p.observed.size < d]
    table = np.zeros((len(incomplete), 1 + d))
    for line, pattern in zip(table, incomplete, strict=True):
        line[0] = pattern.rows.size
        line[1 + pattern.observed] = 1.0
    values = [p.values.T.ravel() for p in incomplete]
    return Z[~np.isnan(Z).any(axis=1)], table, np.concatenate([np.empty(0), *values])
