"""The moves of the sequential Monte Carlo sampler, in the form that PyMC asks for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from pymc.smc.kernels import SMC_KERNEL
from scipy.linalg import solve_triangular

from gmm_bayes.core.types import FloatArray
from gmm_bayes.density.conversion import standardised_draws, vectors
from gmm_bayes.density.many import BatchDensity
from gmm_bayes.density.prior_draws import prior_vectors
from gmm_bayes.labels.one_labelling import OneLabelling
from gmm_bayes.labels.relabelling import relabel

_LANGEVIN_ACCEPTANCE = 0.574
"""The best share of accepted Langevin moves in many dimensions (Roberts & Rosenthal 1998)."""


class OneLabellingKernel(SMC_KERNEL):  # type: ignore[misc]  # PyMC has no types
    """Moves of particles on one labelling of the components.

    PyMC's own kernels propose from the covariance of all particles, which spans all K! copies of
    the posterior. With three components they accept hardly a proposal. Here components are
    renumbered into one order before the moves of each temperature
    (:mod:`gmm_bayes.labels.one_labelling`), so that the covariance describes one copy. Independent
    proposals from a normal distribution alternate with Langevin moves along the gradient, whose
    step adapts to the share accepted. Moves go on until particles are hardly correlated with where
    they were.

    Parameters
    ----------
    density : BatchDensity
    progress : callable
        Called with the inverse temperature reached.
    correlation : float
        Of a particle's coordinates before and after the moves of one temperature, on average over
        coordinates: moves go on until it is lower.
    max_steps : int
        Most moves at one temperature.
    """

    tempered_posterior: FloatArray
    stats_dtypes_shapes: dict[str, tuple[type, list[int]]] = {  # noqa: RUF012 - the name and the form are PyMC's
        "log_marginal_likelihood": (float, []),
        "beta": (float, []),
        "accept_rate": (float, []),
        "n_steps": (int, []),
    }

    def __init__(
        self,
        *args: Any,
        density: BatchDensity,
        progress: Callable[[float], None],
        correlation: float,
        max_steps: int,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.density = density
        self.progress = progress
        self.correlation = correlation
        self.max_steps = max_steps

    def initialize_population(self) -> dict[str, FloatArray]:
        """Draw the first particles from the prior."""
        self.log_step = math.log(1.65) - math.log(self.density.target.space.size) / 6.0
        return {"theta": prior_vectors(self.density.target, self.draws, self.rng)}

    def tune(self) -> None:
        """Renumber the particles into one order, and learn the shape of their cloud."""
        target = self.density.target
        aligned, _ = relabel(standardised_draws(target, self.tempered_posterior[None]))
        self.labelling = OneLabelling(target, aligned.mean())
        self.tempered_posterior = self.labelling.renumber(vectors(target, aligned)[0])
        self.centre = self.tempered_posterior.mean(axis=0)
        covariance = np.atleast_2d(np.cov(self.tempered_posterior, rowvar=False))
        covariance += 1e-6 * np.diag(np.diagonal(covariance) + 1e-6)
        self.factor = np.linalg.cholesky(covariance)

    def mutate(self) -> None:
        """Move all particles, by turns with independent proposals and along the gradient."""
        self.progress(self.beta)
        before = self.tempered_posterior.copy()
        self.slopes = self._tempered(before)[3]
        accepted: dict[Callable[[], float], list[float]] = {
            self._independent: [],
            self._langevin: [],
        }
        self.n_steps = 0
        while self.n_steps < self.max_steps:
            for move, rates in accepted.items():
                rates.append(move())
                self.n_steps += 1
            if _mean_correlation(before, self.tempered_posterior) < self.correlation:
                break
        self.accept_rate = float(np.mean(list(accepted.values())))

    def _independent(self) -> float:
        """Propose from a normal distribution with the cloud's mean and covariance."""
        noise = self.rng.standard_normal(self.tempered_posterior.shape)
        proposal = self.centre + noise @ self.factor.T
        return self._accept(
            proposal,
            lambda slopes: 0.5 * (_squares(noise) - _squares(self._whiten(self.centre))),
        )

    def _langevin(self) -> float:
        """Move by the Metropolis-adjusted Langevin algorithm (Roberts & Tweedie 1996)."""
        step = math.exp(self.log_step)
        noise = self.rng.standard_normal(self.tempered_posterior.shape)
        # In the coordinates in which the cloud is round.
        there = 0.5 * step * step * (self.slopes @ self.factor) + step * noise

        def log_ratio(slopes: FloatArray) -> FloatArray:
            back = there + 0.5 * step * step * (slopes @ self.factor)
            return np.asarray(0.5 * (_squares(noise) - _squares(back / step)))

        rate = self._accept(self.tempered_posterior + there @ self.factor.T, log_ratio)
        self.log_step += rate - _LANGEVIN_ACCEPTANCE
        return rate

    def _whiten(self, centre: FloatArray) -> FloatArray:
        """Return the particles in coordinates in which the cloud is round."""
        return solve_triangular(self.factor, (self.tempered_posterior - centre).T, lower=True).T

    def _tempered(
        self, thetas: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return log prior, log-likelihood and their tempered sum (n,), and its slopes (n, size).

        Off the support the prior is -inf, the log-likelihood is given as 0 and slopes as 0.
        """
        prior, prior_slopes = self.density.prior(thetas)
        posterior, slopes = self.density.posterior(thetas)
        there = np.isfinite(prior) & np.isfinite(posterior)
        prior = np.where(there, prior, -np.inf)
        likelihood = np.where(there, posterior, 0.0) - np.where(there, prior, 0.0)
        mixed = (1.0 - self.beta) * prior_slopes + self.beta * slopes
        return (
            prior,
            likelihood,
            prior + self.beta * likelihood,
            np.where(there[:, None], mixed, 0.0),
        )

    def _accept(self, proposal: FloatArray, log_ratio: Callable[[FloatArray], FloatArray]) -> float:
        """Accept by Metropolis and Hastings' rule on the one copy; return the share accepted.

        `log_ratio` gives, from the slopes at the proposals, the log density of proposing the way
        back over that of proposing the way there.
        """
        log_uniform = np.log(self.rng.random(self.draws))
        prior, likelihood, tempered, slopes = self._tempered(proposal)
        accepted = log_uniform < tempered - self.tempered_posterior_logp + log_ratio(slopes)
        accepted[accepted] = self.labelling.contains(proposal[accepted])
        self.tempered_posterior[accepted] = proposal[accepted]
        self.tempered_posterior_logp[accepted] = tempered[accepted]
        self.prior_logp[accepted] = prior[accepted]
        self.likelihood_logp[accepted] = likelihood[accepted]
        self.slopes[accepted] = slopes[accepted]
        return float(accepted.mean())

    def sample_stats(self) -> dict[str, float]:
        """Return what is recorded of one temperature."""
        return {
            "log_marginal_likelihood": self.log_marginal_likelihood,
            "beta": self.beta,
            "accept_rate": self.accept_rate,
            "n_steps": self.n_steps,
        }

    def sample_settings(self) -> dict[str, float]:
        """Return the settings, which PyMC records once."""
        return {"threshold": self.threshold, "correlation": self.correlation}


def _squares(rows: FloatArray) -> FloatArray:
    """Return the squared length of each row."""
    return np.asarray((rows**2).sum(axis=1))


def _mean_correlation(before: FloatArray, after: FloatArray) -> float:
    """Return the correlation of two sets of rows, averaged over columns."""
    a, b = before - before.mean(axis=0), after - after.mean(axis=0)
    scale = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return float(np.mean((a * b).sum(axis=0) / np.maximum(scale, np.finfo(float).tiny)))
