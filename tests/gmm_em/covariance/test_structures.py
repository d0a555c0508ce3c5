import csv
import re

import numpy as np
import pytest

from gmm_em import (
    CovarianceStructure,
    Mixture,
    expect,
    fit_em,
    maximize,
    n_parameters,
    standard_errors,
)
from gmm_em.covariance.balancing import proportional_matrices, proportional_variances
from gmm_em.covariance.log_linear import LogLinear
from gmm_em.covariance.registry import STRUCTURES, get_structure
from tests.paths import ROOT

KINDS = sorted(STRUCTURES)
LOG_LINEAR = [kind for kind in KINDS if isinstance(get_structure(kind), LogLinear)]


def complete_log_likelihood(moments, mixture):
    """Expected log-likelihood of rows and labels, from its definition."""
    about = moments.about(mixture.means)
    value = 0.0
    for k in range(mixture.n_components):
        sign, log_det = np.linalg.slogdet(mixture.covariances[k])
        assert sign > 0
        trace = np.trace(np.linalg.solve(mixture.covariances[k], about.second[k]))
        constant = mixture.n_features * np.log(2 * np.pi)
        value += about.counts[k] * (np.log(mixture.weights[k]) - 0.5 * (log_det + constant))
        value -= 0.5 * trace
    return value


@pytest.mark.parametrize("kind", KINDS)
def test_the_m_step_beats_every_neighbour_in_its_family(make_mixture, kind):
    structure = get_structure(kind)
    mixture = make_mixture(3, 3)
    X, _ = mixture.sample(200, 0)
    moments = expect(mixture, X)
    best = maximize(moments, kind)
    value = complete_log_likelihood(moments, best)
    rng = np.random.default_rng(1)
    coordinates = structure.coordinates(best.covariances, np.sqrt(best.weights))
    for _ in range(50):
        factors = coordinates.factors(0.05 * rng.normal(size=structure.n_parameters(3, 3)))
        family = np.broadcast_to(factors @ factors.transpose(0, 2, 1), (3, 3, 3))
        weights = best.weights * np.exp(0.05 * rng.normal(size=3))
        neighbour = Mixture(
            weights / weights.sum(), best.means + 0.05 * rng.normal(size=(3, 3)), family
        )
        assert complete_log_likelihood(moments, neighbour) < value


@pytest.mark.parametrize("kind", KINDS)
def test_compact_and_expand(make_mixture, kind):
    structure = get_structure(kind)
    mixture = maximize(expect(make_mixture(4, 3), make_mixture(4, 3).sample(100, 0)[0]), kind)
    compact = structure.compact(mixture.covariances)
    assert compact.shape == structure.compact_shape(4, 3)
    np.testing.assert_array_equal(structure.expand(compact, 4, 3), mixture.covariances)


@pytest.mark.parametrize("kind", LOG_LINEAR)
def test_the_adjoint_is_one(kind):
    structure = get_structure(kind)
    rng = np.random.default_rng(0)
    roots = rng.uniform(0.2, 1.0, size=4)
    free = rng.normal(size=structure.n_parameters(4, 3))
    spread = structure.to_log_factors(free, roots, 3)
    gradient = rng.normal(size=spread.shape)
    back = structure.from_log_factors(gradient, roots)
    assert back @ free == pytest.approx(float((gradient * spread).sum()))


@pytest.mark.parametrize("kind", KINDS)
def test_the_basis_spans_the_family(make_mixture, kind):
    structure = get_structure(kind)
    mixture = maximize(expect(make_mixture(2, 3), make_mixture(2, 3).sample(100, 0)[0]), kind)
    basis = structure.basis(3)
    entries = mixture.covariances[0][np.tril_indices(3)]
    _, residual, rank, _ = np.linalg.lstsq(basis, entries)
    assert rank == basis.shape[1]
    assert np.allclose(residual, 0)


def test_parameter_counts_are_mclust_s():
    features = {"faithful": 2, "iris": 4, "galaxies": 1}
    with open(ROOT / "tests" / "data" / "mclust_loglik.csv") as file:
        for row in csv.DictReader(file):
            found = n_parameters(
                int(row["n_components"]), features[row["dataset"]], row["covariance_type"]
            )
            assert found == int(row["n_parameters"])


def test_the_structure_that_contributing_adds(make_mixture):
    """The file shown in CONTRIBUTING.md is complete: EM, acceleration, and standard errors."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.S)
    shown = {}
    exec(block, shown)  # the page is ours
    structure = shown["SpaceTime"]()
    X, _ = make_mixture(2, 3).sample(150, 0)
    result = fit_em(X, 2, covariance_type=structure, n_init=5, random_state=0)
    assert result.converged
    assert result.covariance_type == "space-time"
    covariances = result.mixture.covariances
    np.testing.assert_allclose(covariances[:, 1, 1], covariances[:, 2, 2])
    plain = fit_em(X, 2, covariance_type=structure, init=result.mixture, accelerate=False)
    assert plain.log_likelihood == pytest.approx(result.log_likelihood, abs=1e-6)
    for narrower, wider in (("spherical", structure), (structure, "diag")):
        low, high = (
            fit_em(X, 2, covariance_type=kind, n_init=5, random_state=0).log_likelihood
            for kind in (narrower, wider)
        )
        assert low < high
    errors = standard_errors(X, result.mixture, covariance_type=structure)
    assert errors.covariance.shape == (n_parameters(2, 3, structure),) * 2 == (11, 11)
    assert errors.expected_gain == pytest.approx(0.0, abs=1e-6)


def test_unknown_structures_are_refused():
    for bad in ("fulll", None, 3):
        with pytest.raises(ValueError, match="covariance_type must be one of"):
            get_structure(bad)
    assert isinstance(get_structure("full"), CovarianceStructure)
    assert repr(get_structure("tied")) == "Tied()"


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_moments_that_a_structure_needs(make_mixture, kind):
    structure, matrices = get_structure(kind), make_mixture(3, 4).covariances
    expected = {
        "full": matrices,
        "pooled": matrices[0] + matrices[1] + matrices[2],
        "diagonal": np.array([np.diag(matrix) for matrix in matrices]),
    }
    np.testing.assert_allclose(structure.reduce(matrices), expected[structure.second], rtol=1e-15)


@pytest.mark.parametrize("size", [0.0, 1e-320, 1e-250])
def test_turns_end_where_a_component_has_vanished(size):
    counts = np.array([5.0, 5.0])
    moments = np.array([[1.0, 2.0], [size, size]])
    scatter = np.stack([np.diag(row) for row in moments])
    assert proportional_variances(moments, counts) is None
    assert proportional_matrices(scatter, counts) is None


@pytest.mark.parametrize("kind", ["VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV"])
def test_a_component_that_has_vanished_is_no_arithmetic_error(kind):
    """Warnings are errors: none comes of a scatter whose reciprocal overflows."""
    structure = get_structure(kind)
    counts = np.array([5.0, 5.0])
    scatter = np.stack([np.diag([1.0, 2.0, 3.0]), 1e-310 * np.eye(3)])
    found = structure.covariances(counts, structure.reduce(scatter), 10.0)
    assert np.isfinite(found).all()
    assert found.shape == (2, 3, 3)
