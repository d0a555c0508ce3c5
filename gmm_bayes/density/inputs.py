"""Data and prior as the compiled density reads them."""

from __future__ import annotations

from typing import NamedTuple

from gmm_bayes.core.types import FloatArray


class PackedPrior(NamedTuple):
    """A prior as the compiled density reads it (:mod:`gmm_bayes.priors.terms` has the formulas).

    Parameters
    ----------
    concentration : float
        Of the Dirichlet distribution of the weights.
    constant : float
        Every term of the log posterior that does not depend on the parameters.
    log_sd_power, kappa : float
    log_det_power : float
        Of the mean's and the covariance's prior together, for each component.
    scale_power : float
        That of :func:`gmm_bayes.density.shared_scale.integrate_scale`, or 0 where the scale matrix
        of the covariances is fixed.
    mean_loc, mean_precision : ndarray of shape (D,)
    psi : ndarray of shape (D, D)
        The fixed scale matrix, divided by the number of components that share a covariance; or the
        rate matrix of the law of the shared one.
    sd_precision : ndarray of shape (n_sds,)
    shapes : ndarray of shape (n_correlations,)
        Of the partial correlations' beta distributions.
    """

    concentration: float
    constant: float
    log_sd_power: float
    kappa: float
    log_det_power: float
    scale_power: float
    mean_loc: FloatArray
    mean_precision: FloatArray
    psi: FloatArray
    sd_precision: FloatArray
    shapes: FloatArray


class Rows(NamedTuple):
    """Standardised data.

    Parameters
    ----------
    complete : ndarray of shape (D, N)
    patterns, values : ndarray of shapes (P, 1 + D) and (M,)
        The incomplete rows, as :func:`gmm_bayes.density.incomplete.add_incomplete` reads them.
    """

    complete: FloatArray
    patterns: FloatArray
    values: FloatArray
