"""The posterior as a function of an unconstrained vector: what gradient-based samplers ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from gmm_bayes.kernels import packed_log_density
from gmm_bayes.priors import Prior
from gmm_bayes.scaling import Scaling
from gmm_bayes.unconstrained import UnconstrainedSpace

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class LogPosterior:
    """The log posterior density of a mixture on unconstrained space, with its gradient.

    Calling it with an unconstrained vector returns ``(value, gradient)``. The vector and the value
    (every constant and Jacobian included, data in their own units) are those of the PyMC model of
    :func:`gmm_bayes.build_model`: ``model.compile_logp()`` gives the same number.

    Parameters
    ----------
    X : ndarray of shape (N, D)
        The data in their own units.
    n_components : int
    prior : LKJPrior or NIWPrior

    Attributes
    ----------
    scaling : Scaling
        Standardisation of the data; the unconstrained vector speaks of the standardised scale.
    space : UnconstrainedSpace
    packed : ndarray
        All that the compiled density needs, in one buffer (:mod:`gmm_bayes.kernels`).

    Raises
    ------
    ValueError
        If a column of the data is constant.
    """

    X: FloatArray
    n_components: int
    prior: Prior
    scaling: Scaling = field(init=False)
    space: UnconstrainedSpace = field(init=False)
    packed: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n_samples, n_features = self.X.shape
        scaling = Scaling.from_data(self.X)
        terms = self.prior.terms(scaling.loc, scaling.scale)
        k, c = self.n_components, self.prior.concentration
        constant = (
            gammaln(k * c) - k * gammaln(c) + math.log(k)  # Dirichlet, Jacobian of the softmax
            + k * terms.log_constant
            - 0.5 * self.X.size * math.log(2.0 * math.pi)
            + scaling.log_jacobian(n_samples)
        )  # fmt: skip
        packed: list[ArrayLike] = [
            [n_samples, n_features, c, constant],
            [terms.log_sd_power, terms.kappa, terms.log_det_power],
            terms.mean_loc,
            terms.mean_precision,
            terms.sd_precision,
            terms.psi.ravel(),
            terms.correlation_shapes,
            scaling.standardise(self.X).T.ravel(),
        ]
        object.__setattr__(self, "scaling", scaling)
        object.__setattr__(self, "space", UnconstrainedSpace(k, n_features))
        object.__setattr__(
            self, "packed", np.concatenate([np.asarray(p, dtype=np.float64) for p in packed])
        )

    def __call__(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Return the log density and its gradient (n,) at `theta` (n,)."""
        gradient = np.empty(self.space.size)
        return packed_log_density(theta, self.packed, gradient), gradient
