"""Variational inference: an approximation, and what it says of itself."""

import json

import numpy as np
import pytest
from scipy.stats import sem

from gmm_bayes import ADVI, GaussianMixtureBayes, NIWPrior
from gmm_bayes.core.limits import MAX_PARETO_K
from gmm_bayes.density.laplace import laplace_near
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.samplers.advi.chains import _Approximation, _evidence
from tests.gmm_bayes.exact import one_gaussian

CONJUGATE = NIWPrior(2.0, 1.0, 0.5, 5.0, 2.0, "data")


@pytest.fixture(scope="module")
def many_rows() -> np.ndarray:
    """So many that the posterior is close to normal."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(600, 2)) @ np.array([[2.0, 0.0], [1.0, 1.0]]) + 3.0


@pytest.fixture(scope="module")
def approximated(many_rows) -> GaussianMixtureBayes:
    model = GaussianMixtureBayes(1, prior=CONJUGATE, sampler="advi", chains=2, random_state=1)
    return model.fit(many_rows)


def test_a_nearly_normal_posterior_is_matched(approximated, many_rows):
    """Six means within 0.2 posterior sds, all sds within 10 %: no seed is expected to fail."""
    exact = GaussianMixtureBayes(1, prior=CONJUGATE, sampler="gibbs", random_state=1).fit(many_rows)
    found, expected = approximated.diagnostics_.parameters, exact.diagnostics_.parameters
    free = expected.index[expected["verdict"] == "ok"]
    shift = (found.loc[free, "mean"] - expected.loc[free, "mean"]).abs() / expected.loc[free, "sd"]
    assert (shift < 0.2).all()
    np.testing.assert_allclose(found.loc[free, "sd"], expected.loc[free, "sd"], rtol=0.1)


def test_it_says_how_good_it_is(approximated, many_rows):
    """Importance sampling within 5 errors of the closed form: one seed in 100 000 fails."""
    attributes = approximated.posterior_["posterior"].attrs
    assert max(attributes["pareto_k"]) < 0.7
    assert max(attributes["drift"]) < 0.1
    exact = one_gaussian(many_rows, CONJUGATE)
    value, error = approximated.log_marginal_likelihood()
    assert 0.0 < error < 0.02
    assert abs(value - exact) < 5.0 * error
    # A lower bound, and close to it where the approximation is.
    assert exact - 0.5 < min(attributes["elbo"]) < max(attributes["elbo"]) < exact + 0.01
    path = approximated.posterior_["path"]["elbo"]
    assert path.dims == ("chain", "step")
    assert float(path[:, -50:].mean()) == pytest.approx(exact, abs=0.5)
    assert any("Pareto-k does" in note for note in approximated.diagnostics_.notes)
    assert approximated.diagnostics_.converged
    assert "log_importance_ratio" in approximated.posterior_["sample_stats"]
    json.dumps(approximated.diagnostics_.to_dict(), allow_nan=False)


def test_a_poor_approximation_is_told(faithful):
    """Components that the data hardly need: the posterior is far from normal, in any seed."""
    sampler = ADVI("advi", n_iter=100)
    model = GaussianMixtureBayes(3, sampler=sampler, chains=2, random_state=0).fit(faithful)
    assert not model.diagnostics_.converged
    told = " ".join(model.diagnostics_.problems)
    assert "Pareto-k of the importance ratios is" in told
    assert "sampler 'nuts'" in told
    assert np.isnan(model.log_marginal_likelihood()[1])
    assert model.posterior_["posterior"].attrs["advi_method"] == "advi"


def test_an_optimiser_that_is_still_moving_is_told(many_rows):
    sampler = ADVI(n_iter=100, learning_rate=0.5, n_mc=1)
    model = GaussianMixtureBayes(1, sampler=sampler, chains=1, random_state=0).fit(many_rows)
    assert any("still moving at its end" in problem for problem in model.diagnostics_.problems)


@pytest.mark.parametrize("covariance_type", ["tied", "diag", "spherical"])
def test_structures(two_clusters, covariance_type):
    model = GaussianMixtureBayes(
        2, covariance_type=covariance_type, sampler=ADVI(n_iter=100), chains=1, random_state=0
    ).fit(two_clusters)
    np.testing.assert_allclose(model.means_[0], [3.0, 4.0], atol=0.7)


def test_same_seed_same_draws_and_progress(two_clusters):
    calls: list[tuple[int, int]] = []
    settings = {"sampler": ADVI(n_iter=100), "draws": 50, "chains": 2, "random_state": 4}
    one = GaussianMixtureBayes(2, cores=1, **settings).fit(two_clusters)
    two = GaussianMixtureBayes(2, cores=2, **settings).fit(
        two_clusters, callback=lambda *call: calls.append(call)
    )
    np.testing.assert_array_equal(one.draws_.means, two.draws_.means)
    assert not np.array_equal(one.draws_.means[0], one.draws_.means[1])
    assert calls[-1][0] == calls[-1][1]
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_interrupted(two_clusters):
    def in_chain(which: int):
        def interrupt(done: int, total: int) -> None:
            if done > (which - 0.5) * total / 3:
                raise KeyboardInterrupt

        return interrupt

    settings = {"sampler": ADVI(n_iter=100), "draws": 50, "chains": 3, "random_state": 4}
    with pytest.raises(KeyboardInterrupt):
        GaussianMixtureBayes(2, **settings).fit(two_clusters, callback=in_chain(1))
    model = GaussianMixtureBayes(2, **settings).fit(two_clusters, callback=in_chain(3))
    assert model.posterior_["posterior"].attrs["interrupted"] == 1
    assert model.draws_.n_chains == 2

    def fail(done: int, total: int) -> None:
        raise RuntimeError("from the callback")

    with pytest.raises(RuntimeError, match="from the callback"):
        GaussianMixtureBayes(2, **settings).fit(two_clusters, callback=fail)


def test_the_start_is_a_maximum_with_its_curvature(two_clusters):
    target = LogPosterior(two_clusters, 2, NIWPrior())
    start = target.space.from_mixture(
        np.array([0.5, 0.5]), np.array([[-1.0, -1.0], [1.0, 1.0]]), np.tile(np.eye(2), (2, 1, 1))
    )
    found = laplace_near(target, start)
    value, slope = target(found.mean)
    assert value > target(start)[0]
    # The slope is small in units of the width, and one standard deviation away is half a unit down.
    assert np.abs(found.factor.T @ slope).max() < 0.05
    sides = [target(found.mean + sign * found.factor[:, 0])[0] for sign in (-1.0, 1.0)]
    assert value - np.mean(sides) == pytest.approx(0.5, abs=0.2)
    each = laplace_near(target, start, diagonal=True)
    np.testing.assert_array_equal(each.factor, np.diag(each.factor.diagonal()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "svgd"}, "allowed are 'fullrank_advi', 'advi'"),
        ({"n_iter": 10}, "n_iter must be at least 100"),
        ({"n_mc": 0}, "n_mc must be at least 1"),
        ({"learning_rate": 1.0}, "learning_rate must lie in"),
    ],
)
def test_impossible_settings(change, words):
    with pytest.raises(ValueError, match=words):
        ADVI(**change)


def made_run(log_ratios, pareto_k):
    zeros = np.zeros(1)
    return _Approximation(zeros, zeros, zeros, log_ratios, pareto_k, 0.0, 0.0, zeros)


def test_evidence_is_the_mean_ratio_with_its_error(rng):
    """Spread of 400 values: its own error is 4 %, so that 20 % is exceeded once in 10**6."""
    ratios = np.log(rng.gamma(2.0, size=(400, 2, 50)))
    found = [_evidence([made_run(part, 0.3) for part in one]) for one in ratios]
    for one, row in zip(found, np.exp(ratios.reshape(400, -1)), strict=True):
        assert one.value == pytest.approx(np.log(row.mean()))
        assert one.standard_error == pytest.approx(sem(row) / row.mean())
    spread = np.std([one.value for one in found], ddof=1)
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.2)


def test_ratios_without_a_mean_leave_evidence_without_an_error(rng):
    ratios = rng.normal(size=50)
    runs = [made_run(ratios, 0.1), made_run(ratios, MAX_PARETO_K)]
    assert np.isfinite(_evidence(runs).standard_error)
    runs[1] = made_run(ratios, np.nextafter(MAX_PARETO_K, 1.0))
    assert np.isnan(_evidence(runs).standard_error)
