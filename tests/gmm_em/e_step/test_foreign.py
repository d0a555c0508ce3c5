"""The E-step over rows of another library gives the sums of NumPy's, taken where the rows are."""

import numpy as np
import pytest

from gmm_em import Mixture, expect, fit_blocks, fit_em, maximize, select
from gmm_em.core.foreign import Place
from gmm_em.covariance.registry import STRUCTURES
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.e_step.features import SingularError
from gmm_em.e_step.foreign import ForeignEStep
from gmm_em.e_step.registry import Reading, open_rows
from gmm_em.fitting.prior import ConjugatePrior
from gmm_em.rows.foreign_samples import ForeignSamples
from gmm_em.rows.samples import Parameters, Samples

WEIGHTS = {"none": None, "some": np.arange(1, 1201) % 4.0}
COVARIANCES = {
    "full": np.array([np.eye(3), [[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 1.0]]]),
    "diagonal": np.array([np.diag([1.0, 2.0, 0.5]), np.eye(3)]),
    "pooled": np.array([[[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 1.0]]] * 2),
}
MEANS = np.array([[0.0, 0.0, 1.0], [3.0, 1.0, 0.0]])


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(700, 3)), rng.normal(size=(500, 3)) * 2.0 + 3.0])


def both(there, X, second, weight=None, **options):
    kinds = ((BlockedEStep, Samples(X, weight)), (ForeignEStep, ForeignSamples(there(X), weight)))
    return [(samples, kind(samples, 2, second, **options)) for kind, samples in kinds]


def assert_equal(found, expected):
    """To 1e-12 of the largest number."""
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * scale)


def assert_same_answers(pair, mixture):
    (samples, ours), (_, theirs) = pair
    inner = Parameters(*samples.inner(mixture))
    first, second = ours.expect(inner), theirs.expect(inner)
    for name in ("log_likelihood", "counts", "first", "second", "origin"):
        assert_equal(getattr(second, name), getattr(first, name))
    assert_equal(theirs.support(inner), ours.support(inner))
    assert_equal(theirs.least_log_density(inner), ours.least_log_density(inner))


@pytest.mark.parametrize("strictly", [True, False])
@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("second", COVARIANCES)
def test_sums_are_those_of_numpy(there, rows, second, weight, strictly, monkeypatch):
    # Blocks of about a hundred rows, of which the last is shorter.
    monkeypatch.setattr(Place, "block_elements", 3_000)
    pair = both(there, rows, second, WEIGHTS[weight], strict=strictly)
    assert_same_answers(pair, Mixture([0.4, 0.6], MEANS, COVARIANCES[second]))


@pytest.mark.parametrize("narrow", [(1e-8, 1.0), (1.0, 1e-8), (1e-8, 1e-8)])
@pytest.mark.parametrize("second", ["full", "diagonal", "pooled"])
def test_narrow_components_lose_no_digits(there, rows, second, narrow, monkeypatch):
    monkeypatch.setattr(Place, "block_elements", 3_000)
    if second == "pooled":
        narrow = (1e-8, 1e-8)
    # Each component has rows close to its mean, relative to its width.
    X = rows.copy()
    X[::5] = MEANS[0] + 1e-4 * rows[::5]
    X[1::5] = MEANS[1] + 1e-4 * rows[1::5]
    covariances = COVARIANCES[second] * np.array(narrow)[:, None, None]
    pair = both(there, X, second, WEIGHTS["some"], strict=True)
    assert_same_answers(pair, Mixture([0.4, 0.6], MEANS, covariances))


def test_a_collapsed_component_is_refused_as_on_the_host(there, rows):
    (samples, _), (_, estep) = both(there, rows, "full", strict=True)
    weights, means, covariances = samples.inner(Mixture([0.4, 0.6], MEANS, COVARIANCES["full"]))
    covariances = covariances.copy()
    covariances[1, 0] = covariances[1, :, 0] = 0.0
    with pytest.raises(SingularError, match="collapsed onto a hyperplane"):
        estep.expect(Parameters(weights, means, covariances))


def test_samples_have_the_units_and_moments_of_numpy_s(there, rows):
    X = rows * [1.0, 1e3, 1e-3] + 1e4
    weight = np.arange(len(X)) % 3.0
    for given in (None, weight):
        ours, theirs = Samples(X, given), ForeignSamples(there(X), given)
        for name in ("centre", "scale", "constant", "resolution"):
            np.testing.assert_array_equal(getattr(theirs, name), getattr(ours, name))
        assert (theirs.n_samples, theirs.total_weight) == (ours.n_samples, ours.total_weight)
        for found, expected in zip(theirs.moments(), ours.moments(), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(theirs.rows(np.array([3, 7])), ours.rows(np.array([3, 7])))
        np.testing.assert_array_equal(theirs.block(5, 9), ours.block(5, 9))


def test_a_bad_value_is_named_by_its_row(there, rows, monkeypatch):
    monkeypatch.setattr(Place, "block_elements", 3_000)
    for value, name in ((np.nan, "NaN"), (np.inf, "infinity")):
        bad = rows.copy()
        bad[901, 2] = value
        with pytest.raises(ValueError, match=rf"Input X contains {name} \(row 901, column 2\)"):
            ForeignSamples(there(bad))
    # The same where NumPy's rows are more than one block.
    bad = np.zeros((40_000, 1))
    bad[38_000] = np.nan
    with pytest.raises(ValueError, match=r"NaN \(row 38000, column 0\)"):
        Samples(bad)
    with pytest.raises(ValueError, match="at least one row and one column"):
        ForeignSamples(there(np.empty((0, 3))))


def test_many_rows_stay_where_they_are_and_few_are_copied(there, rows):
    reading = Reading(2, STRUCTURES["full"], 1_000)
    assert type(open_rows(there(rows), None, reading).estep) is ForeignEStep
    assert type(open_rows(there(rows[:1_000]), None, reading).estep) is BlockedEStep
    # Where all but few rows have weight zero, too.
    weight = (np.arange(len(rows)) % 2).astype(float)
    opened = open_rows(there(rows), weight, reading)
    assert type(opened.estep) is BlockedEStep
    assert opened.n_rows == 600


@pytest.mark.parametrize("second", ["full", "VEE"])
def test_expect_and_maximize_agree_with_numpy(there, rows, second):
    mixture = Mixture([0.4, 0.6], MEANS, COVARIANCES["full"])
    weight = WEIGHTS["some"]
    ours, theirs = expect(mixture, rows, weight), expect(mixture, there(rows), there(weight))
    for name in ("counts", "first", "second", "log_likelihood", "total_weight"):
        assert_equal(getattr(theirs, name), getattr(ours, name))
    halves = expect(mixture, there(rows[:600])) + expect(mixture, there(rows[600:]))
    assert_equal(halves.second, expect(mixture, rows).second)
    first, other = (maximize(moments, second) for moments in (ours, theirs))
    assert_equal(other.covariances, first.covariances)


# Whole fits ----------------------------------------------------------------------------------


TRUTH = Mixture([0.3, 0.7], [[0.0, 0.0], [3.0, 1.0]], [np.eye(2), [[2.0, 0.5], [0.5, 1.0]]])


@pytest.fixture(scope="module")
def many():
    return TRUTH.sample(5_200, 0)[0]


def assert_same_fit(found, expected):
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-8)
    assert len(found.runs) == len(expected.runs)
    for name in ("weights", "means", "covariances"):
        values = (getattr(result.mixture, name) for result in (found, expected))
        np.testing.assert_allclose(*values, atol=1e-6)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "EEV"])
def test_the_search_finds_what_it_finds_in_numpy(there, many, kind):
    how = {"covariance_type": kind, "random_state": 0, "n_init": 2}
    assert_same_fit(fit_em(there(many), 2, **how), fit_em(many, 2, **how))


def test_weights_priors_ridges_and_float32_are_those_of_numpy(there, many):
    weight = 0.5 + np.arange(len(many)) % 3
    narrow = many.astype(np.float32)
    for X, how in [
        (many, {"sample_weight": weight}),
        (many, {"prior": ConjugatePrior()}),
        # Without acceleration steps are short, and rounding would decide which one is the last.
        (many, {"reg_covar": 1e-3, "tol": 1e-13}),
        (narrow, {}),
        (many[:300], {}),
    ]:
        found = fit_em(there(X), 2, random_state=0, n_init=2, **how)
        assert_same_fit(found, fit_em(X, 2, random_state=0, n_init=2, **how))


def test_blocks_may_be_elsewhere(there, many):
    blocks = [many[:3_000], many[3_000:]]
    found = fit_blocks([there(block) for block in blocks], 2, random_state=0, n_init=2)
    expected = fit_blocks(blocks, 2, random_state=0, n_init=2)
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-8)


def test_models_are_chosen_as_in_numpy(there, rows):
    ours, theirs = (
        select(X, [1, 2], ("full", "diag"), random_state=0, n_init=2) for X in (rows, there(rows))
    )
    for first, second in zip(ours.candidates, theirs.candidates, strict=True):
        assert second.icl == pytest.approx(first.icl, rel=1e-10)
    assert theirs.best.n_components == ours.best.n_components


def test_missing_values_are_for_rows_of_numpy(there, many):
    with pytest.raises(
        ValueError, match="missing='mar' is for rows of NumPy, but X is an array of"
    ):
        fit_em(there(many), 2, missing="mar")
