"""The optimisation that fits a normal distribution to the posterior, through PyMC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pymc as pm

from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.laplace import LaplaceApproximation
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.pymc_model.as_ops import MODE, interpreting, whitened_posterior


class ADVISettings(Protocol):
    """The settings of :class:`gmm_bayes.ADVI`."""

    @property
    def method(self) -> str:
        """Whether the covariance matrix is full or diagonal."""

    @property
    def n_iter(self) -> int:
        """Steps of the optimiser."""

    @property
    def n_mc(self) -> int:
        """Draws from the approximation per step."""

    @property
    def learning_rate(self) -> float:
        """Of Adam, in posterior standard deviations."""


@dataclass(frozen=True)
class FittedNormal:
    """A normal distribution in the coordinates of the start, and how the optimiser came to it.

    Parameters
    ----------
    centre : ndarray of shape (size,)
    factor : ndarray of shape (size, size)
        Lower Cholesky factor of the covariance.
    drift : float
        Largest change of a variational parameter between the last two quarters of the path.
    losses : ndarray of shape (n_iter,)
        The negative ELBO at each step.
    """

    centre: FloatArray
    factor: FloatArray
    drift: float
    losses: FloatArray


def optimise(
    settings: ADVISettings,
    target: LogPosterior,
    start: LaplaceApproximation,
    seed: int,
    progress: Callable[[float], None],
) -> FittedNormal:
    """Fit a normal distribution to the posterior by stochastic optimisation.

    Parameters
    ----------
    settings : ADVISettings
    target : LogPosterior
    start : LaplaceApproximation
        The optimiser works in coordinates in which this is a standard normal distribution.
    seed : int
    progress : callable
        Called with the share of the steps that are done.

    Returns
    -------
    FittedNormal
        The average over the last half of the steps (Dhaka et al. 2020).

    Raises
    ------
    KeyboardInterrupt
        If the user interrupts.
    """
    quarter = settings.n_iter // 4
    averages = np.zeros((4, 2 * target.space.size))
    stopped: list[BaseException] = []

    def watch(approximation: Any, losses: FloatArray, step: int) -> None:
        centre, factor = _centre_and_factor(approximation)
        averages[min((step - 1) // quarter, 3)] += np.concatenate([centre, factor.diagonal()])
        if step > settings.n_iter // 2:
            mean[0] += centre
            mean[1] += factor
        try:
            if step % 50 == 0:
                progress(step / settings.n_iter)
        except BaseException as error:
            # PyMC ends the optimisation at an interrupt as if all steps were done.
            stopped.append(error)
            raise KeyboardInterrupt from error

    mean: list[Any] = [0.0, 0.0]
    with interpreting():
        approximation = pm.fit(
            n=settings.n_iter,
            method=settings.method,
            model=whitened_posterior(target, start.mean, start.factor),
            random_seed=seed,
            start={"eta": np.zeros(target.space.size)},
            callbacks=[watch],
            obj_n_mc=settings.n_mc,
            obj_optimizer=pm.adam(learning_rate=settings.learning_rate),
            progressbar=False,
            compile_kwargs={"mode": MODE},
        )
    if stopped:
        raise stopped[0]
    losses = np.asarray(approximation.hist)
    if losses.size < settings.n_iter:  # PyMC caught a signal from the user itself
        raise KeyboardInterrupt
    n_averaged = settings.n_iter - settings.n_iter // 2
    counts = np.array([quarter, quarter, quarter, settings.n_iter - 3 * quarter])
    averages /= counts[:, None]
    drift = float(np.abs(averages[3] - averages[2]).max())
    return FittedNormal(mean[0] / n_averaged, mean[1] / n_averaged, drift, losses)


def _centre_and_factor(approximation: Any) -> tuple[FloatArray, FloatArray]:
    """Return centre (n,) and lower triangular factor (n, n) of PyMC's normal approximation."""
    values = {parameter.name: parameter.get_value() for parameter in approximation.params}
    centre = values["mu"]
    if "rho" in values:
        return centre, np.diag(np.logaddexp(0.0, values["rho"]))
    factor = np.zeros((centre.size, centre.size))
    factor[np.tril_indices(centre.size)] = values["L_tril"]
    np.fill_diagonal(factor, np.logaddexp(0.0, factor.diagonal()))
    return centre, factor
