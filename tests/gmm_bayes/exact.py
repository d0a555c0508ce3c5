"""Marginal likelihoods in closed form, for the conjugate prior in the data's own units."""

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp, multigammaln

from gmm_bayes import NIWPrior


def one_gaussian(X: NDArray[np.float64], prior: NIWPrior) -> float:
    """Murphy (2007), "Conjugate Bayesian analysis of the Gaussian distribution", equation 266."""
    n, d = X.shape
    if n == 0:
        return 0.0
    loc = np.broadcast_to(np.asarray(prior.mean_loc), d)
    psi = np.asarray(prior.psi) * np.eye(d)
    nu = d + 2.0 if prior.nu is None else prior.nu
    centred, away = X - X.mean(axis=0), X.mean(axis=0) - loc
    shrunk = prior.kappa * n / (prior.kappa + n) * np.outer(away, away)
    psi_n = psi + centred.T @ centred + shrunk
    return float(
        -0.5 * n * d * np.log(np.pi)
        + multigammaln(0.5 * (nu + n), d)
        - multigammaln(0.5 * nu, d)
        + 0.5 * nu * np.linalg.slogdet(psi)[1]
        - 0.5 * (nu + n) * np.linalg.slogdet(psi_n)[1]
        + 0.5 * d * np.log(prior.kappa / (prior.kappa + n))
    )


def every_allocation(X: NDArray[np.float64], n_components: int, prior: NIWPrior) -> float:
    """Sum over all K ** N allocations: Dirichlet-multinomial times a Gaussian's each."""
    k, n, c = n_components, len(X), prior.concentration
    terms = []
    for allocation in itertools.product(range(k), repeat=n):
        labels = np.array(allocation)
        counts = np.bincount(labels, minlength=k)
        log_prior = gammaln(k * c) - gammaln(k * c + n) + (gammaln(c + counts) - gammaln(c)).sum()
        terms.append(log_prior + sum(one_gaussian(X[labels == j], prior) for j in range(k)))
    return float(logsumexp(terms))
