import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from gmm_em import DegenerateError, Mixture, expect, fit_em
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.rows.samples import Parameters, Samples

KINDS = ["full", "tied", "diag", "spherical"]
problems = st.tuples(
    st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 4), st.sampled_from(KINDS)
)
quick = settings(max_examples=25, deadline=None)


def draw(problem, n=60):
    """Random data and a random start of the given structure; ten steps are EM's own."""
    seed, k, d, kind = problem
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * rng.uniform(0.5, 2.0, size=d) + rng.normal(size=d)
    X[: n // 2] += 2.0 * rng.normal(size=d)
    factors = np.tril(0.3 * rng.normal(size=(k, d, d))) + rng.uniform(1.0, 2.0) * np.eye(d)
    covariances = factors @ factors.transpose(0, 2, 1)
    if kind == "tied":
        covariances = np.repeat(covariances[:1], k, axis=0)
    elif kind == "diag":
        covariances = covariances * np.eye(d)
    elif kind == "spherical":
        covariances = covariances[:, :1, :1] * np.eye(d)
    start = Mixture(rng.dirichlet(np.full(k, 5.0)), rng.normal(size=(k, d)), covariances)
    return X, start, {"covariance_type": kind, "max_iter": 10, "tol": 0.0}


def close(a, b, rtol=1e-7):
    np.testing.assert_allclose(a.weights, b.weights, rtol=rtol, atol=1e-9)
    np.testing.assert_allclose(a.means, b.means, rtol=rtol, atol=1e-7)
    np.testing.assert_allclose(a.covariances, b.covariances, rtol=rtol, atol=1e-7)


@quick
@given(problems)
def test_the_objective_never_falls(problem):
    X, start, options = draw(problem)
    options["max_iter"] = 60
    try:
        trace = fit_em(X, start.n_components, init=start, **options).trace
    except DegenerateError:
        # On few rows a random start may end in a singularity, which is refused.
        reject()
    assert np.all(np.diff(trace) >= 0)


@quick
@given(problems, st.integers(1, 59))
def test_moments_add(problem, cut):
    X, start, _ = draw(problem)
    whole = expect(start, X)
    total = expect(start, X[:cut]) + expect(start, X[cut:])
    np.testing.assert_allclose(total.counts, whole.counts, atol=1e-10)
    np.testing.assert_allclose(total.first, whole.first, atol=1e-9)
    np.testing.assert_allclose(total.second, whole.second, atol=1e-9)
    assert total.log_likelihood == pytest.approx(whole.log_likelihood)


@quick
@given(problems)
def test_weights_count_rows(problem):
    X, start, options = draw(problem)
    times = np.random.default_rng(problem[0]).integers(0, 3, size=len(X))
    times[:20] = 1
    try:
        weighted = fit_em(X, start.n_components, init=start, sample_weight=times, **options)
        repeated = fit_em(np.repeat(X, times, axis=0), start.n_components, init=start, **options)
    except DegenerateError:
        reject()
    close(weighted.mixture, repeated.mixture)
    assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood)


@quick
@given(problems)
def test_permutation_equivariance(problem):
    X, start, options = draw(problem)
    rng = np.random.default_rng(problem[0])
    order = rng.permutation(start.n_components)
    try:
        plain = fit_em(X, start.n_components, init=start, **options)
        relabelled = fit_em(X, start.n_components, init=start.permute(order), **options)
        shuffled = fit_em(rng.permutation(X), start.n_components, init=start, **options)
    except DegenerateError:
        reject()
    close(relabelled.mixture, plain.mixture.permute(order))
    close(shuffled.mixture, plain.mixture)


@quick
@given(problems, st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_affine_equivariance(problem, shift, scale):
    X, start, options = draw(problem)
    scales = np.full(X.shape[1], scale)
    if problem[3] != "spherical":
        scales[0] *= -3.0
    moved_start = start.affine(shift, scales)
    try:
        plain = fit_em(X, start.n_components, init=start, **options)
        moved = fit_em(X * scales + shift, start.n_components, init=moved_start, **options)
    except DegenerateError:
        reject()
    back = moved.mixture.affine(-shift / scales, 1.0 / scales)
    close(back, plain.mixture, rtol=1e-5)
    jacobian = len(X) * np.log(np.abs(scales)).sum()
    assert moved.log_likelihood + jacobian == pytest.approx(plain.log_likelihood, rel=1e-7)


@quick
@given(problems)
def test_rotations_only_rotate_full_covariances(problem):
    X, start, options = draw((*problem[:3], "full"))
    d = X.shape[1]
    Q = np.linalg.qr(np.random.default_rng(problem[0]).normal(size=(d, d)))[0]
    turned = Mixture(start.weights, start.means @ Q.T, Q @ start.covariances @ Q.T)
    try:
        plain = fit_em(X, start.n_components, init=start, **options)
        moved = fit_em(X @ Q.T, start.n_components, init=turned, **options)
    except DegenerateError:
        reject()
    assert moved.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-8)
    np.testing.assert_allclose(moved.mixture.means, plain.mixture.means @ Q.T, atol=1e-6)


@quick
@given(problems)
def test_responsibilities_sum_to_one(problem):
    X, start, _ = draw(problem)
    far = np.vstack([X, 1e3 * X, X - 1e4])
    np.testing.assert_allclose(start.responsibilities(far).sum(axis=1), 1.0, rtol=1e-12)
    assert expect(start, far).counts.sum() == pytest.approx(len(far))


@quick
@given(problems, st.integers(1, 80), st.integers(1, 4))
def test_blocks_and_threads_change_nothing(problem, columns, threads):
    X, start, _ = draw(problem)
    samples = Samples(X)
    parameters = Parameters(*samples.inner(start))
    one = BlockedEStep(samples, start.n_components).expect(parameters)
    many = BlockedEStep(
        samples, start.n_components, block_columns=columns, n_threads=threads
    ).expect(parameters)
    assert many.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-12)
    for name in ("counts", "first", "second"):
        np.testing.assert_allclose(getattr(many, name), getattr(one, name), atol=1e-10)
