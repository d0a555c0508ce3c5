"""Where EM's estimate falls in the posterior, parameter by parameter and jointly."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc

from experiments.core.types import FloatArray
from experiments.engines.contract import Fit
from experiments.values.comparison import Agreement, JointValues, ParameterValues
from experiments.values.parameters import Layout, Parameters, combine
from gmm_em import Mixture

if TYPE_CHECKING:
    from gmm_bayes import MixtureDraws


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


def agree(
    em: Fit, bayes: Fit, draws: MixtureDraws, joint: JointDistance | None, layout: Layout
) -> Agreement:
    """Compare EM with the posterior; components in the same order in both."""
    se, sd = em.uncertainty, bayes.uncertainty
    if se is None or sd is None:
        raise ValueError("both fits need uncertainties to be compared")
    z = z_scores(em.mixture, bayes.mixture, sd)
    ratios = _ratios(se, sd)
    # Only the single weight of a one-component mixture is free and yet has no spread: it is 1.
    uncertain = layout.values(sd) > 0
    names = [name for name, varies in zip(layout.names, uncertain, strict=True) if varies]
    entries = dict(zip(names, layout.values(z)[uncertain].tolist(), strict=True))
    # Without a bootstrap EM has no intervals, and its standard errors are the information's.
    method = "bootstrap" if em.intervals else "information"
    by_method = {
        name: layout.values(_ratios(errors, sd))[uncertain]
        for name, errors in em.more_uncertainty.items()
    }
    worst = max(entries, key=lambda name: abs(entries[name]))
    return Agreement(
        z_scores=ParameterValues.of(z),
        z_score_errors=ParameterValues.of(z_score_errors(draws, sd)),
        quantiles=ParameterValues.of(quantiles(em.mixture, draws)),
        sd_ratios=ParameterValues.of(ratios),
        parameters=names,
        n_parameters=layout.n_free,
        max_abs_z=abs(entries[worst]),
        worst_parameter=worst,
        method=method,
        median_sd_ratio=float(np.median(layout.values(ratios)[uncertain])),
        median_sd_ratio_by_method={m: float(np.median(found)) for m, found in by_method.items()},
        mean_sd_ratio=_geometric_mean(layout.values(ratios)[uncertain]),
        mean_sd_ratio_by_method={m: _geometric_mean(found) for m, found in by_method.items()},
        joint=None if joint is None else JointValues(**asdict(joint)),
    )


def _ratios(se: Parameters, sd: Parameters) -> Parameters:
    return combine(lambda se, sd: np.divide(se, sd, out=np.ones_like(sd), where=sd > 0), se, sd)


def _geometric_mean(ratios: FloatArray) -> float:
    # A standard error of zero, as of a weight that cannot vary, has no logarithm.
    return float(np.exp(np.log(ratios[ratios > 0]).mean())) if np.any(ratios > 0) else 0.0


def z_scores(estimate: Mixture, mean: Mixture, sd: Parameters) -> Parameters:
    """(estimate - posterior mean) / posterior sd; zero where the posterior has no spread."""
    return combine(
        # Structural zeros, and the weight of a single component, have no spread.
        lambda ml, mean, sd: np.divide(ml - mean, sd, out=np.zeros_like(sd), where=sd > 0),
        Parameters.of(estimate),
        Parameters.of(mean),
        sd,
    )


def z_score_errors(draws: MixtureDraws, sd: Parameters) -> Parameters:
    """Monte Carlo standard error of each z-score: that of the posterior mean over the sd."""
    from arviz_stats.base import array_stats

    def error(values: FloatArray, sd: FloatArray) -> FloatArray:
        varies = sd > 0
        if sd.ndim == 3:
            # A covariance is symmetric: its lower triangle will do.
            varies &= np.tri(sd.shape[-1], dtype=bool)
        errors = np.zeros_like(sd)
        series = np.moveaxis(values[:, :, varies], -1, 0)
        errors[varies] = [array_stats.mcse(s, method="mean", chain_axis=0, draw_axis=1)
                          for s in series] / sd[varies]  # fmt: skip
        return errors if sd.ndim < 3 else np.maximum(errors, errors.transpose(0, 2, 1))

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


def joint_distance(estimate: Mixture, draws: MixtureDraws, layout: Layout) -> JointDistance | None:
    """Measure EM's estimate against the whole posterior at once.

    The free parameters are the first K - 1 weights, the means and the covariances' free entries.
    None where there are too few draws, twice the number of parameters at least, for their
    covariance to be estimated.
    """
    flat = layout.independent(Parameters.of(draws))
    sample = flat.reshape(-1, flat.shape[-1])
    n_parameters = sample.shape[1]
    if len(sample) < 2 * n_parameters:
        return None
    scale = sample.std(axis=0, ddof=1)
    if not np.all(scale > 0):
        return None
    # In units of each parameter's sd the covariance is a correlation, whatever the data's units.
    difference = (layout.independent(Parameters.of(estimate)) - sample.mean(axis=0)) / scale
    correlation = np.corrcoef(sample, rowvar=False).reshape(n_parameters, n_parameters)
    squared = float(difference @ np.linalg.solve(correlation, difference))
    return JointDistance(squared, n_parameters, float(chdtrc(n_parameters, squared)))
