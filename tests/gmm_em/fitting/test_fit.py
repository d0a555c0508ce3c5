import csv

import numpy as np
import pytest

from gmm_em import (
    ConjugatePrior,
    DegenerateError,
    GaussianMixtureEM,
    Mixture,
    PartialStart,
    bootstrap,
    expect,
    fit_em,
)
from tests.paths import DATA

KINDS = ["full", "tied", "diag", "spherical"]
REFERENCE = DATA / "mclust_loglik.csv"
ROWS = [
    (row["dataset"], int(row["n_components"]), row["covariance_type"], float(row["log_likelihood"]))
    for row in csv.DictReader(REFERENCE.read_text().splitlines())
]


@pytest.mark.parametrize(("name", "n_components", "kind", "expected"), ROWS)
def test_at_least_as_good_as_mclust(request, name, n_components, kind, expected):
    X = request.getfixturevalue(name)
    model = GaussianMixtureEM(n_components, covariance_type=kind, random_state=0).fit(X)
    assert model.log_likelihood_ >= expected - 1e-4
    assert model.converged_
    assert np.all(np.diff(model.trace_) >= 0)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "n_components", "kind", "expected"), ROWS)
def test_at_least_as_good_as_mclust_for_ten_seeds(request, name, n_components, kind, expected):
    X = request.getfixturevalue(name)
    for seed in range(1, 10):
        model = GaussianMixtureEM(n_components, covariance_type=kind, random_state=seed).fit(X)
        assert model.log_likelihood_ >= expected - 1e-4


def test_one_component_is_the_sample_s_moments(iris):
    result = fit_em(iris, 1)
    np.testing.assert_allclose(result.mixture.means[0], iris.mean(axis=0), rtol=1e-12)
    covariance = np.cov(iris.T, bias=True)
    np.testing.assert_allclose(result.mixture.covariances[0], covariance, rtol=1e-10)
    assert len(result.runs) == 1


def test_every_path_rises(faithful):
    result = fit_em(faithful, 3, random_state=1)
    for run in result.runs:
        assert np.all(np.diff(run.trace) >= 0)
        assert run.trace[-1] == run.log_likelihood
        assert run.n_iter == len(run.trace) - 1


def test_the_result_is_what_it_says(faithful):
    result = fit_em(faithful, 2, random_state=0, snapshots=True)
    best = result.runs[result.best]
    again = result.mixture.log_likelihood(faithful)
    assert result.log_likelihood == pytest.approx(again, rel=1e-12)
    assert result.log_likelihood == max(run.log_likelihood for run in result.runs)
    for value, mixture in zip(best.trace, best.snapshots, strict=True):
        assert value == pytest.approx(mixture.log_likelihood(faithful), rel=1e-12)
    assert best.snapshots[0] == best.start
    assert best.snapshots[-1] == result.mixture
    assert np.all(np.diff(result.mixture.weights) <= 0)
    assert result.total_weight == 272


def test_distinct_optima_are_counted(faithful):
    result = fit_em(faithful, 3, random_state=0, n_init=30, n_final=30)
    assert len(result.runs) == 30
    assert len(result.optima) > 1
    values = [optimum.objective for optimum in result.optima]
    assert values == sorted(values, reverse=True)
    assert result.best in result.optima[0].runs
    assert result.n_reached == result.optima[0].n_runs
    counted = sum(optimum.n_runs for optimum in result.optima)
    assert counted == sum(run.converged for run in result.runs)


def test_seeds_decide_everything(faithful):
    runs = [fit_em(faithful, 3, random_state=seed) for seed in (5, np.random.SeedSequence(5))]
    assert runs[0].mixture == runs[1].mixture
    generator = fit_em(faithful, 3, random_state=np.random.default_rng(5))
    assert generator.mixture == runs[0].mixture
    fewer = fit_em(faithful, 3, random_state=5, n_init=8, n_threads=1)
    for few, many in zip(fewer.runs, runs[0].runs, strict=False):
        assert few.start == many.start


def test_the_callback_sees_every_step(faithful):
    seen = []
    result = fit_em(
        faithful, 2, n_init=2, n_final=2, random_state=0, callback=lambda *step: seen.append(step)
    )
    for i, run in enumerate(result.runs):
        steps = [(n_iter, value) for index, n_iter, value in seen if index == i]
        assert [n_iter for n_iter, _ in steps] == list(range(run.n_iter + 1))
        np.testing.assert_array_equal([value for _, value in steps], run.trace)


def test_a_user_s_start_keeps_its_order(faithful):
    start = fit_em(faithful, 2, random_state=0).mixture.permute([1, 0])
    result = fit_em(faithful, 2, init=start)
    assert result.mixture.weights[0] < result.mixture.weights[1]
    np.testing.assert_allclose(result.mixture.means, start.means, rtol=1e-5)


def test_partial_starts(faithful):
    means = [[2.0, 55.0], [4.3, 80.0]]
    result = fit_em(faithful, 2, init=PartialStart(means=means), max_iter=0)
    np.testing.assert_allclose(result.mixture.means, means, rtol=1e-12)
    covariances = np.repeat(np.diag([0.1, 30.0])[None], 2, axis=0)
    result = fit_em(
        faithful, 2, init=PartialStart([0.3, 0.7], covariances=covariances), max_iter=0, n_init=3
    )
    np.testing.assert_allclose(np.sort(result.mixture.weights), [0.3, 0.7])
    np.testing.assert_allclose(result.mixture.covariances, covariances, rtol=1e-12)


@pytest.mark.parametrize("method", ["auto", "ward", "quantiles", "kmeans", "k-means++", "random"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_start_is_a_mixture_of_the_family(iris, method, kind):
    result = fit_em(
        iris, 3, init_params=method, covariance_type=kind, max_iter=0, n_init=8, random_state=0
    )
    for run in result.runs:
        assert np.isfinite(run.log_likelihood)
        assert len(np.unique(run.start.means, axis=0)) == 3
    if kind in ("diag", "spherical"):
        off = result.mixture.covariances * (1 - np.eye(4))
        assert not off.any()


@pytest.mark.parametrize("name", ["random_from_data", "textbook"])
def test_starts_at_random_rows(faithful, name):
    run = fit_em(faithful, 3, init_params=name, max_iter=0, n_init=1, random_state=0).runs[0]
    np.testing.assert_allclose(run.start.weights, 1 / 3)
    for mean in run.start.means:
        assert np.any(np.all(np.isclose(faithful, mean, rtol=1e-12), axis=1))
    expected = np.cov(faithful.T, bias=True) if name == "random_from_data" else np.eye(2)
    for covariance in run.start.covariances:
        np.testing.assert_allclose(covariance, expected, rtol=0.02, atol=1e-12)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_the_textbook_start_has_unit_covariances_whatever_the_structure(faithful, kind):
    options = {"init_params": "textbook", "max_iter": 0, "n_init": 1, "random_state": 0}
    run = fit_em(faithful, 2, covariance_type=kind, **options).runs[0]
    np.testing.assert_allclose(run.start.covariances, [np.eye(2)] * 2, atol=1e-12)


def test_a_resample_whose_feature_is_constant_is_a_failed_replicate():
    X = np.array([[0.0, 0.0], [1.0, 5.0], [2.0, 1.0], [4.0, 2.0]])
    replicates = bootstrap(X, fit_em(X, 1).mixture, n_bootstrap=100, random_state=0)
    assert 0 < replicates.n_failed < 100
    assert len(replicates.weights) == 100 - replicates.n_failed


def test_values_whose_squares_overflow_are_refused():
    X = np.random.default_rng(0).normal(size=(50, 2)) * 1e200
    with pytest.raises(ValueError, match="too large for float64"):
        fit_em(X, 1)


@pytest.mark.parametrize("unit", [1e-160, 1e-200, 1e-300])
def test_values_whose_squares_vanish_are_refused(unit):
    X = np.random.default_rng(0).normal(size=(50, 2)) * [1.0, unit]
    with pytest.raises(ValueError, match=r"too small for float64 arithmetic \(column 1\)"):
        fit_em(X, 1)


# Degenerate and spurious maxima ------------------------------------------------------------------


def test_repeated_rows_do_not_win(make_mixture):
    X, _ = make_mixture(2, 2).sample(200, 0)
    X = np.vstack([X, np.repeat(X[:1] + 0.01, 12, axis=0)])
    result = fit_em(X, 3, random_state=0)
    assert np.linalg.eigvalsh(result.mixture.covariances).min() > 1e-4
    start = Mixture(
        [0.4, 0.4, 0.2],
        [X[5], X[6], X[-1]],
        [np.eye(2), np.eye(2), 1e-6 * np.eye(2)],
    )
    with pytest.raises(DegenerateError, match="collapsed"):
        fit_em(X, 3, init=start)


def test_a_hyperplane_does_not_win(make_mixture):
    X, _ = make_mixture(2, 3).sample(300, 0)
    X[:40, 0] = 1.25
    for kind in ("full", "diag"):
        result = fit_em(X, 3, covariance_type=kind, random_state=0)
        widths = np.linalg.eigvalsh(result.mixture.covariances)
        assert widths.min() > 1e-6


def test_many_restarts_do_not_find_a_singularity(iris, faithful):
    for X, k in ((iris, 4), (faithful, 4)):
        result = fit_em(X, k, n_init=80, random_state=0)
        assert not result.spurious
        correlations = [
            c / np.sqrt(np.outer(np.diag(c), np.diag(c))) for c in result.mixture.covariances
        ]
        assert min(np.linalg.eigvalsh(c)[0] for c in correlations) > 1e-4
        counts = result.mixture.weights * len(X)
        assert counts.min() > X.shape[1] + 1


def test_handfuls_of_rows_are_told_apart(galaxies):
    result = fit_em(galaxies, 5, random_state=0)
    spurious = [run for run in result.runs if run.spurious]
    assert any("rows only" in run.spurious for run in spurious)
    assert not result.spurious
    assert max(run.log_likelihood for run in spurious) > result.log_likelihood


def test_reasons_are_given():
    X = np.repeat(np.arange(4.0)[:, None] * [[1.0, -2.0]], 10, axis=0)
    X[:, 1] += np.tile([0.0, 0.1], 20)
    with pytest.raises(DegenerateError, match="collapsed"):
        fit_em(X, 8, random_state=0)
    result = fit_em(X, 8, random_state=0, reg_covar=1e-3)
    assert np.linalg.eigvalsh(result.mixture.covariances).min() >= 0.999e-3


def test_more_features_than_rows():
    X = np.random.default_rng(0).normal(size=(10, 20))
    with pytest.raises(DegenerateError, match="decrease the number of components"):
        fit_em(X, 1)
    assert fit_em(X, 1, covariance_type="diag").converged
    assert fit_em(X, 1, reg_covar=0.1).converged
    assert fit_em(X, 1, prior=ConjugatePrior(psi=np.eye(20))).converged


def test_reg_covar_of_one_component_is_the_closed_form(iris):
    result = fit_em(iris, 1, reg_covar=[0.1, 0.2, 0.3, 0.4])
    expected = np.cov(iris.T, bias=True) + np.diag([0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(result.mixture.covariances[0], expected, rtol=1e-8)


# The penalty -------------------------------------------------------------------------------------


def log_prior(mixture, prior, psi, mean_loc, nu):
    """From the definitions, up to a constant."""
    d = mixture.n_features
    value = (prior.concentration - 1) * np.log(mixture.weights).sum()
    for mean, covariance in zip(mixture.means, mixture.covariances, strict=True):
        precision = np.linalg.inv(covariance)
        log_det = np.linalg.slogdet(covariance)[1]
        value -= 0.5 * ((nu + d + 1) * log_det + np.trace(psi @ precision))
        step = mean - mean_loc
        value -= 0.5 * (log_det + prior.kappa * step @ precision @ step)
    return value


def test_maximum_a_posteriori(faithful):
    psi, mean_loc = np.diag([0.2, 30.0]), np.array([3.0, 70.0])
    prior = ConjugatePrior(concentration=2.0, mean_loc=mean_loc, kappa=2.0, nu=5.0, psi=psi)
    result = fit_em(faithful, 3, prior=prior, random_state=0, tol=1e-13)
    for run in result.runs:
        assert np.all(np.diff(run.trace) >= 0)

    def objective(mixture):
        return mixture.log_likelihood(faithful) + log_prior(mixture, prior, psi, mean_loc, 5.0)

    best = objective(result.mixture)
    differences = [
        objective(run.mixture) - run.trace[-1] for run in result.runs if not run.degenerate
    ]
    np.testing.assert_allclose(differences, differences[0], atol=1e-6)
    rng = np.random.default_rng(0)
    for _ in range(50):
        logits = np.log(result.mixture.weights) + 0.02 * rng.normal(size=3)
        factors = result.mixture.scale_trils @ (np.eye(2) + 0.02 * np.tril(rng.normal(size=(2, 2))))
        neighbour = Mixture(
            np.exp(logits) / np.exp(logits).sum(),
            result.mixture.means + 0.02 * rng.normal(size=(3, 2)),
            factors @ factors.transpose(0, 2, 1),
        )
        assert objective(neighbour) < best


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_prior_holds_every_structure_up(kind):
    X = np.repeat([[0.0, 0.0], [1.0, 3.0]], 20, axis=0) + 0.1 * np.arange(40)[:, None] % 0.3
    result = fit_em(X, 4, covariance_type=kind, prior=ConjugatePrior(), random_state=0)
    assert result.converged
    assert np.all(np.diff(result.trace) >= 0)
    assert not result.n_degenerate


def test_bad_priors_are_refused(faithful):
    for options, message in (
        ({"concentration": 0.5}, "concentration"),
        ({"kappa": -1.0}, "kappa"),
        ({"nu": 0.5}, "nu must be"),
        ({"psi": np.eye(3)}, "psi must have shape"),
        ({"psi": -np.eye(2)}, "positive definite"),
        ({"mean_loc": [0.0]}, "mean_loc"),
    ):
        with pytest.raises(ValueError, match=message):
            fit_em(faithful, 2, prior=ConjugatePrior(**options))


# The door ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_components": -1}, ValueError, "n_components must be at least 1"),
        ({"n_components": 0}, ValueError, "n_components must be at least 1"),
        ({"n_components": 2.5}, TypeError, "n_components must be an integer"),
        ({"n_components": True}, TypeError, "n_components must be an integer"),
        ({"n_components": 273}, ValueError, "Expected n_samples >= n_components"),
        ({"tol": -1.0}, ValueError, "tol"),
        ({"tol": "small"}, TypeError, "tol"),
        ({"max_iter": -1}, ValueError, "max_iter"),
        ({"n_init": 0}, ValueError, "n_init"),
        ({"n_final": 0}, ValueError, "n_final"),
        ({"reg_covar": -1.0}, ValueError, "reg_covar"),
        ({"reg_covar": "a lot"}, TypeError, "reg_covar"),
        ({"covariance_type": "round"}, ValueError, "covariance_type must be one of"),
        ({"init_params": "magic"}, ValueError, "init_params must be one of"),
        ({"missing": "ignore"}, ValueError, "missing must be"),
        ({"init": "start"}, TypeError, "init must be"),
        ({"init": Mixture([1.0], [[0.0]], [[[1.0]]])}, ValueError, "init has 1 components in 1"),
        ({"sample_weight": np.ones(3)}, ValueError, "sample_weight must have shape"),
        ({"sample_weight": -np.ones(272)}, ValueError, "not negative"),
    ],
)
def test_bad_options_are_refused(faithful, options, error, message):
    with pytest.raises(error, match=message):
        fit_em(faithful, **({"n_components": 2} | options))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.full((10, 2), np.nan), "contains NaN"),
        ([[1.0, 2.0], [np.inf, 3.0], [0.0, 1.0]], "contains infinity"),
        (np.zeros((0, 3)), "at least one row"),
        (np.zeros((3, 0)), "one column"),
        ([1.0, 2.0, 3.0], "reshape"),
        (np.column_stack([np.arange(5.0), np.full(5, 0.1)]), "feature 1 is constant"),
        (np.ones((5, 1)), "feature 0 is constant"),
        ([["x", "y"]], "numeric"),
    ],
)
def test_bad_data_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        fit_em(X, 1)


def test_a_constant_feature_is_possible_with_a_ridge():
    X = np.column_stack([np.random.default_rng(0).normal(size=50), np.full(50, 7.0)])
    result = fit_em(X, 1, reg_covar=1e-3)
    np.testing.assert_allclose(result.mixture.means[0, 1], 7.0)
    np.testing.assert_allclose(result.mixture.covariances[0, 1, 1], 1e-3)


def test_long_data_are_explored_on_a_sample(make_mixture):
    mixture = make_mixture(3, 2)
    X, _ = mixture.sample(30_000, 0)
    result = fit_em(X, 3, random_state=0)
    on_all = [run for run in result.runs if run.n_rows == 30_000]
    assert 1 <= len(on_all) <= 3
    assert result.runs[result.best].n_rows == 30_000
    assert result.log_likelihood >= mixture.log_likelihood(X)
    gradient = expect(result.mixture, X).about(result.mixture.means).first
    assert np.abs(gradient / expect(result.mixture, X).counts[:, None]).max() < 1e-2
