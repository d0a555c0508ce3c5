"""A look at a sample of the rows ends the search where all is easy, and nowhere else."""

import numpy as np
import pytest

from gmm_em import ConjugatePrior, DegenerateError, fit_em
from gmm_em.fitting import fit
from gmm_em.fitting.finish import finish as finish_search

LOOK_ROWS, PILOT_ROWS = 1_000, 5_000
# Seed of the data, seed of the search, and the highest maximum of two searches with 25 starts each.
BETTER = [(0, 101, -39033.9269), (4, 102, -34694.4070), (13, 101, -41367.1911)]


@pytest.fixture(scope="module")
def easy():
    """Two groups far apart, 10 000 rows."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(10_000, 2)) + np.where(rng.random(10_000) < 0.3, 8.0, 0.0)[:, None]


def rows_seen(result):
    """How many rows the starts saw."""
    return result.runs[0].n_rows


def test_where_all_is_easy_few_starts_see_few_rows(easy):
    result = fit_em(easy, 2, random_state=0)
    assert rows_seen(result) == LOOK_ROWS
    assert sum(run.kind not in ("sample", "split and merge") for run in result.runs) <= 10
    assert result.runs[result.best].n_rows == len(easy)
    thorough = fit_em(easy, 2, random_state=0, n_init=20)
    assert result.log_likelihood == pytest.approx(thorough.log_likelihood, abs=1e-4)


def test_a_maximum_of_the_look_that_collapses_on_all_rows_ends_nothing(easy, monkeypatch):
    carried = []

    def finish(search, problem, options, sample=None):
        carried.append(search.problem.n_rows)
        if carried == [LOOK_ROWS]:
            raise DegenerateError("component 0 collapsed")
        return finish_search(search, problem, options, sample)

    monkeypatch.setattr(fit, "finish", finish)
    result = fit_em(easy, 2, random_state=0)
    assert carried == [LOOK_ROWS, PILOT_ROWS]
    monkeypatch.undo()
    same = fit_em(easy, 2, random_state=0)
    assert result.log_likelihood == pytest.approx(same.log_likelihood, abs=1e-4)


def test_a_small_group_far_away_is_not_overlooked(easy):
    # A sample of 1000 rows holds about three of the group's thirty.
    X = np.r_[easy, np.random.default_rng(1).normal(size=(30, 2)) - 25.0]
    result = fit_em(X, 3, random_state=0)
    assert rows_seen(result) == PILOT_ROWS
    assert result.mixture.weights.min() == pytest.approx(30 / len(X), rel=1e-3)


def test_a_feature_that_is_constant_in_the_sample_is_fitted(easy):
    rare = np.zeros(len(easy))
    rare[np.random.default_rng(3).choice(len(easy), 12, replace=False)] = 1.0
    # About a third of the samples of 1000 rows hold no rare value.
    for seed in range(6):
        result = fit_em(np.c_[easy, rare], 2, covariance_type="tied", random_state=seed)
        assert result.mixture.covariances[0, 2, 2] == pytest.approx(rare.var(), rel=0.01)


@pytest.mark.parametrize("what", ["prior", "weights", "number", "ridge"])
def test_what_a_sample_says_little_of_is_searched_as_before(easy, what):
    options = {
        "prior": {"prior": ConjugatePrior()},
        "weights": {"sample_weight": np.random.default_rng(2).uniform(0.5, 2.0, len(easy))},
        "number": {"n_init": 3},
        "ridge": {"reg_covar": 1e-3},
    }[what]
    assert rows_seen(fit_em(easy, 2, random_state=0, **options)) == PILOT_ROWS


def test_units_and_order_of_features_do_not_matter(easy):
    given = fit_em(easy, 2, random_state=0)
    other = fit_em(easy[:, ::-1] * [1e3, 1e-2] + [5.0, -7.0], 2, random_state=0)
    shift = len(easy) * np.log(10.0)
    assert other.log_likelihood + shift == pytest.approx(given.log_likelihood, abs=1e-4)
    assert [run.kind for run in other.runs] == [run.kind for run in given.runs]


@pytest.mark.parametrize(("data_seed", "seed", "maximum"), BETTER)
def test_a_sample_does_not_decide_between_maxima_that_it_hardly_tells_apart(
    data_seed, seed, maximum
):
    # On 1000 rows these maxima are two units above or below others that are 20 lower on all rows.
    rng = np.random.default_rng(data_seed)
    means = 2.5 * rng.normal(size=(5, 2))
    factors = np.tril(0.3 * rng.normal(size=(5, 2, 2))) + np.eye(2)
    labels = rng.integers(5, size=10_000)
    X = means[labels] + np.einsum("nij,nj->ni", factors[labels], rng.normal(size=(10_000, 2)))
    assert fit_em(X, 5, random_state=seed).log_likelihood > maximum - 1e-3


def varied(seed):
    """Overlapping groups of several kinds: rows, number of components to fit, and structure."""
    rng = np.random.default_rng([77, seed])
    n = int(
        rng.choice([1_500, 2_001, 2_003, 5_001, 5_010])
        if seed % 5 == 0
        else rng.integers(1_500, 8_001)
    )
    d, k = int(rng.choice([1, 2, 3, 5, 8])), int(rng.integers(1, 6))
    apart = rng.choice([1.5, 3, 6])
    means = rng.normal(size=(k, d)) * apart / np.sqrt(2 * d) * 1.5
    labels = rng.choice(k, size=n, p=rng.dirichlet(np.full(k, 2.0)))
    factors = rng.normal(size=(k, d, d)) / np.sqrt(d) + 0.6 * np.eye(d)
    X = means[labels] + np.einsum("nij,nj->ni", factors[labels], rng.normal(size=(n, d)))
    if seed % 8 == 2:
        X = np.round(X, 1)
    if seed % 8 == 4:
        X = np.exp(0.4 * X)
    return X, int(np.clip(k + rng.integers(-1, 3), 1, 7))


# Kinds of starts that cluster the rows agree on a maximum that is lower, by up to 181 units; or all
# starts do; or the maximum that they agree on collapses on all rows.
AGREEING = [
    (56, "tied", -6299.0435),
    (74, "VVI", -22099.8919),
    (190, "tied", -40849.1467),
    (314, "spherical", -10776.6258),
    (404, "full", -8033.9269),
]


@pytest.mark.slow
@pytest.mark.parametrize(("data_seed", "kind", "maximum"), AGREEING)
def test_starts_that_agree_do_not_hide_a_higher_maximum(data_seed, kind, maximum):
    X, n_components = varied(data_seed)
    result = fit_em(X, n_components, covariance_type=kind, random_state=0)
    assert result.log_likelihood > maximum - 1e-3
