import numpy as np
import pytest

from gmm_em import ConjugatePrior, Mixture, fit_em
from gmm_em.covariance.registry import STRUCTURES, get_structure
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.fitting.acceleration import Chart, InverseHessian
from gmm_em.fitting.ascent import remaining_gain
from gmm_em.fitting.problem import Problem
from gmm_em.rows.samples import Parameters, Samples

KINDS = ["full", "tied", "diag", "spherical"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("penalised", [False, True])
def test_the_gradient_agrees_with_finite_differences(faithful, kind, penalised):
    structure = get_structure(kind)
    samples = Samples(faithful, common_scale=structure.common_scale)
    prior = ConjugatePrior(concentration=3.0, kappa=0.5)
    penalty = prior.resolve(samples, 3) if penalised else None
    problem = Problem(samples, BlockedEStep(samples, 3, structure.second), structure, 0.0, penalty)
    mixture = fit_em(faithful, 3, covariance_type=kind, random_state=0, max_iter=3).mixture
    chart = Chart(problem, Parameters(*samples.inner(mixture)))
    x = 0.1 * np.random.default_rng(0).normal(size=chart.size)

    def value(x):
        return problem.expect(chart.point(x).parameters).objective / len(faithful)

    point = chart.point(x)
    gradient = chart.gradient(point, problem.expect(point.parameters))
    step = 1e-5
    numeric = [(value(x + step * e) - value(x - step * e)) / (2 * step) for e in np.eye(chart.size)]
    np.testing.assert_allclose(gradient, numeric, atol=1e-7)


def test_the_chart_begins_at_its_centre(make_mixture):
    mixture = make_mixture(3, 2)
    X, _ = mixture.sample(50, 0)
    samples = Samples(X)
    problem = Problem(samples, BlockedEStep(samples, 3), get_structure("full"))
    centre = Parameters(*samples.inner(mixture))
    chart = Chart(problem, centre)
    for found, expected in zip(chart.point(np.zeros(chart.size)).parameters, centre, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", STRUCTURES)
def test_steps_do_not_depend_on_the_order_of_features(kind):
    """Runs far from quadratic surfaces come to the same places step by step."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) + (rng.random(200) < 0.5)[:, None] * rng.normal(size=3)
    X = X * np.exp(0.5 * rng.normal(size=3)) + np.abs(rng.normal(size=X.shape)) ** 1.5
    options = {"covariance_type": kind, "max_iter": 60}
    made = {"covariance_type": kind, "max_iter": 0, "n_init": 1, "init_params": "k-means++"}
    start = fit_em(X, 3, random_state=0, **made).mixture
    order = np.array([2, 0, 1])
    turned = Mixture(
        start.weights, start.means[:, order], start.covariances[:, order[:, None], order]
    )
    given = fit_em(X, 3, init=start, **options).trace
    other = fit_em(X[:, order], 3, init=turned, **options).trace
    # Rounding is amplified to 1e-4 in 60 steps, and the order of the factors was to 1.
    np.testing.assert_allclose(other, given, rtol=0, atol=1e-3)


@pytest.mark.parametrize("size", [5, 301])
def test_bfgs_solves_a_quadratic(size):
    """Directions by the dense matrix and by pairs of vectors find the same minimum."""
    rng = np.random.default_rng(0)
    curvature = np.diag(rng.uniform(0.5, 1.0, size=size))
    curvature[:4, :4] += 0.3
    inverse = InverseHessian(size)
    x, target = np.zeros(size), rng.normal(size=size)
    for _ in range(60):
        gradient = curvature @ (target - x)
        if np.abs(gradient).max() < 1e-10:
            break
        step = inverse.apply(gradient)
        step *= (gradient @ step) / (step @ curvature @ step)
        x = x + step
        inverse.update(step, curvature @ step)
    np.testing.assert_allclose(x, target, atol=1e-8)


def test_updates_without_curvature_are_left_out():
    inverse = InverseHessian(2)
    inverse.update(np.array([1.0, 0.0]), np.array([-1.0, 0.0]))
    np.testing.assert_array_equal(inverse.apply(np.array([1.0, 2.0])), [1.0, 2.0])


def overlapping(seed):
    """A data set whose components overlap pairwise by 0.2 or more, and a start.

    The overlap of two components is the sum of the two probabilities that a row of one is more
    probable under the other (Maitra & Melnykov 2010, equation 2.1).
    """
    rng = np.random.default_rng(seed)
    k, d = int(rng.integers(2, 5)), int(rng.integers(1, 5))
    n = int(rng.choice([1_000, 2_000, 4_000]))
    while True:
        factors = np.tril(0.3 * rng.normal(size=(k, d, d))) + np.eye(d)
        mixture = Mixture(
            rng.dirichlet(np.full(k, 5.0)),
            rng.normal(size=(k, d)) * rng.uniform(0.5, 2.0),
            factors @ factors.transpose(0, 2, 1),
        )
        X, labels = mixture.sample(4_000, rng)
        log_prob = mixture.component_log_prob(X)
        overlaps = [
            np.mean(log_prob[labels == i, j] > log_prob[labels == i, i])
            + np.mean(log_prob[labels == j, i] > log_prob[labels == j, j])
            for i in range(k)
            for j in range(i)
        ]
        if min(overlaps) >= 0.2:
            break
    X, _ = mixture.sample(n, rng)
    start = fit_em(X, k, n_init=1, init_params="kmeans", max_iter=0, random_state=seed).mixture
    return X, k, start


def steps_to_the_optimum(seed):
    """E-steps that plain and accelerated EM need, and where the accelerated run ends."""
    X, k, start = overlapping(seed)
    options = {"init": start, "tol": 1e-13, "max_iter": 20_000}
    plain = fit_em(X, k, accelerate=False, **options)
    fast = fit_em(X, k, accelerate=True, **options)
    target = plain.log_likelihood - 1e-8 * len(X)
    reached = fast.trace >= target
    steps = int(reached.argmax()) + 1 if reached.any() else len(plain.trace)
    return int((plain.trace >= target).argmax()) + 1, steps, fast


@pytest.mark.parametrize("seed", [1, 5, 9])
def test_acceleration_saves_steps_and_never_falls(seed):
    plain, fast, result = steps_to_the_optimum(seed)
    assert fast < 0.6 * plain
    assert np.all(np.diff(result.trace) >= 0)
    assert result.converged


@pytest.mark.slow
def test_acceleration_needs_a_fifth_of_the_steps():
    ratios = []
    for seed in range(24):
        plain, fast, result = steps_to_the_optimum(seed)
        ratios.append(fast / plain)
        assert np.all(np.diff(result.trace) >= 0)
    mean = float(np.exp(np.mean(np.log(ratios))))
    print(f"accelerated / plain E-steps: geometric mean {mean:.3f}, largest {max(ratios):.3f}")
    assert mean <= 0.2


def test_ten_iterations_are_the_textbook_s(faithful):
    start = fit_em(faithful, 3, n_init=1, max_iter=0, random_state=0).mixture
    plain = fit_em(faithful, 3, init=start, max_iter=10, tol=0.0, accelerate=False)
    default = fit_em(faithful, 3, init=start, max_iter=10, tol=0.0)
    np.testing.assert_array_equal(plain.trace, default.trace)


def test_the_stopping_rule_estimates_the_gain_to_come():
    limit, rate = -10.0, 0.9
    trace = [limit - rate**t for t in range(20)]
    assert remaining_gain(trace) == pytest.approx(limit - trace[-1])
    assert remaining_gain(trace[:2]) == np.inf
    assert remaining_gain([0.0, 1.0, 3.0]) == np.inf
    assert remaining_gain([0.0, 1.0, 1.0]) == 0.0
    # A fast decline is followed by a slow one: what is left is no less than the last gain.
    trace = [-(0.01**t) - 1e-4 * 0.95**t for t in range(4)]
    assert remaining_gain(trace) >= trace[-1] - trace[-2]


def test_fast_and_slow_directions_together():
    """Ten separated components, a few of which touch: convergence is not called too early."""
    rng = np.random.default_rng(0)
    means = 3.0 * rng.normal(size=(10, 10))
    X = np.repeat(means, 400, axis=0) + rng.normal(size=(4_000, 10))
    start = Mixture(np.full(10, 0.1), means, np.repeat(np.eye(10)[None], 10, axis=0))
    result = fit_em(X, 10, init=start)
    best = fit_em(X, 10, init=result.mixture, tol=1e-15)
    assert best.log_likelihood - result.log_likelihood < 1e-5


@pytest.mark.parametrize("accelerate", [False, True])
def test_convergence_means_what_it_says(faithful, accelerate):
    start = fit_em(faithful, 3, n_init=1, max_iter=0, random_state=0).mixture
    best = fit_em(faithful, 3, init=start, tol=1e-14, max_iter=20_000).log_likelihood
    # Looser tolerances stop on the plateau before the climb, where gains do not shrink yet.
    for tol in (1e-6, 1e-7, 1e-8):
        options = {"tol": tol, "accelerate": accelerate, "max_iter": 20_000}
        result = fit_em(faithful, 3, init=start, **options)
        assert result.converged
        # Aitken's estimate is asymptotic: within a factor of a few.
        assert best - result.log_likelihood < 10 * tol * len(faithful)
