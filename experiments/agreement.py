"""Where EM's estimate falls in the posterior, parameter by parameter and jointly."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from experiments.engines import Fit
from experiments.parameters import Parameters, combine
from experiments.schema import Agreement, JointValues, ParameterValues
from gmm_em import Mixture

if TYPE_CHECKING:
    from gmm_bayes import MixtureDraws

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class JointDistance:
    """Distance of EM's estimate from the posterior mean in the posterior's own metric.

    Attributes
    ----------
    squared : float
        Squared Mahalanobis distance over the free parameters.
    n_parameters : int
        Their number p.
    tail_probability : float
        Share of a normal posterior farther from its mean: the chi-square survival function with
        p degrees of freedom.
    """

    squared: float
    n_parameters: int
    tail_probability: float


def agree(em: Fit, bayes: Fit, draws: MixtureDraws, joint: JointDistance | None) -> Agreement:
    """Compare EM with the posterior; components in the same order in both."""
    se, sd = em.uncertainty, bayes.uncertainty
    if se is None or sd is None:
        raise ValueError("both fits need uncertainties to be compared")
    z = z_scores(em.mixture, bayes.mixture, sd)
    ratios = _ratios(se, sd)
    certain = {name for name, value in sd.free() if value == 0}
    entries = {name: value for name, value in z.free() if name not in certain}
    worst = max(entries, key=lambda name: abs(entries[name]))
    return Agreement(
        z_scores=ParameterValues.of(z),
        z_score_errors=ParameterValues.of(z_score_errors(draws, sd)),
        quantiles=ParameterValues.of(quantiles(em.mixture, draws)),
        sd_ratios=ParameterValues.of(ratios),
        # The last of several weights is what the others leave: no parameter of its own.
        n_parameters=len(entries) - (len(sd.weights) > 1),
        max_abs_z=abs(entries[worst]),
        worst_parameter=worst,
        median_sd_ratio=_median(ratios, certain),
        median_sd_ratio_by_method={
            method: _median(_ratios(errors, sd), certain)
            for method, errors in em.more_uncertainty.items()
        },
        joint=None if joint is None else JointValues(**asdict(joint)),
    )


def _ratios(se: Parameters, sd: Parameters) -> Parameters:
    return combine(lambda se, sd: np.divide(se, sd, out=np.ones_like(sd), where=sd > 0), se, sd)


def _median(values: Parameters, without: set[str]) -> float:
    return float(np.median([value for name, value in values.free() if name not in without]))


def z_scores(estimate: Mixture, mean: Mixture, sd: Parameters) -> Parameters:
    """(estimate - posterior mean) / posterior sd; zero where the posterior has no spread."""
    return combine(
        # Only the single weight of a one-component mixture has no spread: it is 1 for certain.
        lambda ml, mean, sd: np.divide(ml - mean, sd, out=np.zeros_like(sd), where=sd > 0),
        Parameters.of(estimate),
        Parameters.of(mean),
        sd,
    )


def z_score_errors(draws: MixtureDraws, sd: Parameters) -> Parameters:
    """Monte Carlo standard error of each z-score: that of the posterior mean over the sd."""
    from arviz_stats.base import array_stats

    def error(values: Floats, sd: Floats) -> Floats:
        varies = sd > 0
        errors = np.zeros_like(sd)
        series = np.moveaxis(values[:, :, varies], -1, 0)
        errors[varies] = [array_stats.mcse(s, method="mean", chain_axis=0, draw_axis=1)
                          for s in series] / sd[varies]  # fmt: skip
        return errors

    return combine(error, Parameters.of(draws), sd)


def quantiles(estimate: Mixture, draws: MixtureDraws) -> Parameters:
    """Share of posterior draws below the estimate; a half for the posterior's median."""
    return combine(
        lambda ml, values: (
            (np.mean(values < ml, axis=(0, 1)) + np.mean(values <= ml, axis=(0, 1))) / 2
        ),
        Parameters.of(estimate),
        Parameters.of(draws),
    )


def joint_distance(estimate: Mixture, draws: MixtureDraws) -> JointDistance | None:
    """Measure EM's estimate against the whole posterior at once.

    The free parameters are the first K - 1 weights, the means and each covariance's lower
    triangle. None where there are too few draws, twice the number of parameters at least, for
    their covariance to be estimated.
    """
    flat = _free(Parameters.of(draws))
    sample = flat.reshape(-1, flat.shape[-1])
    n_parameters = sample.shape[1]
    if len(sample) < 2 * n_parameters:
        return None
    scale = sample.std(axis=0, ddof=1)
    if not np.all(scale > 0):
        return None
    # In units of each parameter's sd the covariance is a correlation, whatever the data's units.
    difference = (_free(Parameters.of(estimate)) - sample.mean(axis=0)) / scale
    correlation = np.corrcoef(sample, rowvar=False).reshape(n_parameters, n_parameters)
    squared = float(difference @ np.linalg.solve(correlation, difference))
    return JointDistance(squared, n_parameters, float(chi2.sf(squared, n_parameters)))


def _free(parameters: Parameters) -> Floats:
    """Lay the free parameters side by side; shape (..., p)."""
    weights, means, covariances = parameters
    rows, columns = np.tril_indices(covariances.shape[-1])
    lower = covariances[..., rows, columns]
    batch = weights.shape[:-1]
    return np.concatenate(
        [weights[..., :-1], means.reshape(*batch, -1), lower.reshape(*batch, -1)], axis=-1
    )
