import csv

import numpy as np
import pytest

from gmm_em import CovarianceStructure, Mixture, expect, fit_em, maximize, n_parameters
from gmm_em.covariance.registry import STRUCTURES, get_structure
from tests.paths import ROOT

KINDS = sorted(STRUCTURES)


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
    roots = np.sqrt(best.weights)
    for _ in range(50):
        free = 0.05 * rng.normal(size=structure.n_parameters(3, 3))
        step = np.tril(structure.to_log_factors(free, roots, 3))
        factors = best.scale_trils @ (np.eye(3) + step)
        covariances = factors @ factors.transpose(0, 2, 1)
        compact = structure.compact(covariances)
        family = structure.expand(compact, 3, 3)
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


@pytest.mark.parametrize("kind", KINDS)
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


def test_a_structure_of_one_s_own(make_mixture, faithful):
    class Round(type(get_structure("spherical"))):
        """Equal volumes, too (mclust's EII)."""

        name = "round"

        def covariances(self, counts, scatter, total):
            d = scatter.shape[1]
            return np.repeat(scatter.sum() / (d * total) * np.eye(d)[None], len(counts), axis=0)

        def n_parameters(self, n_components, n_features):
            return 1

        def to_log_factors(self, free, roots, n_features):
            return super().to_log_factors(np.repeat(free, len(roots)) * roots, roots, n_features)

        def from_log_factors(self, gradient, roots):
            return (super().from_log_factors(gradient, roots) * roots).sum(keepdims=True)

    result = fit_em(faithful, 2, covariance_type=Round(), random_state=0)
    assert result.covariance_type == "round"
    variances = result.mixture.covariances[:, [0, 1], [0, 1]]
    np.testing.assert_allclose(variances, variances[0, 0])
    assert (
        result.log_likelihood
        < fit_em(faithful, 2, covariance_type="spherical", random_state=0).log_likelihood
    )


def test_unknown_structures_are_refused():
    for bad in ("fulll", None, 3):
        with pytest.raises(ValueError, match="covariance_type must be one of"):
            get_structure(bad)
    assert isinstance(get_structure("full"), CovarianceStructure)
    assert repr(get_structure("tied")) == "Tied()"


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_moments_that_a_structure_needs(make_mixture, kind):
    matrices = make_mixture(3, 4).covariances
    expected = {
        "full": matrices,
        "tied": matrices[0] + matrices[1] + matrices[2],
        "diag": np.array([np.diag(matrix) for matrix in matrices]),
    }
    reduced = get_structure(kind).reduce(matrices)
    np.testing.assert_allclose(reduced, expected.get(kind, expected["diag"]), rtol=1e-15)
