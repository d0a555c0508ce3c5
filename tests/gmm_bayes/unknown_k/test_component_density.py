"""The densities that split and merge moves are accepted by are those of SciPy."""

import numpy as np
import pytest
from scipy import stats

from gmm_bayes.samplers.gibbs.sweep import ConjugateModel
from gmm_bayes.unknown_k.component_density import log_component_density, log_precision_density

LOC = np.array([0.3, -0.2])
CENTRE = np.array([0.2, 0.1])
MEAN = np.array([0.1, 0.4])
COVARIANCE = np.array([[1.0, 0.3], [0.3, 0.7]])


def model_of(psi, kappa=0.0, correlated=True, isotropic=False):
    precision = np.zeros(2) if kappa else np.array([1.0, 2.0])
    return ConjugateModel(
        data=np.zeros((2, 5)),
        patterns=np.empty((0, 3)),
        values=np.empty(0),
        n_rows=5,
        concentration=1.0,
        mean_loc=LOC,
        kappa=kappa,
        mean_precision=precision,
        dof=3.5,
        scale_power=0.0,
        psi=psi,
        powers=np.zeros(2),
        shared=False,
        correlated=correlated,
        isotropic=isotropic,
    )


@pytest.mark.parametrize("kappa", [0.0, 0.3])
@pytest.mark.parametrize("n", [0, 6])
def test_density_of_a_component_given_its_rows(rng, kappa, n):
    root = rng.normal(size=(2, 2))
    psi = root @ root.T + np.eye(2)
    model = model_of(psi, kappa)
    whitener = np.linalg.inv(np.linalg.cholesky(COVARIANCE))
    precision = np.linalg.inv(COVARIANCE)
    x = rng.normal(size=(n, 2))
    average = x.mean(axis=0) if n else np.zeros(2)
    away = x - CENTRE
    if kappa:
        within = (x - average).T @ (x - average)
        off = average - LOC
        scatter = psi + within + kappa * n / (kappa + n) * np.outer(off, off)
        centre = (kappa * LOC + n * average) / (kappa + n)
        spread = COVARIANCE / (kappa + n)
    else:
        scatter = psi + away.T @ away
        spread = np.linalg.inv(np.diag(model.mean_precision) + n * precision)
        centre = spread @ (model.mean_precision * LOC + n * precision @ average)
    expected = stats.wishart(model.dof + 1.0 + n, np.linalg.inv(scatter)).logpdf(precision)
    expected += stats.multivariate_normal(centre, spread).logpdf(MEAN)
    got = log_component_density(
        model, float(n), away.sum(axis=0), away.T @ away, CENTRE, whitener, MEAN
    )
    assert got == pytest.approx(expected, rel=1e-10)


def test_density_of_uncorrelated_precisions():
    psi = np.diag([0.7, 1.6])
    scatter = np.array([[1.5, 0.0], [0.0, 2.5]])
    whitener = np.diag([1.2, 0.8])
    each = log_precision_density(model_of(psi, correlated=False), 4.0, scatter.copy(), whitener)
    squares = np.diag(whitener) ** 2
    laws = stats.gamma(0.5 * 7.5, scale=2.0 / np.diag(scatter))
    assert each == pytest.approx(laws.logpdf(squares).sum(), rel=1e-12)
    same = log_precision_density(
        model_of(psi, correlated=False, isotropic=True), 4.0, scatter.copy(), np.eye(2) * 1.1
    )
    law = stats.gamma(0.5 * (3.5 + 8.0), scale=2.0 / np.trace(scatter))
    assert same == pytest.approx(law.logpdf(1.21), rel=1e-12)
