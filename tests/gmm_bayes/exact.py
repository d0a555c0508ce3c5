"""Marginal likelihoods of tiny problems, exactly, for priors in the data's own units."""

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import gammaln, logsumexp, multigammaln

from gmm_bayes import HierarchicalPrior, InverseWishartPrior, NIWPrior


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


def one_semi_conjugate(X: NDArray[np.float64], prior: InverseWishartPrior) -> float:
    """One feature: the mean integrated out in closed form, the variance by quadrature."""
    x, n = X[:, 0], len(X)
    if n == 0:
        return 0.0
    log_v = np.linspace(-12.0, 12.0, 4001)
    v, wide = np.exp(log_v), np.exp(log_v) + n * prior.mean_scale**2
    log_density = -0.5 * (n * np.log(2.0 * np.pi) + (n - 1) * log_v + np.log(wide))
    log_density -= 0.5 * (
        ((x - x.mean()) ** 2).sum() / v + n * (x.mean() - prior.mean_loc) ** 2 / wide
    )
    log_density += stats.invgamma(0.5 * prior.nu, scale=0.5 * prior.psi).logpdf(v) + log_v
    return float(logsumexp(log_density) + np.log(log_v[1] - log_v[0]))


def every_allocation[P: (NIWPrior, InverseWishartPrior)](
    X: NDArray[np.float64],
    n_components: int,
    prior: P,
    one: Callable[[NDArray[np.float64], P], float] = one_gaussian,
) -> float:
    """Sum over all K ** N allocations: Dirichlet-multinomial times a Gaussian's each."""
    k, n, c = n_components, len(X), prior.concentration
    terms = []
    for allocation in itertools.product(range(k), repeat=n):
        labels = np.array(allocation)
        counts = np.bincount(labels, minlength=k)
        log_prior = gammaln(k * c) - gammaln(k * c + n) + (gammaln(c + counts) - gammaln(c)).sum()
        terms.append(log_prior + sum(one(X[labels == j], prior) for j in range(k)))
    return float(logsumexp(terms))


def hierarchical_evidence(
    X: NDArray[np.float64], n_components: int, prior: HierarchicalPrior
) -> float:
    """One feature: allocations summed, the variances and their common scale by quadrature."""
    assert prior.shape is not None
    assert prior.rate_shape is not None
    log_c = np.linspace(-12.0, 5.0, 69)
    c = np.exp(log_c)
    law = stats.gamma(prior.rate_shape, scale=1.0 / np.asarray(prior.rate_rate))
    log_weight = law.logpdf(c) + log_c + np.log(log_c[1] - log_c[0])
    log_v = np.linspace(-14.0, 11.0, 501)
    v = np.exp(log_v)
    given = stats.invgamma(prior.shape, scale=c[:, None]).logpdf(v) + log_v
    given += np.log(log_v[1] - log_v[0])

    def one(x: NDArray[np.float64]) -> NDArray[np.float64]:
        n = len(x)
        if n == 0:
            return np.zeros(c.size)
        wide = v + n * np.asarray(prior.mean_scale) ** 2
        log_density = -0.5 * (n * np.log(2.0 * np.pi) + (n - 1) * log_v + np.log(wide))
        away = x.mean() - np.asarray(prior.mean_loc)
        log_density -= 0.5 * (((x - x.mean()) ** 2).sum() / v + n * away**2 / wide)
        return np.asarray(logsumexp(log_density + given, axis=1))

    k, n, a = n_components, len(X), prior.concentration
    terms = []
    for allocation in itertools.product(range(k), repeat=n):
        labels = np.array(allocation)
        counts = np.bincount(labels, minlength=k)
        log_prior = gammaln(k * a) - gammaln(k * a + n) + (gammaln(a + counts) - gammaln(a)).sum()
        terms.append(log_prior + sum(one(X[labels == j, 0]) for j in range(k)))
    return float(logsumexp(np.array(terms) + log_weight))
