import numpy as np
import pytest

from gmm_em import Mixture, fit_em
from gmm_em.covariance.projection import structured
from gmm_em.covariance.registry import STRUCTURES, get_structure
from gmm_em.fitting.splits import split_merge
from gmm_em.fitting.starts.base import Rows
from gmm_em.rows.samples import Parameters, Samples


def groups(n_features, seed=0):
    """Four groups of 60 rows, standardised."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(240, n_features)) + 6.0 * np.repeat(np.eye(4, n_features), 60, axis=0)
    return (X - X.mean(axis=0)) / X.std(axis=0)


def moves(X, mixture, kind, limit=12, least=-np.inf):
    structure = get_structure(kind)
    rows = Rows.of(Samples(X, common_scale=structure.common_scale), structure)
    samples = Samples(X, common_scale=structure.common_scale)
    seen = rows.seen(Parameters(*samples.inner(mixture)))
    found = split_merge(rows, seen, structure, limit, least)
    return [(move.gain, samples.outer(*rows.inner(move.start))) for move in found]


@pytest.mark.parametrize("kind", STRUCTURES)
def test_a_move_is_in_the_family_and_gains_what_it_says(kind):
    X = groups(3)
    mixture = fit_em(X, 4, covariance_type=kind, n_init=1, random_state=0).mixture
    found = moves(X, mixture, kind)
    assert len(found) > 3
    before = mixture.log_prob(X).mean()
    for gain, moved in found:
        assert moved.log_prob(X).mean() - before == pytest.approx(gain, abs=1e-9)
        closest = structured(get_structure(kind), moved.weights, moved.covariances)
        np.testing.assert_allclose(closest, moved.covariances, atol=1e-6)
    gains = [gain for gain, _ in found]
    assert gains == sorted(gains, reverse=True)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical", "VEV"])
def test_the_first_move_leaves_a_maximum_with_a_component_in_the_wrong_place(kind):
    rng = np.random.default_rng(0)
    corners = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0], [7.0, 7.0]])
    X = np.repeat(corners, 60, axis=0) + rng.normal(size=(240, 2))

    def climb(labels):
        means = np.stack([X[labels == j].mean(axis=0) for j in range(4)])
        covariances = np.repeat(np.cov(X[labels == 3].T)[None], 4, axis=0)
        start = Mixture(np.full(4, 0.25), means, covariances * np.eye(2))
        return fit_em(X, 4, covariance_type=kind, init=start)

    best = climb(np.repeat([0, 1, 2, 3], 60)).log_likelihood
    # Two components share the first group, and one has the last two.
    stuck = climb(np.where(np.arange(240) < 30, 3, np.repeat([0, 1, 2, 2], 60)))
    assert stuck.log_likelihood < best - 50.0
    gain, first = moves(X, stuck.mixture, kind)[0]
    assert gain > 0
    left = fit_em(X, 4, covariance_type=kind, init=first)
    assert left.log_likelihood == pytest.approx(best, abs=1e-6)


def test_many_features_are_summed_without_their_products():
    X = groups(26, seed=3)
    mixture = fit_em(X, 3, covariance_type="tied", n_init=1, random_state=0).mixture
    gain, moved = moves(X, mixture, "tied", limit=2)[0]
    assert moved.log_prob(X).mean() - mixture.log_prob(X).mean() == pytest.approx(gain, abs=1e-9)


def test_rows_count_by_their_weights():
    X = groups(2)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, size=len(X))
    mixture = fit_em(X, 4, sample_weight=weight, n_init=1, random_state=0).mixture
    structure, samples = get_structure("full"), Samples(X, weight)
    rows = Rows.of(samples, structure)
    found = split_merge(rows, rows.seen(Parameters(*samples.inner(mixture))), structure, 3)
    for gain, start in found:
        moved = samples.outer(*rows.inner(start))
        change = moved.log_prob(X) - mixture.log_prob(X)
        assert np.average(change, weights=weight) == pytest.approx(gain, abs=1e-9)


def test_moves_differ_from_each_other_and_from_where_they_begin():
    X = groups(3)
    mixture = fit_em(X, 4, n_init=1, random_state=0).mixture
    found = moves(X, mixture, "full")
    profiles = np.stack([one.log_prob(X) for one in (mixture, *(moved for _, moved in found))])
    squares = ((profiles[:, None] - profiles) ** 2).sum(axis=2)
    assert squares[np.triu_indices(len(profiles), 1)].min() >= 5.0
    least = found[1][0]
    few = [gain for gain, _ in moves(X, mixture, "full", least=least)]
    assert found[0][0] in few
    assert min(few) >= least


def test_one_component_has_no_moves():
    X = groups(2)
    assert moves(X, fit_em(X, 1, random_state=0).mixture, "full") == []
