"""The common form of every prior's density, which the compiled density evaluates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import betaln, gammaln, multigammaln

from gmm_bayes.core.types import FloatArray
from gmm_bayes.space.decomposed import REPULSION, DecomposedSpace, log_mean_gaps
from gmm_bayes.space.structures import Structure


@dataclass(frozen=True)
class CovarianceTerms:
    """A prior on one covariance S, as terms that every prior here consists of.

    With s its free standard deviations and z its free canonical partial correlations, the log
    density of (log s, logit((z + 1) / 2)) is::

        log_constant + log_sd_power sum log s - sum sd_precision s**2 / 2
        + sum correlation_shapes log((1 - z**2) / 4)
        - log_det_power log(det S) / 2 - tr(psi S**-1) / 2
    """

    log_constant: float
    log_sd_power: float
    sd_precision: FloatArray
    correlation_shapes: FloatArray
    log_det_power: float
    psi: FloatArray


@dataclass(frozen=True)
class VolumeTerms:
    """A prior on volumes, shapes and orientations (:mod:`gmm_bayes.space.decomposed`).

    The log density of the log-volumes v, log-shapes a and matrices y, each as many as there are,
    is::

        log_constant - sum (nu v + psi exp(-v)) / 2
        - shape_precision sum a**2 / 2 - matrix_precision sum y**2 / 2
        + gap_power sum log(gap)

    with the gaps between the eigenvalues of each matrix.
    """

    space: DecomposedSpace
    log_constant: float
    nu: float
    psi: float
    shape_precision: float
    matrix_precision: float
    gap_power: float

    @property
    def scales(self) -> list[float]:
        """The numbers that the compiled density reads, in this order."""
        precisions = [self.shape_precision, self.matrix_precision]
        return [self.nu, self.psi, *precisions, self.gap_power]

    @classmethod
    def of(cls, space: DecomposedSpace, nu: float, psi: float, log_shape_scale: float) -> Self:
        """Return inverse-gamma volumes, normal log-shapes and normal matrices.

        Matrices of which only the eigenvectors have a meaning are standard normal, but for a power
        of the gaps.
        """
        (volumes, _), shapes, matrices = space.blocks
        matrix_scale = 1.0 if space.structure.turned else log_shape_scale
        n_shapes, n_entries = math.prod(shapes), math.prod(matrices)
        constant = volumes * (0.5 * nu * math.log(0.5 * psi) - float(gammaln(0.5 * nu)))
        constant -= 0.5 * (n_shapes + n_entries) * math.log(2.0 * math.pi)
        constant -= n_shapes * math.log(log_shape_scale) + n_entries * math.log(matrix_scale)
        gap_power = REPULSION if space.structure.turned else 0.0
        if gap_power:
            constant -= matrices[0] * log_mean_gaps(space.n_features)
        precisions = (log_shape_scale**-2.0, matrix_scale**-2.0)
        return cls(space, constant, nu, psi, *precisions, gap_power)


@dataclass(frozen=True)
class MeanTerms:
    """A prior on one component's mean m, given its covariance S.

    The log density is::

        log_constant - sum precision (m - loc)**2 / 2
        - log_det_power log(det S) / 2 - kappa (m - loc)' S**-1 (m - loc) / 2
    """

    log_constant: float
    loc: FloatArray
    precision: FloatArray
    log_det_power: float = 0.0
    kappa: float = 0.0


@dataclass(frozen=True)
class SharedScaleTerms:
    """What a scale matrix that all covariances share adds to their density, integrated out.

    With P_g the precisions, the log density is ``log_constant - power log det(rate + sum P_g)``.

    Parameters
    ----------
    log_constant, power : float
    rate : ndarray of shape (D, D)
    """

    log_constant: float
    power: float
    rate: FloatArray


@dataclass(frozen=True)
class PriorTerms:
    """A prior on standardised data: means independent given covariances, covariances alike.

    Parameters
    ----------
    mean : MeanTerms
        Of each of the K components.
    covariance : CovarianceTerms or VolumeTerms
        Of each covariance, of which there are as many as the structure says; or of all volumes,
        shapes and orientations together.
    shared_scale : SharedScaleTerms, optional
        What ties the covariances together. Without it they are independent.
    """

    mean: MeanTerms
    covariance: CovarianceTerms | VolumeTerms
    shared_scale: SharedScaleTerms | None = None


def independent_terms(
    structure: Structure,
    mean_loc: FloatArray,
    mean_scale: FloatArray,
    sd_scale: FloatArray,
    eta: float,
) -> PriorTerms:
    """Return normal means (D,), half-normal standard deviations (n_sds,) and LKJ correlations."""
    d = mean_loc.size
    shapes = partial_correlation_shapes(eta, structure, d)
    return PriorTerms(
        normal_mean_terms(mean_loc, mean_scale),
        CovarianceTerms(
            log_constant=float(
                0.5 * sd_scale.size * math.log(2.0 / math.pi)
                - np.log(sd_scale).sum()
                - betaln(shapes, shapes).sum()
            ),
            log_sd_power=1.0,
            sd_precision=sd_scale**-2.0,
            correlation_shapes=shapes,
            log_det_power=0.0,
            psi=np.zeros((d, d)),
        ),
    )


def normal_mean_terms(mean_loc: FloatArray, mean_scale: FloatArray) -> MeanTerms:
    """Return ``Normal(mean_loc, mean_scale)`` for each feature, both of shape (D,)."""
    return MeanTerms(
        log_constant=float(
            -0.5 * mean_loc.size * math.log(2.0 * math.pi) - np.log(mean_scale).sum()
        ),
        loc=mean_loc,
        precision=mean_scale**-2.0,
    )


def conjugate_mean_terms(mean_loc: FloatArray, kappa: float) -> MeanTerms:
    """Return ``Normal(mean_loc, S / kappa)``, `mean_loc` of shape (D,)."""
    d = mean_loc.size
    return MeanTerms(
        log_constant=0.5 * d * math.log(kappa / (2.0 * math.pi)),
        loc=mean_loc,
        precision=np.zeros(d),
        log_det_power=1.0,
        kappa=kappa,
    )


def inverse_wishart_terms(nu: float, psi: FloatArray, structure: Structure) -> CovarianceTerms:
    """Return ``S ~ InverseWishart(nu, psi)``, `psi` of shape (D, D)."""
    d = psi.shape[0]
    shapes = partial_correlation_shapes(1.0, structure, d)
    return CovarianceTerms(
        log_constant=float(
            0.5 * nu * np.linalg.slogdet(psi)[1]
            - 0.5 * nu * d * math.log(2.0)
            - multigammaln(0.5 * nu, d)
            # From covariances to log standard deviations and partial correlations: a covariance is
            # 2^D prod s^D correlations, and correlations are uniform under these shapes.
            + d * math.log(2.0)
            - betaln(shapes, shapes).sum()
            + _log_volume_of_correlations(d)
        ),
        log_sd_power=d + 1.0,
        sd_precision=np.zeros(d),
        correlation_shapes=shapes,
        log_det_power=nu + d + 1.0,
        psi=psi,
    )


def inverse_gamma_terms(shape: float, scales: FloatArray, n_features: int) -> CovarianceTerms:
    """Return ``variances ~ InverseGamma(shape, scales)``, `scales` one for each free variance."""
    n = scales.size
    # tr(psi S**-1) / 2 counts a variance once for each feature that has it.
    psi = np.diag(np.broadcast_to(2.0 * scales * n / n_features, n_features))
    return CovarianceTerms(
        log_constant=float((shape * np.log(scales)).sum() + n * (math.log(2.0) - gammaln(shape))),
        log_sd_power=-2.0 * shape,
        sd_precision=np.zeros(n),
        correlation_shapes=np.empty(0),
        log_det_power=0.0,
        psi=psi,
    )


def partial_correlation_shapes(eta: float, structure: Structure, n_features: int) -> FloatArray:
    """Return the shapes ``a`` of the ``Beta(a, a)`` of an LKJ matrix's partial correlations.

    The canonical partial correlations ``z[i, j]``, i > j, of an LKJ(eta) matrix are independent
    with ``(z + 1) / 2 ~ Beta(a, a)`` and ``a = eta + (D - 1 - j) / 2``, j counted from 1
    (Lewandowski, Kurowicka & Joe 2009, section 2.4, for the C-vine).

    Returns
    -------
    ndarray of shape (D (D - 1) / 2,)
        In row-major order of the strict lower triangle; empty where the structure has none.
    """
    _, columns = np.tril_indices(n_features, -1)
    shapes = np.asarray(eta + (n_features - 2.0 - columns) / 2.0, dtype=np.float64)
    return shapes[: structure.n_correlations(n_features)]


def _log_volume_of_correlations(n_features: int) -> float:
    """Return the log of the integral of 1 over correlation matrices (same source, equation 17)."""
    left = np.arange(n_features - 1.0, 0.0, -1.0)
    half = (left + 1.0) / 2.0
    return float((left * left * math.log(2.0) + left * betaln(half, half)).sum())
