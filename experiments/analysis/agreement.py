"""Where EM's estimate falls in the posterior, parameter by parameter and jointly."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from experiments.core.types import FloatArray
from experiments.engines.contract import Fit
from experiments.values.base import ParameterValues
from experiments.values.comparison import Agreement, JointValues
from experiments.values.parameters import Parameters, combine
from gmm_em import Mixture
from gmm_em.parameter_names import ParameterLayout

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
    estimate: Fit,
    posterior: Fit,
    draws: MixtureDraws,
    joint: JointDistance | None,
    layout: ParameterLayout,
) -> Agreement:
    """Compare a point estimate with a posterior.

    Parameters
    ----------
    estimate, posterior : Fit
        Components in the same order in both. Where the estimate has no uncertainty, there are no
        ratios of standard errors.
    draws : MixtureDraws
        The posterior's.
    joint : JointDistance or None
        Of the estimate from the posterior mean.
    layout : ParameterLayout
        Which parameters are free.

    Raises
    ------
    ValueError
        If the posterior has no standard deviations.
    """
    sd = posterior.uncertainty
    if sd is None:
        raise ValueError("a posterior without standard deviations cannot be compared with")
    z = z_scores(estimate.mixture, posterior.mixture, sd)
    # The single weight of a one-component mixture is always 1, so it has a name but no spread.
    uncertain = layout.values(sd) > 0
    names = [str(name) for name, varies in zip(layout.names, uncertain, strict=True) if varies]
    entries = dict(zip(names, layout.values(z)[uncertain].tolist(), strict=True))
    worst = max(entries, key=lambda name: abs(entries[name]))
    return Agreement(
        z_scores=ParameterValues.of(z),
        z_score_errors=ParameterValues.of(z_score_errors(draws, sd)),
        quantiles=ParameterValues.of(quantiles(estimate.mixture, draws)),
        parameters=names,
        n_parameters=layout.n_free,
        max_abs_z=abs(entries[worst]),
        worst_parameter=worst,
        joint=None if joint is None else JointValues(**asdict(joint)),
        **_sd_ratios(estimate, sd, layout, names, uncertain),
    )


def _sd_ratios(
    estimate: Fit,
    sd: Parameters,
    layout: ParameterLayout,
    names: list[str],
    uncertain: NDArray[np.bool_],
) -> dict[str, Any]:
    """Compare the estimate's standard errors, where it has any, with the posterior's sd."""
    by_method = {
        name: layout.values(_ratios(errors, sd))[uncertain]
        for name, errors in estimate.more_uncertainty.items()
    }
    found: dict[str, Any] = {
        "median_sd_ratio_by_method": {m: float(np.median(r)) for m, r in by_method.items()},
        "mean_sd_ratio_by_method": {m: _geometric_mean(r) for m, r in by_method.items()},
    }
    if "information" in by_method:
        # The parameter that the posterior is surest of, beside what the rows alone say of it.
        ratios = by_method["information"]
        most = int(ratios.argmax())
        found |= {"narrowed_parameter": names[most], "narrowed_by": float(ratios[most])}
    if estimate.uncertainty is None:
        return {**found, "method": ""}
    every = _ratios(estimate.uncertainty, sd)
    free = layout.values(every)[uncertain]
    return {
        **found,
        # Without a bootstrap EM has no intervals, and its standard errors are the information's.
        "method": "bootstrap" if estimate.intervals else "information",
        "sd_ratios": ParameterValues.of(every),
        "median_sd_ratio": float(np.median(free)),
        "mean_sd_ratio": _geometric_mean(free),
    }


def _ratios(se: Parameters, sd: Parameters) -> Parameters:
    return combine(lambda se, sd: np.divide(se, sd, out=np.ones_like(sd), where=sd > 0), se, sd)


def _geometric_mean(ratios: FloatArray) -> float:
    # A weight that cannot vary has a standard error of zero, which has no logarithm.
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
    from arviz_stats.base import array_stats  # noqa: PLC0415 - ArviZ takes half a second

    def error(values: FloatArray, sd: FloatArray) -> FloatArray:
        varies = sd > 0
        if sd.ndim == 3:
            # A covariance is symmetric, so the errors of its lower triangle are enough.
            varies &= np.tri(sd.shape[-1], dtype=bool)
        errors = np.zeros_like(sd)
        series = np.moveaxis(values[:, :, varies], -1, 0)
        found = [array_stats.mcse(s, method="mean", chain_axis=0, draw_axis=1) for s in series]
        errors[varies] = found / sd[varies]
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


def joint_distance(
    estimate: Mixture, draws: MixtureDraws, layout: ParameterLayout
) -> JointDistance | None:
    """Measure EM's estimate against the whole posterior at once.

    The free parameters are the first K - 1 weights, the means and the covariances' free entries.
    Where a structure's entries are not linear in what it leaves free, there are more entries than
    free parameters, and draws lie close to a plane of as many dimensions as there are free
    parameters: the distance is measured along it. None where there are too few draws, twice the
    number of entries at least, for their covariance to be estimated.
    """
    flat = independent(layout, Parameters.of(draws))
    sample = flat.reshape(-1, flat.shape[-1])
    n_entries, n_parameters = sample.shape[1], layout.n_free
    if len(sample) < 2 * n_entries:
        return None
    scale = sample.std(axis=0, ddof=1)
    if not np.all(scale > 0):
        return None
    # In units of each parameter's sd the covariance matrix is a correlation matrix, which does
    # not depend on the data's units.
    difference = (independent(layout, Parameters.of(estimate)) - sample.mean(axis=0)) / scale
    correlation = np.corrcoef(sample, rowvar=False).reshape(n_entries, n_entries)
    spreads, directions = np.linalg.eigh(correlation)
    along = (difference @ directions)[-n_parameters:]
    squared = float((along**2 / spreads[-n_parameters:]).sum())
    return JointDistance(squared, n_parameters, float(chdtrc(n_parameters, squared)))


def independent(layout: ParameterLayout, parameters: Parameters) -> FloatArray:
    """Return the values of a layout's parameters without the last weight, shape (..., p)."""
    return np.delete(layout.values(parameters), layout.n_components - 1, axis=-1)
