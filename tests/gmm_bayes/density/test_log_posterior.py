"""The hand-derived density against SciPy, against finite differences and against PyMC."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import sqrtm
from scipy.special import betaln

from gmm_bayes import HierarchicalPrior, InverseWishartPrior, LKJPrior, NIWPrior
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.space.structures import STRUCTURES

CASES = [
    (2, 3, LKJPrior(), "full"),
    (3, 2, LKJPrior(1.5, [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [2.0, 1.0, 3.0], 2.5, "data"), "full"),
    (1, 2, LKJPrior(3.0, 0.2, 2.0, 0.7, 1.5), "full"),
    (2, 1, LKJPrior(), "full"),
    (1, 1, LKJPrior(), "full"),
    (5, 4, LKJPrior(0.5, eta=0.4), "full"),
    (2, 3, InverseWishartPrior(), "full"),
    (3, 2, InverseWishartPrior(1.5, [4.0, 5.0, 6.0], 2.5, 6.5, [4.0, 2.0, 1.0], "data"), "full"),
    (2, 2, InverseWishartPrior(1.0, 5.0, [0.2, 3.0], 3.0, [[4.0, 1.0], [1.0, 2.0]]), "full"),
    (2, 3, InverseWishartPrior(scale="data"), "full"),
    (1, 2, InverseWishartPrior(), "full"),
    (2, 3, HierarchicalPrior(), "full"),
    (3, 2, HierarchicalPrior(1.5, 5.0, [2.0, 1.0, 3.0], 2.2, 1.7, [3.0, 2.0, 0.5], "data"), "full"),
    (2, 2, HierarchicalPrior(scale="data"), "full"),
    (1, 2, HierarchicalPrior(), "full"),
    (2, 3, NIWPrior(), "full"),
    (1, 2, NIWPrior(1.5, 0.3, 0.7, 4.0, 0.5), "full"),
    (3, 2, NIWPrior(1.5, [4.0, 5.0, 6.0], 2.5, 6.5, [4.0, 2.0, 1.0], "data"), "full"),
    (2, 2, NIWPrior(1.0, 5.0, 0.2, 3.0, [[4.0, 1.0], [1.0, 2.0]], "data"), "full"),
    (2, 1, NIWPrior(), "full"),
    *(
        (d, k, prior, covariance_type)
        for covariance_type in ("tied", "diag", "spherical", "EII", "EEI")
        for d, k, prior in [
            (3, 2, LKJPrior(1.5, [1.0, 2.0, 3.0], 2.0, [2.0, 1.0, 3.0], 2.5, "data")),
            (2, 3, LKJPrior(sd_scale=[0.5, 1.5])),
            (3, 2, NIWPrior(1.5, [4.0, 5.0, 6.0], 2.5, 6.5, [4.0, 2.0, 1.0], "data")),
            (2, 3, NIWPrior(1.0, 0.5, 0.2, 3.0, [[4.0, 1.0], [1.0, 2.0]])),
            (3, 2, InverseWishartPrior(1.5, [4.0, 5.0, 6.0], 2.5, 6.5, [4.0, 2.0, 1.0], "data")),
            (2, 3, InverseWishartPrior(1.0, 0.5, 0.2)),
            (2, 2, InverseWishartPrior(scale="data")),
            (3, 2, HierarchicalPrior(1.5, 5.0, 2.0, 2.2, 1.7, [3.0, 2.0, 0.5], "data")),
            (2, 3, HierarchicalPrior()),
            (1, 2, NIWPrior()),
            (1, 1, LKJPrior()),
        ]
    ),
]


def _data(rng: np.random.Generator, n_features: int, n_samples: int = 60) -> np.ndarray:
    return rng.normal(size=(n_samples, n_features)) * 3.0 + 5.0


def _differences(function, theta: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences, one row per output."""
    columns = [
        (np.atleast_1d(function(theta + e)) - np.atleast_1d(function(theta - e))) / (2.0 * step)
        for e in step * np.eye(theta.size)
    ]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize(("d", "k", "prior", "covariance_type"), CASES)
def test_gradient_is_the_slope_of_the_density(rng, d, k, prior, covariance_type):
    target = LogPosterior(_data(rng, d), k, prior, STRUCTURES[covariance_type])
    for _ in range(3):
        theta = 0.7 * rng.normal(size=target.space.size)
        numeric = _differences(lambda t: target(t)[0], theta)[0]
        value, gradient = target(theta)
        assert np.isfinite(value)
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize(("d", "k", "prior", "covariance_type"), CASES)
def test_density_is_likelihood_times_prior_times_jacobian(rng, d, k, prior, covariance_type):
    """Every factor from SciPy's densities, and the Jacobian of the whole map by differences."""
    X = _data(rng, d)
    target = LogPosterior(X, k, prior, STRUCTURES[covariance_type])
    theta = 0.5 * rng.normal(size=target.space.size)
    loc, scale = X.mean(axis=0), X.std(axis=0)
    if STRUCTURES[covariance_type].isotropic:
        scale = np.full(d, np.sqrt(X.var(axis=0).mean()))
    weights, means, covariances = target.space.to_mixtures(theta)
    own_loc, own_scale = loc + scale * means, covariances * scale[:, None] * scale
    joint = [
        np.log(w) + stats.multivariate_normal(m, c).logpdf(X)
        for w, m, c in zip(weights, own_loc, own_scale, strict=True)
    ]
    expected = np.logaddexp.reduce(joint, axis=0).sum()
    expected += stats.dirichlet(np.full(k, prior.concentration)).logpdf(weights) if k > 1 else 0.0
    # The prior speaks of its own units; densities of standardised values carry the change of units.
    shift, unit = (np.zeros(d), np.ones(d)) if prior.scale == "standardised" else (loc, scale)
    own = covariances * unit[:, None] * unit
    free = own[:1] if STRUCTURES[covariance_type].shared else own
    law = LAWS[type(prior)](_with_numbers(prior, X, scale, k), d)
    expected += law.given_the_scale(free, covariance_type)
    centred = shift + unit * means
    expected += sum(law.mean(m, c) for m, c in zip(centred, own, strict=True))
    expected += k * np.log(unit).sum()
    structure = STRUCTURES[covariance_type]
    spread = _of_matrix if structure.correlated else _of_sds
    spread = _of_one_sd if structure.isotropic else spread
    for covariance in free:
        expected += spread(law, covariance, unit)

    jacobian = _differences(lambda t: _free_parameters(target, t), theta)
    expected += np.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(target(theta)[0], expected, rtol=1e-7)


def _free_parameters(target: LogPosterior, theta: np.ndarray) -> np.ndarray:
    """Weights, means, standard deviations and correlations, each free one once."""
    weights, means, covariances = target.space.to_mixtures(theta)
    space = target.space
    covariances = covariances[: space.n_covariances]
    sds = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    correlations = covariances / sds[:, :, None] / sds[:, None, :]
    rows, columns = np.tril_indices(means.shape[1], -1)
    lower = correlations[:, rows, columns][:, : space.n_correlations]
    return np.concatenate(
        [weights[:-1], means.ravel(), sds[:, : space.n_sds].ravel(), lower.ravel()]
    )


class _Law:
    """Densities of one component at a time."""

    def given_the_scale(self, covariances, covariance_type) -> float:
        """Return what the densities of the covariances, one by one, lack."""
        return 0.0


class _Independent(_Law):
    """The densities that LKJPrior's docstring states, from SciPy."""

    def __init__(self, prior: LKJPrior, d: int) -> None:
        self.prior, self.sd_scale = prior, np.broadcast_to(prior.sd_scale, d)

    def mean(self, mean, covariance) -> float:
        return stats.norm(self.prior.mean_loc, self.prior.mean_scale).logpdf(mean).sum()

    def matrix(self, covariance) -> float:
        """Of (standard deviations, correlations)."""
        sds = np.sqrt(np.diag(covariance))
        return self.sds(sds) + _lkj_log_density(covariance / np.outer(sds, sds), self.prior.eta)

    def sds(self, sds) -> float:
        return stats.halfnorm(scale=self.sd_scale).logpdf(sds).sum()

    def one_sd(self, sd) -> float:
        return stats.halfnorm(scale=np.sqrt((self.sd_scale**2).mean())).logpdf(sd)


class _Conjugate(_Law):
    """The densities that NIWPrior's docstring states, from SciPy."""

    def __init__(self, prior: NIWPrior, d: int) -> None:
        psi = np.asarray(prior.psi)
        self.d, self.kappa = d, prior.kappa
        self.nu = d + 2.0 if prior.nu is None else prior.nu
        self.psi = psi if psi.ndim == 2 else np.diag(np.broadcast_to(psi, d))
        self.mean_loc = np.broadcast_to(prior.mean_loc, d)

    def mean(self, mean, covariance) -> float:
        return stats.multivariate_normal(self.mean_loc, covariance / self.kappa).logpdf(mean)

    def matrix(self, covariance) -> float:
        """Of (standard deviations, correlations), from the density of the matrix."""
        sds = np.sqrt(np.diag(covariance))
        rows, columns = np.tril_indices(self.d, -1)
        log_jacobian = np.log(2.0 * sds).sum() + np.log(sds[rows] * sds[columns]).sum()
        return stats.invwishart(self.nu, self.psi).logpdf(covariance) + log_jacobian

    def sds(self, sds) -> float:
        return self._variances(sds**2, np.diag(self.psi) / 2.0) + np.log(2.0 * sds).sum()

    def one_sd(self, sd) -> float:
        return self._variances(sd**2, np.diag(self.psi).mean() / 2.0) + np.log(2.0 * sd)

    def _variances(self, variances, scales) -> float:
        law = stats.invgamma((self.nu - self.d + 1.0) / 2.0, scale=scales)
        return np.sum(law.logpdf(variances))


class _SemiConjugate(_Conjugate):
    """The densities that InverseWishartPrior's docstring states, from SciPy."""

    def __init__(self, prior: InverseWishartPrior, d: int) -> None:
        conjugate = NIWPrior(mean_loc=prior.mean_loc, nu=prior.nu, psi=prior.psi)
        super().__init__(conjugate, d)
        self.mean_scale = prior.mean_scale

    def mean(self, mean, covariance) -> float:
        return stats.norm(self.mean_loc, self.mean_scale).logpdf(mean).sum()


class _Hierarchical(_SemiConjugate):
    """The densities that HierarchicalPrior's docstring states, from SciPy, at some scale matrix C.

    By Bayes' rule ``p(S) = p(S | C) p(C) / p(C | S)``, whatever C.
    """

    def __init__(self, prior: HierarchicalPrior, d: int) -> None:
        half = 0.5 * (d - 1)
        self.shape = 2.5 + half if prior.shape is None else prior.shape
        self.rate_shape = 0.5 + half if prior.rate_shape is None else prior.rate_shape
        self.rates = np.broadcast_to(prior.rate_rate, d)
        self.scale_matrix = np.diag(np.linspace(0.7, 1.3, d)) + 0.1
        given = InverseWishartPrior(
            mean_loc=prior.mean_loc,
            mean_scale=prior.mean_scale,
            nu=2.0 * self.shape,
            psi=2.0 * self.scale_matrix,
        )
        super().__init__(given, d)

    def given_the_scale(self, covariances, covariance_type) -> float:
        n, precisions = len(covariances), np.linalg.inv(covariances)
        if covariance_type in ("full", "tied"):
            prior, posterior = (
                stats.wishart(2.0 * shape, np.linalg.inv(2.0 * rate))
                for shape, rate in [
                    (self.rate_shape, np.diag(self.rates)),
                    (self.rate_shape + n * self.shape, np.diag(self.rates) + precisions.sum(0)),
                ]
            )
            return prior.logpdf(self.scale_matrix) - posterior.logpdf(self.scale_matrix)
        shape, scales = self.shape - 0.5 * (self.d - 1), np.diag(self.scale_matrix)
        rates, sums = self.rates, np.diagonal(precisions, axis1=1, axis2=2).sum(0)
        if STRUCTURES[covariance_type].isotropic:
            rates, scales, sums = 1.0 / np.mean(1.0 / rates), scales.mean(), sums[0]
        prior = stats.gamma(self.rate_shape, scale=1.0 / rates)
        posterior = stats.gamma(self.rate_shape + n * shape, scale=1.0 / (rates + sums))
        return np.sum(prior.logpdf(scales) - posterior.logpdf(scales))


LAWS = {
    InverseWishartPrior: _SemiConjugate,
    HierarchicalPrior: _Hierarchical,
    LKJPrior: _Independent,
    NIWPrior: _Conjugate,
}


def _with_numbers(prior, X, scale, k):
    """The prior, what follows from the data written out from the formula in its docstring."""
    if isinstance(prior, HierarchicalPrior) and prior.rate_rate is None:
        d = X.shape[1]
        rate = 100.0 * (0.5 + 0.5 * (d - 1)) / (25.0 * (2.5 + 0.5 * (d - 1)))
        unit = scale if prior.scale == "data" else np.ones(d)
        return replace(prior, rate_rate=rate / unit**2)
    if not isinstance(prior, InverseWishartPrior) or prior.psi is not None:
        return prior
    covariance = np.atleast_2d(np.cov(X, rowvar=False, bias=True))
    covariance = covariance / np.outer(scale, scale)
    unit = scale if prior.scale == "data" else np.ones(len(scale))
    root = sqrtm(0.99 * covariance + 0.01 * np.diag(np.diag(covariance)))
    return replace(prior, psi=root / 2.0 / k ** (2.0 / X.shape[1]) * np.outer(unit, unit))


def test_the_scale_matrix_is_integrated_out(rng):
    """Two features, by 200 000 draws of the scale matrix; one feature, by quadrature.

    The draws' error is measured, and 5 of it allowed: fails for less than one seed in 100 000.
    """
    covariances = np.array([[[1.0, 0.3], [0.3, 0.5]], [[0.4, -0.1], [-0.1, 0.6]]])
    prior = HierarchicalPrior(shape=3.0, rate_shape=2.0, rate_rate=[1.5, 2.5])
    found = _log_prior_ratio(prior, covariances, 1.8 * covariances)
    drawn = stats.wishart(4.0, np.diag([1.0 / 3.0, 1.0 / 5.0])).rvs(200_000, random_state=rng)
    log_det, values = np.linalg.slogdet(drawn)[1], []
    for S in (covariances, 1.8 * covariances):
        precisions = np.linalg.inv(S)
        traces = np.einsum("kij,sij->s", precisions, drawn)
        log_det_S = np.linalg.slogdet(S)[1].sum()
        values.append(np.exp(2.0 * 3.0 * log_det - traces) * np.exp(-(3.0 + 1.5) * log_det_S))
    means = [v.mean() for v in values]
    ratio = values[0] / means[0] - values[1] / means[1]
    expected, error = np.log(means[0] / means[1]), ratio.std() / np.sqrt(ratio.size)
    assert error < 0.03
    assert abs(found - expected) < 5.0 * error

    variances = np.array([[[0.4]], [[1.2]]])
    prior = HierarchicalPrior(shape=2.0, rate_shape=0.7, rate_rate=1.5)
    found = _log_prior_ratio(prior, variances, 3.0 * variances)
    log_c = np.linspace(-30.0, 8.0, 20_001)
    c = np.exp(log_c)
    one, other = (
        np.exp(
            stats.gamma(0.7, scale=1.0 / 1.5).logpdf(c)
            + log_c
            + sum(stats.invgamma(2.0, scale=c).logpdf(v) for v in v_all.ravel())
        ).sum()
        for v_all in (variances, 3.0 * variances)
    )
    np.testing.assert_allclose(found, np.log(one / other), rtol=1e-8)


def _log_prior_ratio(prior: HierarchicalPrior, one: np.ndarray, other: np.ndarray) -> float:
    """Log ratio of the prior densities of the covariance matrices in two places."""
    k, d, _ = one.shape
    X = np.concatenate([np.eye(d), -np.eye(d)]) * np.sqrt(d)  # standardised as it stands
    target = LogPosterior(X, k, prior)
    values = []
    for S in (one, other):
        theta = target.space.from_mixture(np.full(k, 1.0 / k), np.zeros((k, d)), S)
        jacobian = _differences(lambda t: _entries(target, t), theta)
        values.append(target.log_prior(theta) - np.linalg.slogdet(jacobian)[1])
    return values[0] - values[1]


def _entries(target: LogPosterior, theta: np.ndarray) -> np.ndarray:
    """Weights, means, and the entries of the covariances, each free one once."""
    weights, means, covariances = target.space.to_mixtures(theta)
    rows, columns = np.tril_indices(means.shape[1])
    return np.concatenate([weights[:-1], means.ravel(), covariances[:, rows, columns].ravel()])


def _of_matrix(law, covariance, unit) -> float:
    """Log density of standardised (standard deviations, correlations)."""
    return law.matrix(covariance) + np.log(unit).sum()


def _of_sds(law, covariance, unit) -> float:
    return law.sds(np.sqrt(np.diag(covariance))) + np.log(unit).sum()


def _of_one_sd(law, covariance, unit) -> float:
    return law.one_sd(np.sqrt(covariance[0, 0])) + np.log(unit[0])


def _lkj_log_density(correlation: np.ndarray, eta: float) -> float:
    """Lewandowski et al. (2009), equations 16 and 17: det(R)^(eta - 1) over its integral."""
    d = len(correlation)
    log_integral = 0.0
    for i in range(1, d):
        b = eta + (d - i - 1.0) / 2.0
        log_integral += (2.0 * eta - 2.0 + d - i) * (d - i) * np.log(2.0)
        log_integral += (d - i) * betaln(b, b)
    return (eta - 1.0) * np.linalg.slogdet(correlation)[1] - log_integral


def test_many_blocks_and_far_components(rng):
    """More rows than one block, and components so far apart that exponentials underflow."""
    X = np.concatenate([rng.normal(size=(300, 2)), rng.normal(size=(333, 2)) + 500.0])
    target = LogPosterior(X, 2, LKJPrior())
    theta = target.space.from_mixture(
        np.array([0.5, 0.5]),
        np.array([[-1.0, -1.0], [1.0, 1.0]]),
        np.tile(1e-5 * np.eye(2), (2, 1, 1)),
    )
    numeric = _differences(lambda t: target(t)[0], theta, 1e-6)[0]
    value, gradient = target(theta)
    assert np.isfinite(value)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-2)


def test_hundreds_of_components_on_one_spot(rng):
    """Every row's density is a sum of 700 equal terms: products of such sums stay in range."""
    k, X = 700, _data(rng, 2, 720)
    target = LogPosterior(X, k, LKJPrior())
    theta = target.space.from_mixture(
        np.full(k, 1.0 / k), np.zeros((k, 2)), np.tile(np.eye(2), (k, 1, 1))
    )
    likelihood = target(theta)[0] - target.log_prior(theta)
    one = stats.multivariate_normal(X.mean(axis=0), np.diag(X.var(axis=0)))
    np.testing.assert_allclose(likelihood, one.logpdf(X).sum(), rtol=1e-10)


def test_singular_covariance_is_not_a_number_but_no_error(rng):
    target = LogPosterior(_data(rng, 2), 2, LKJPrior())
    theta = np.concatenate([np.zeros(target.space.size - 6), np.full(6, -2000.0)])
    assert not np.isfinite(target(theta)[0])
