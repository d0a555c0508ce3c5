"""What must not change a comparison: names of components, and units of the data."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.api.comparing import compare_fits
from experiments.datasets.dataset import Dataset
from experiments.engines.contract import Fit
from experiments.values.parameters import Parameters, combine
from gmm_bayes import MixtureDraws
from gmm_em import Mixture
from tests.experiments.made import made_bayes, made_em, perturbed

TRUTH = Mixture(
    [0.2, 0.5, 0.3],
    [[0.0, 0.0], [3.0, 0.5], [0.0, 4.0]],
    [np.eye(2), [[1.0, 0.4], [0.4, 0.8]], [[0.5, 0.0], [0.0, 1.5]]],
)
# In the data's units, or relative to a norm that knows them.
WITH_UNITS = ("mean_euclidean", "covariance_bures", "covariance_relative_frobenius")


def made_dataset(rng):
    X, X_test = (TRUTH.sample(n, rng)[0] for n in (250, 90))
    return Dataset("made", X, ("u", "v"), X_test, TRUTH)


def made_fits(rng):
    return {
        "em": made_em(perturbed(TRUTH, rng, 0.05)),
        "bayes": made_bayes(perturbed(TRUTH, rng, 0.03), rng, n_draws=60),
        "sklearn": Fit(mixture=perturbed(TRUTH, rng, 0.2), seconds=0.1),
    }


@pytest.fixture(scope="module")
def dataset():
    return made_dataset(np.random.default_rng(3))


@pytest.fixture(scope="module")
def fits():
    return made_fits(np.random.default_rng(4))


@pytest.fixture(scope="module")
def plain(dataset, fits):
    return compare_fits(dataset, fits)


def same(found, expected, rel=1e-9, absolute=1e-9, without=()):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if not any(part in name for part in without):
            assert found[name] == pytest.approx(value, rel=rel, abs=absolute), name


@pytest.mark.parametrize("side", ["em", "bayes", "sklearn"])
def test_relabelling_a_fit_changes_nothing_at_all(dataset, fits, plain, side):
    moved = compare_fits(dataset, {**fits, side: fits[side].reorder([2, 0, 1])})
    found, expected = moved.to_dict(), plain.to_dict()
    # What a sum over components is rounded to depends on their order.
    assert found["engines"][side]["mixture"] == expected["engines"][side]["mixture"]
    assert [f["text"] for f in found["verdict"]] == [f["text"] for f in expected["verdict"]]
    same(moved.summary, plain.summary)


def test_relabelling_the_truth_moves_components_and_no_number(dataset, fits, plain):
    order = [1, 2, 0]
    moved = compare_fits(replace(dataset, truth=TRUTH.permute(order)), fits)
    same(moved.summary, plain.summary)
    for name, engine in moved.engines.items():
        means = np.array(plain.engines[name].mixture.means)
        assert np.array_equal(engine.mixture.means, means[order])
        for metric, values in engine.errors.items():
            before = plain.engines[name].errors[metric]
            expected = np.asarray(before)[order] if isinstance(before, list) else before
            assert np.allclose(values, expected, rtol=1e-12), metric


def test_identical_mixtures_are_at_distance_zero_and_agree_perfectly(dataset):
    exact = Fit(mixture=TRUTH.permute([2, 1, 0]), seconds=0.0)
    comparison = compare_fits(dataset, {"sklearn": exact, "kmeans": exact})
    for engine in comparison.engines.values():
        for name, values in engine.errors.items():
            assert np.allclose(values, 0, atol=1e-7), name
        for name, found in engine.density_errors.items():
            assert found.value == pytest.approx(0, abs=1e-12), name
        assert (engine.clustering.adjusted_rand, engine.clustering.agreement) == (1.0, 1.0)
        assert engine.clustering.regret == 0.0
        assert engine.matching.distance == pytest.approx(0, abs=1e-12)
    for difference in comparison.log_likelihood.differences:
        assert difference.mean == pytest.approx(0, abs=1e-12)
        assert difference.se == pytest.approx(0, abs=1e-12)


def in_units(fit: Fit, shift: np.ndarray, scale: np.ndarray) -> Fit:
    """The same fit of the same rows in other units."""
    outer = np.outer(scale, scale)

    def spread(values: Parameters) -> Parameters:
        return Parameters(values.weights, values.means * scale, values.covariances * outer)

    def place(values: Parameters) -> Parameters:
        return combine(np.add, spread(values), Parameters(0.0, shift, 0.0))

    draws = fit.draws
    return replace(
        fit,
        mixture=fit.mixture.affine(shift, scale),
        uncertainty=None if fit.uncertainty is None else spread(fit.uncertainty),
        intervals={
            level: (place(lower), place(upper)) for level, (lower, upper) in fit.intervals.items()
        },
        draws=None
        if draws is None
        else MixtureDraws(draws.weights, draws.means * scale + shift, draws.covariances * outer),
    )


@pytest.mark.parametrize("scale", [(4.0, 4.0), (1e-3, 50.0)])
def test_units_change_only_what_is_measured_in_them(dataset, fits, plain, scale):
    scale, shift = np.array(scale), np.array([-20.0, 3.0])
    moved = compare_fits(
        replace(
            dataset,
            X=dataset.X * scale + shift,
            X_test=dataset.X_test * scale + shift,
            truth=TRUTH.affine(shift, scale),
        ),
        {name: in_units(fit, shift, scale) for name, fit in fits.items()},
    )
    per_row = np.log(scale).sum()
    for name, value in plain.summary.items():
        found = moved.summary[name]
        rows = {"train": len(dataset.X), "test": len(dataset.X_test), "elpd": len(dataset.X)}
        if (kind := name.rpartition(".")[2]) in rows:
            # The density itself is per unit of volume.
            assert found + rows[kind] * per_row == pytest.approx(value, rel=1e-8), name
        elif not any(part in name for part in WITH_UNITS):
            # EM restarted from the draws stops within its tolerance.
            assert found == pytest.approx(value, rel=1e-6, abs=1e-6), name
    assert moved.certificate.em_mode_unvisited == plain.certificate.em_mode_unvisited
    found, expected = (
        [difference.mean for difference in c.log_likelihood.differences_test]
        for c in (moved, plain)
    )
    assert found == pytest.approx(expected, rel=1e-7)
