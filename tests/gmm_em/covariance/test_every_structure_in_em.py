"""EM with each structure: the climb, the transformations it allows, and what fits report."""

import numpy as np
import pytest

from gmm_em import (
    ConjugatePrior,
    GaussianMixtureEM,
    Mixture,
    expect,
    fit_blocks,
    fit_em,
    maximize,
    n_parameters,
    select,
    standard_errors,
)
from gmm_em.covariance.projection import structured
from gmm_em.covariance.registry import SKLEARN_NAMES, STRUCTURES, SYNONYMS, get_structure
from gmm_em.fitting.posing import ProblemMaker
from gmm_em.parameter_names import ParameterLayout
from gmm_em.rows.samples import Parameters

KINDS = list(STRUCTURES)
# Transformations that leave a family, by what mclust's letters say.
ROTATIONS = [kind for kind in KINDS if get_structure(kind).mclust_name[1:] not in ("EI", "VI")]
RESCALINGS = [kind for kind in KINDS if not get_structure(kind).common_scale]
LINEAR = [kind for kind in ROTATIONS if kind in RESCALINGS]


def problem_of(X, kind, n_components, prior=None, weight=None):
    missing = bool(np.isnan(X).any())
    maker = ProblemMaker(n_components, get_structure(kind), np.zeros(1), prior, None, missing)
    return maker.pose(X, weight)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["plain", "weights", "prior", "missing"])
def test_em_never_lowers_its_objective(make_mixture, kind, case):
    """Steps of EM from random starts; inner iterations are part of each step."""
    rng = np.random.default_rng(3)
    for attempt in range(3):
        X, _ = make_mixture(3, 3).sample(60, attempt)
        if case == "missing":
            X[rng.random(X.shape) < 0.1] = np.nan
        prior = ConjugatePrior() if case == "prior" else None
        weight = rng.uniform(0.5, 2.0, size=60) if case == "weights" else None
        problem = problem_of(X, kind, 3, prior, weight)
        roots = rng.normal(size=(3, 3, 3))
        spread = roots @ roots.transpose(0, 2, 1) + 0.2 * np.eye(3)
        start = Parameters(
            np.full(3, 1 / 3),
            rng.normal(size=(3, 3)),
            structured(problem.structure, np.ones(3), spread),
        )
        totals = problem.expect(start)
        for _ in range(12):
            before = totals.objective
            totals = problem.expect(problem.maximize(totals))
            assert totals.objective >= before - 1e-10 * abs(before)


@pytest.mark.parametrize("kind", KINDS)
def test_an_m_step_from_a_mixture_is_no_worse_than_the_mixture(make_mixture, kind):
    structure, rng = get_structure(kind), np.random.default_rng(4)
    for _ in range(20):
        roots = rng.normal(size=(2, 4, 3, 3))
        scatter, matrices = roots @ roots.transpose(0, 1, 3, 2)
        counts = rng.uniform(1.0, 9.0, size=4)
        current = structured(structure, counts, matrices)
        best = structure.improved(counts, structure.reduce(scatter), counts.sum(), current)

        def cost(covariances, scatter=scatter, counts=counts):
            traces = np.trace(np.linalg.solve(covariances, scatter), axis1=1, axis2=2)
            return counts @ np.linalg.slogdet(covariances)[1] + traces.sum()

        assert cost(best) <= cost(current) + 1e-10
        # The result is in the family: it is its own projection.
        again = structure.improved(
            counts, structure.reduce(best * counts[:, None, None]), counts.sum(), best
        )
        np.testing.assert_allclose(again, best, rtol=1e-8, atol=1e-8 * np.abs(best).max())


def transformed(mixture, X, matrix):
    """Return mixture and rows under a linear map."""
    moved = Mixture(
        mixture.weights, mixture.means @ matrix.T, matrix @ mixture.covariances @ matrix.T
    )
    return moved, X @ matrix.T


@pytest.mark.parametrize(
    ("kind", "matrix"),
    [(kind, 3.0 * np.eye(3)) for kind in KINDS]
    + [(kind, np.diag([0.1, 1.0, 20.0])) for kind in RESCALINGS]
    + [(kind, np.linalg.qr(np.arange(9.0).reshape(3, 3) ** 2)[0]) for kind in ROTATIONS]
    + [(kind, np.array([[1.0, 2, 0], [0, 1, 3], [1, 0, 1]])) for kind in LINEAR],
)
def test_m_steps_move_with_the_transformations_of_the_family(make_mixture, kind, matrix):
    mixture = make_mixture(3, 3)
    X, _ = mixture.sample(80, 5)
    plain = maximize(expect(mixture, X), kind).covariances
    moved = maximize(expect(*transformed(mixture, X, matrix)), kind).covariances
    expected = matrix @ plain @ matrix.T
    np.testing.assert_allclose(moved, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


def test_which_transformations_leave_which_families():
    assert set(LINEAR) == {"tied", "VEE", "EVV", "full"}
    assert set(RESCALINGS) == {"EEI", "VEI", "EVI", "diag", *LINEAR}
    assert set(KINDS) - set(ROTATIONS) == {"EEI", "VEI", "EVI", "diag"}


def test_mclust_s_names_and_scikit_learn_s_are_one_structure(iris):
    names = {get_structure(kind).mclust_name for kind in KINDS}
    assert len(KINDS) == len(names) == 14
    assert {name: get_structure(name).mclust_name for name in SKLEARN_NAMES} == {
        "full": "VVV",
        "tied": "EEE",
        "diag": "VVI",
        "spherical": "VII",
    }
    for name, structure in SYNONYMS.items():
        ours = next(kind for kind in KINDS if get_structure(kind).mclust_name == name)
        first = fit_em(iris, 2, covariance_type=name, n_init=2, random_state=0)
        second = fit_em(iris, 2, covariance_type=ours, n_init=2, random_state=0)
        assert first.covariance_type == structure.name == name
        assert second.covariance_type == ours
        assert first.log_likelihood == second.log_likelihood


@pytest.mark.parametrize("kind", KINDS)
def test_with_one_feature_there_are_two_structures(faithful, kind):
    eruptions = faithful[:, :1]
    structure = get_structure(kind)
    assert structure.n_parameters(3, 1) == (1 if structure.mclust_name[0] == "E" else 3)
    same = "tied" if structure.mclust_name[0] == "E" else "full"
    options = {"n_init": 2, "random_state": 0}
    found = fit_em(eruptions, 2, covariance_type=kind, **options).log_likelihood
    expected = fit_em(eruptions, 2, covariance_type=same, **options).log_likelihood
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", [*KINDS, *SYNONYMS])
def test_the_estimator_knows_every_name(iris, kind):
    model = GaussianMixtureEM(2, covariance_type=kind, n_init=2, random_state=0).fit(iris)
    sklearn_shapes = {"full": (2, 4, 4), "tied": (4, 4), "diag": (2, 4), "spherical": (2,)}
    structure = get_structure(kind)
    ours = next(k for k in KINDS if get_structure(k).mclust_name == structure.mclust_name)
    assert model.covariances_.shape == sklearn_shapes.get(ours, (2, 4, 4))
    matrices = structure.expand(model.covariances_, 2, 4)
    np.testing.assert_allclose(matrices, model.mixture_.covariances)
    again = structured(structure, model.weights_, matrices)
    np.testing.assert_allclose(again, matrices, rtol=1e-6, atol=1e-8)
    assert model.predict(iris).shape == (150,)


@pytest.mark.parametrize("kind", KINDS)
def test_what_adds_to_the_diagonal_stays_in_the_family(iris, kind):
    structure = get_structure(kind)
    fit = fit_em(iris, 2, covariance_type=kind, reg_covar=0.1, n_init=2, random_state=0).mixture
    again = structured(structure, fit.weights, fit.covariances)
    np.testing.assert_allclose(again, fit.covariances, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_start_outside_the_family_is_brought_into_it(iris, kind):
    X = iris[:, :3]
    wide = maximize(expect(fit_em(X, 2, n_init=1, random_state=0).mixture, X))
    fit = fit_em(X, 2, covariance_type=kind, init=wide, max_iter=0).mixture
    structure = get_structure(kind)
    again = structured(structure, fit.weights, fit.covariances)
    np.testing.assert_allclose(again, fit.covariances, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", ["EII", "EVI", "VEE", "VVE", "EEV", "VEV"])
def test_blocks_give_what_one_array_gives(iris, kind):
    start = fit_em(iris, 2, covariance_type=kind, n_init=1, max_iter=3, random_state=0).mixture
    whole = fit_em(iris, 2, covariance_type=kind, init=start)
    blocks = fit_blocks([iris[:60], iris[60:]], 2, covariance_type=kind, init=start)
    assert blocks.log_likelihood == pytest.approx(whole.log_likelihood, abs=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layout_counts_what_is_free(kind):
    for k, d in ((1, 1), (3, 1), (1, 3), (2, 4)):
        layout = ParameterLayout(k, d, kind)
        assert layout.n_free == n_parameters(k, d, kind)
        assert len(layout.names) >= layout.n_free + 1


@pytest.mark.parametrize("kind", KINDS)
def test_standard_errors_of_both_kinds(iris, kind):
    fit = fit_em(iris[:, :3], 2, covariance_type=kind, n_init=3, random_state=0)
    for method in ("information", "sandwich"):
        errors = standard_errors(iris[:, :3], fit.mixture, covariance_type=kind, method=method)
        assert errors.covariance.shape == (n_parameters(2, 3, kind),) * 2
        assert errors.expected_gain == pytest.approx(0.0, abs=1e-6)
        assert errors.means.min() > 0


def test_select_tries_all_fourteen(iris):
    selection = select(iris, [2], n_init=2, random_state=0)
    assert [candidate.covariance_type for candidate in selection.candidates] == KINDS
    # mclust's choice among all on iris: VEV with two components, BIC -561.7285.
    assert selection.best.covariance_type == "VEV"
    assert selection.best.bic == pytest.approx(561.7285, abs=1e-3)
