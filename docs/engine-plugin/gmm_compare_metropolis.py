"""A worked example of another program: a model stated anew, and its posterior drawn.

Copy the file, put your program's statement in place of `log_posterior` and its sampler in place of
`walk`, and keep `fit` and `log_density`, which are what `gmm-compare` calls.
"""

import time
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from scipy.special import log_softmax, logsumexp

from experiments.engines import ProgramSettings, Section, fit_of_draws, model_in_numbers
from gmm_bayes import MixtureDraws

LOG_2PI = np.log(2.0 * np.pi)


class MetropolisSettings(ProgramSettings):
    """The engine's table: draws, tune, chains and prior as in engine `bayes`, and its own."""

    thin: Annotated[int, Field(ge=1)] = 50
    """Steps of a walk for each draw that is kept."""


def log_posterior(model, weights, means, factors):
    """Return the log of the unnormalised posterior density at many mixtures, shape (S,).

    It is the density of weights, means and covariances under independent normal means and
    inverse-Wishart covariances, with the labels of the rows summed over.

    Parameters
    ----------
    model : gmm_bayes.ModelInNumbers
        Standardised rows (N, D), and every hyperparameter as a number.
    weights : ndarray of shape (S, K)
    means : ndarray of shape (S, K, D)
    factors : ndarray of shape (S, K, D, D)
        Lower Cholesky factors of the covariances.
    """
    prior, d = model.hyperparameters, means.shape[-1]
    inverses = np.linalg.inv(factors)
    log_det = 2.0 * np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1)
    residuals = inverses @ (model.rows.T - means[..., None])
    log_prob = -0.5 * ((residuals**2).sum(axis=-2) + log_det[..., None] + d * LOG_2PI)
    value = logsumexp(np.log(weights)[..., None] + log_prob, axis=1).sum(axis=-1)
    value += (prior["concentration"] - 1.0) * np.log(weights).sum(axis=-1)
    standardised = (means - prior["mean_loc"]) / prior["mean_scale"]
    value -= 0.5 * (standardised**2).sum(axis=(-2, -1))
    precisions = np.swapaxes(inverses, -1, -2) @ inverses
    trace = (np.broadcast_to(prior["psi"], (d, d)) * precisions).sum(axis=(-2, -1))
    return value - 0.5 * ((prior["nu"] + d + 1.0) * log_det + trace).sum(axis=-1)


class Coordinates:
    """Mixtures as vectors without bounds: log-ratios of weights, means, and Cholesky factors."""

    def __init__(self, n_components, n_features):
        self.k, self.d = n_components, n_features
        self.rows, self.columns = np.tril_indices(n_features)
        self.on_diagonal = self.rows == self.columns

    def to_mixtures(self, vectors):
        """Return weights, means, factors, and the log of the Jacobian, of vectors (S, size)."""
        k, d = self.k, self.d
        ratios, means, lower = np.split(vectors, [k - 1, k - 1 + k * d], axis=-1)
        log_weights = log_softmax(np.pad(ratios, ((0, 0), (0, 1))), axis=-1)
        lower = lower.reshape(len(vectors), k, -1)
        factors = np.zeros((len(vectors), k, d, d))
        factors[..., self.rows, self.columns] = np.where(self.on_diagonal, np.exp(lower), lower)
        # A covariance has 2 L_ii ** (D + 1 - i) for each L_ii, counted from 1, and L_ii its own.
        powers = d + 1.0 - np.arange(d)
        jacobian = log_weights.sum(axis=-1) + (lower[..., self.on_diagonal] * powers).sum((-2, -1))
        return np.exp(log_weights), means.reshape(len(vectors), k, d), factors, jacobian

    def start(self, rows, rng):
        """Return the vector of a mixture whose means are rows of the data."""
        ratios, means = np.zeros(self.k - 1), rows[rng.choice(len(rows), self.k, replace=False)]
        lower = np.linalg.cholesky(np.atleast_2d(np.cov(rows, rowvar=False)))
        lower = lower / self.k ** (1.0 / self.d)
        entries = lower[self.rows, self.columns]
        entries = np.where(self.on_diagonal, np.log(np.abs(entries) + 1e-9), entries)
        return np.concatenate([ratios, means.ravel(), np.tile(entries, self.k)])


def walk(density, starts, n_tune, n_kept, rng, progress):
    """Return draws (C, n_kept, size) of random walks with steps that learn their shape.

    Metropolis steps with the covariance of the walk so far, scaled to size (Haario, Saksman &
    Tamminen 2001, *Bernoulli* 7, 223-242). The steps are fixed after tuning.
    """
    n_chains, size = starts.shape
    at, value = starts.copy(), density(starts)
    steps, spread = np.full(n_chains, 0.1), np.broadcast_to(np.eye(size), (n_chains, size, size))
    kept, history = np.empty((n_chains, n_kept, size)), np.empty((n_chains, n_tune, size))
    for i in range(n_tune + n_kept):
        noise = (spread @ rng.standard_normal((n_chains, size, 1)))[..., 0]
        proposed = at + steps[:, None] * noise
        found = density(proposed)
        accepted = np.log(rng.random(n_chains)) < found - value
        at = np.where(accepted[:, None], proposed, at)
        value = np.where(accepted, found, value)
        if i >= n_tune:
            kept[:, i - n_tune] = at
            continue
        history[:, i] = at
        # The rate of acceptance at which random walks in many dimensions move fastest is 0.234.
        steps = steps * np.exp((accepted - 0.234) / np.sqrt(1.0 + i / 10.0))
        if i and i % 500 == 0:
            covariances = [np.cov(own[i // 2 : i], rowvar=False) for own in history]
            spread = np.linalg.cholesky(np.array(covariances) + 1e-9 * np.eye(size))
            steps = np.full(n_chains, 2.38 / np.sqrt(size))
            progress("posterior draws", i, n_tune + n_kept)
    return kept


@dataclass(frozen=True)
class MetropolisEngine:
    """The posterior under an inverse-Wishart prior by a random walk; slow, and independent."""

    options: MetropolisSettings
    settings: ClassVar[type[Section]] = MetropolisSettings

    def fit(self, X, n_components, seed, progress):
        """Draw the posterior; labels are aligned and chains diagnosed by `fit_of_draws`."""
        begun, options = time.perf_counter(), self.options
        model = self._model(X, n_components)
        coordinates = Coordinates(n_components, X.shape[1])

        def density(vectors):
            *mixtures, jacobian = coordinates.to_mixtures(vectors)
            return log_posterior(model, *mixtures) + jacobian

        rng = np.random.default_rng(seed)
        starts = np.array([coordinates.start(model.rows, rng) for _ in range(options.chains)])
        n_tune, n_kept = options.tune * options.thin, options.draws * options.thin
        with np.errstate(over="ignore", invalid="ignore"):
            kept = walk(density, starts, n_tune, n_kept, rng, progress)[:, :: options.thin]
        parts = coordinates.to_mixtures(kept.reshape(-1, kept.shape[-1]))[:3]
        weights, means, factors = (part.reshape(*kept.shape[:2], *part.shape[1:]) for part in parts)
        draws = MixtureDraws(weights, means, factors @ np.swapaxes(factors, -1, -2))
        seconds = time.perf_counter() - begun
        return fit_of_draws(
            "Metropolis", model.to_own_units(draws), X, seconds=seconds, model=model
        )

    def log_density(self, X, mixtures):
        """Return the log density at mixtures in the data's own units, for `check_port`."""
        model = self._model(X, mixtures.n_components)
        draws = model.standardise(mixtures)
        flat = (draws.weights, draws.means, draws.scale_trils)
        parts = (part.reshape(-1, *part.shape[2:]) for part in flat)
        return log_posterior(model, *parts).reshape(mixtures.weights.shape[:2])

    def _model(self, X, n_components):
        if self.options.prior.kind != "inverse-wishart":
            raise ValueError(
                f"prior.kind is '{self.options.prior.kind}', allowed is 'inverse-wishart'"
            )
        return model_in_numbers(X, n_components, self.options)
