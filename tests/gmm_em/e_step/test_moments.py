import numpy as np
import pytest

from gmm_em import Mixture, Moments, expect, fit_em, maximize
from gmm_em.e_step.blocked import BlockedEStep, evaluate
from gmm_em.rows.samples import Parameters, Samples

KINDS = ["full", "tied", "diag", "spherical"]


def brute_force(mixture, X, weight):
    r = mixture.responsibilities(X) * weight[:, None]
    first = r.T @ X
    second = np.einsum("nk,ni,nj->kij", r, X, X)
    return r.sum(axis=0), first, second


@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (3, 2), (4, 5)])
@pytest.mark.parametrize("weighted", [False, True])
def test_expect_against_brute_force(make_mixture, n_components, n_features, weighted):
    mixture = make_mixture(n_components, n_features)
    X, _ = mixture.sample(300, 1)
    weight = np.random.default_rng(2).uniform(0, 3, size=300) if weighted else np.ones(300)
    moments = expect(mixture, X, weight if weighted else None)
    counts, first, second = brute_force(mixture, X, weight)
    raw = moments.about(np.zeros(n_features))
    np.testing.assert_allclose(raw.counts, counts, rtol=1e-10)
    np.testing.assert_allclose(raw.first, first, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(raw.second, second, rtol=1e-9, atol=1e-9)
    assert raw.total_weight == pytest.approx(weight.sum())
    assert raw.log_likelihood == pytest.approx(mixture.log_likelihood(X, weight), rel=1e-12)
    np.testing.assert_allclose(moments.means, first / counts[:, None], rtol=1e-9, atol=1e-10)
    centred = X - moments.means[0]
    r = mixture.responsibilities(X)[:, 0] * weight
    np.testing.assert_allclose(
        moments.scatter[0], (centred * r[:, None]).T @ centred, rtol=1e-8, atol=1e-8
    )


def test_moments_add(make_mixture):
    mixture = make_mixture(3, 2)
    X, _ = mixture.sample(100, 0)
    whole = expect(mixture, X)
    parts = [expect(mixture, X[:30]), expect(mixture, X[30:]).about([5.0, -5.0])]
    for total in (parts[0] + parts[1], parts[1] + parts[0], sum(parts)):
        total = total.about(whole.origin)
        np.testing.assert_allclose(total.counts, whole.counts)
        np.testing.assert_allclose(total.first, whole.first, atol=1e-10)
        np.testing.assert_allclose(total.second, whole.second, rtol=1e-9)
        assert total.log_likelihood == pytest.approx(whole.log_likelihood)
        assert total.total_weight == 100
    with pytest.raises(ValueError, match="do not add"):
        whole + expect(make_mixture(2, 2), X)
    with pytest.raises(TypeError):
        whole + 1


@pytest.mark.parametrize("kind", KINDS)
def test_maximize_is_the_loop_s_own_step(faithful, kind):
    start = fit_em(faithful, 2, covariance_type=kind, random_state=0, max_iter=2, n_init=1)
    step = fit_em(faithful, 2, covariance_type=kind, init=start.mixture, max_iter=1, tol=0.0)
    mixture = maximize(expect(start.mixture, faithful), kind)
    np.testing.assert_allclose(mixture.weights, step.mixture.weights, rtol=1e-9)
    np.testing.assert_allclose(mixture.means, step.mixture.means, rtol=1e-9)
    np.testing.assert_allclose(mixture.covariances, step.mixture.covariances, rtol=1e-7, atol=1e-9)
    assert mixture.log_likelihood(faithful) >= start.mixture.log_likelihood(faithful)


def test_maximize_says_why_it_cannot():
    one = Mixture([0.5, 0.5], [[0.0], [100.0]], np.ones((2, 1, 1)))
    moments = expect(one, [[0.0], [1.0]])
    with pytest.raises(ValueError, match="component 1 is empty"):
        maximize(moments)
    with pytest.raises(ValueError, match="covariance_type must be one of"):
        maximize(moments, "fulll")
    with pytest.raises(ValueError, match="reg_covar"):
        maximize(moments, reg_covar=-1.0)


def test_reg_covar_is_added(faithful):
    mixture = fit_em(faithful, 2, random_state=0).mixture
    moments = expect(mixture, faithful)
    added = maximize(moments, reg_covar=0.5).covariances - maximize(moments).covariances
    np.testing.assert_allclose(added, np.repeat(0.5 * np.eye(2)[None], 2, axis=0), atol=1e-12)


@pytest.mark.parametrize("kind", ["full", "diagonal", "pooled"])
@pytest.mark.parametrize("shrink", [1.0, 1e-4])
def test_blocks_and_threads_change_nothing_beyond_rounding(make_mixture, kind, shrink):
    """The narrow mixture is evaluated by whitening, the wide one by the expanded quadratic."""
    mixture = make_mixture(3, 4)
    X, labels = mixture.sample(1_000, 0)
    X = mixture.means[labels] + shrink * (X - mixture.means[labels])
    covariances = mixture.covariances * shrink**2
    if kind == "diagonal":
        covariances = covariances * np.eye(4)
    elif kind == "pooled":
        covariances = np.repeat(covariances[:1], 3, axis=0)
    mixture = Mixture(mixture.weights, mixture.means, covariances)
    samples = Samples(X)
    parameters = Parameters(*samples.inner(mixture))
    results = [
        BlockedEStep(samples, 3, kind, block_columns=columns, n_threads=threads).expect(parameters)
        for columns, threads in [(1_000, 1), (64, 1), (64, 2), (97, 5), (1, 3)]
    ]
    expected = mixture.log_likelihood(X) + 1_000 * np.log(samples.scale).sum()
    for result in results:
        assert result.log_likelihood == pytest.approx(expected, rel=1e-11)
        for name in ("counts", "first", "second", "origin"):
            np.testing.assert_allclose(
                getattr(result, name), getattr(results[0], name), rtol=1e-9, atol=1e-9
            )
    # With blocks given, the number of threads does not even change the rounding.
    np.testing.assert_array_equal(results[1].second, results[2].second)


@pytest.mark.parametrize("kind", ["full", "diagonal", "pooled"])
def test_evaluate_agrees_with_the_mixture(make_mixture, kind):
    mixture = make_mixture(3, 2)
    covariances = mixture.covariances
    if kind == "diagonal":
        covariances = covariances * np.eye(2)
    elif kind == "pooled":
        covariances = np.repeat(covariances[:1], 3, axis=0)
    mixture = Mixture(mixture.weights, mixture.means, covariances)
    X = np.random.default_rng(0).normal(size=(40_000, 2)) * 5
    log_prob, responsibilities = evaluate(mixture, X, kind)
    np.testing.assert_allclose(log_prob, mixture.log_prob(X), rtol=1e-10)
    np.testing.assert_allclose(responsibilities, mixture.responsibilities(X), atol=1e-10)
    samples = Samples(X)
    least = BlockedEStep(samples, 3, kind).least_log_density(Parameters(*samples.inner(mixture)))
    assert least == pytest.approx((log_prob + np.log(samples.scale).sum()).min(), rel=1e-10)


def test_files_and_float32_are_read_block_by_block(tmp_path, make_mixture):
    mixture = make_mixture(2, 3)
    X, _ = mixture.sample(40_000, 0)
    X32 = X.astype(np.float32)
    path = tmp_path / "rows.npy"
    np.save(path, X)
    expected = expect(mixture, X)
    found = expect(mixture, np.load(path, mmap_mode="r"))
    np.testing.assert_allclose(found.second, expected.second, rtol=1e-9)
    single = expect(mixture, X32)
    rounded = expect(mixture, X32.astype(np.float64))
    np.testing.assert_allclose(single.second, rounded.second, rtol=1e-9)


class Lazy:
    """An array that, like dask's, gives its numbers only when a slice of it is asked for."""

    def __init__(self, X):
        self._X = X
        self.shape, self.dtype, self.ndim = X.shape, X.dtype, 2
        self.largest = 0

    def __getitem__(self, index):
        return Lazy.Part(self, self._X[index])

    def __array_function__(self, *_):
        raise AssertionError("no NumPy function should see the whole array")

    def __array__(self, *_, **__):
        raise AssertionError("the array should not be loaded whole")

    class Part:
        def __init__(self, owner, rows):
            self.owner, self.rows = owner, rows

        def __array__(self, dtype=None, copy=None):
            self.owner.largest = max(self.owner.largest, len(self.rows))
            return np.asarray(self.rows, dtype=dtype)


def test_lazy_arrays_are_never_loaded_whole(make_mixture):
    X, _ = make_mixture(2, 2).sample(60_000, 0)
    lazy = Lazy(X)
    result = fit_em(lazy, 2, random_state=0)
    plain = fit_em(X, 2, random_state=0)
    assert lazy.largest < 20_000
    assert result.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-10)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[1.0, np.nan]], "contains NaN .row 0, column 1"),
        ([[1.0, 0.0], [np.inf, 0.0]], "contains infinity .row 1, column 0"),
        ([1.0, 2.0], "reshape"),
        (np.zeros((0, 2)), "at least one row"),
        ([["a"]], "numeric"),
        ([[1j]], "Complex"),
        ([[1.0, 2.0, 3.0]], "features"),
    ],
)
def test_bad_rows_are_refused(make_mixture, X, message):
    with pytest.raises(ValueError, match=message):
        expect(make_mixture(2, 2), X)


def test_moments_have_a_shape(make_mixture):
    moments = expect(make_mixture(3, 2), [[0.0, 0.0]])
    assert isinstance(moments, Moments)
    assert (moments.n_components, moments.n_features) == (3, 2)
