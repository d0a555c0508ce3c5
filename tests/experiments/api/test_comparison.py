import io
import json
import pickle
from dataclasses import replace
from importlib import resources

import jsonschema
import numpy as np
import pytest
from rich.console import Console

from experiments.analysis.thresholds import THRESHOLDS
from experiments.api.comparing import compare, compare_fits
from experiments.api.comparison import Comparison
from experiments.core.errors import UsageError
from experiments.datasets.dataset import Dataset
from experiments.engines.contract import Fit
from experiments.engines.fit import fit_engines
from gmm_bayes import MixtureDraws
from gmm_em import Mixture, fit_em
from tests.conftest import random_mixture
from tests.experiments.made import made_bayes, made_em


def printed(comparison: Comparison) -> str:
    stream = io.StringIO()
    Console(width=80, file=stream).print(comparison)
    return stream.getvalue()


@pytest.fixture(scope="module")
def truth() -> Mixture:
    return Mixture(
        [0.2, 0.5, 0.3],
        [[0.0, 0.0], [4.0, 0.0], [0.0, 5.0]],
        [np.eye(2), [[1.0, 0.4], [0.4, 0.8]], [[0.5, 0.0], [0.0, 1.5]]],
    )


@pytest.fixture(scope="module")
def dataset(truth) -> Dataset:
    rng = np.random.default_rng(20261121)
    X, X_test = (truth.sample(n, rng)[0] for n in (300, 100))
    return Dataset("made", X, ("u", "v"), X_test, truth)


@pytest.fixture(scope="module")
def fits(truth, dataset):
    rng = np.random.default_rng(20261122)
    best = fit_em(dataset.X, 3, init=truth).mixture
    return {
        "em": made_em(best.permute([1, 2, 0]), sd=0.2),
        "bayes": made_bayes(best.permute([2, 0, 1]), rng),
    }


@pytest.fixture(scope="module")
def comparison(dataset, fits) -> Comparison:
    """Compare once: the tests that look at it leave it as it is."""
    return compare_fits(dataset, fits, experiment="made", seed=3)


def test_every_engine_stands_in_the_order_of_the_truth(comparison, truth):
    for engine in comparison.engines.values():
        assert np.allclose(engine.mixture.means, truth.means, atol=0.2)
        assert np.allclose(engine.mixture.weights, truth.weights, atol=0.1)
        assert np.all(np.array(engine.intervals.lower.means) < engine.mixture.means)
    for mixture in comparison.illustration.posterior_mixtures:
        assert np.allclose(mixture.means, truth.means, atol=0.3)


def test_without_truth_components_stand_by_decreasing_weight_of_em(dataset, fits):
    comparison = compare_fits(replace(dataset, truth=None), fits)
    weights = comparison.engines["em"].mixture.weights
    assert weights == sorted(weights, reverse=True)
    assert np.allclose(comparison.engines["bayes"].mixture.weights, weights, atol=0.1)
    assert comparison.truth is None
    assert comparison.engines["em"].errors is None


def test_log_likelihoods_are_sums_over_rows(comparison, dataset, truth):
    found = comparison.log_likelihood
    assert found.truth.train == pytest.approx(truth.log_prob(dataset.X).sum())
    assert found.truth.test == pytest.approx(truth.log_prob(dataset.X_test).sum())
    draws = comparison.fits["bayes"].draws
    each = [draws[i].log_likelihood(dataset.X) for i in range(len(draws))]
    assert found.bayes.draws.mean == pytest.approx(np.mean(each))
    assert found.bayes.draws.sd == pytest.approx(np.std(each, ddof=1))
    assert found.bayes.draws.max == pytest.approx(np.max(each))
    assert found.bayes.draws.min == pytest.approx(np.min(each))
    assert found.em == comparison.engines["em"].log_likelihood


def test_agreement_is_measured_in_posterior_standard_deviations(comparison):
    agreement, em, bayes = comparison.agreement, *comparison.engines.values()
    expected = (np.array(em.mixture.means) - bayes.mixture.means) / bayes.uncertainty.means
    assert np.allclose(agreement.z_scores.means, expected)
    assert agreement.n_parameters == 2 + 6 + 9
    every = np.concatenate(
        [
            np.ravel(agreement.z_scores.weights),
            np.ravel(agreement.z_scores.means),
            np.ravel(agreement.z_scores.covariances),
        ]
    )
    assert agreement.max_abs_z == pytest.approx(np.abs(every).max())


def test_json_round_trip_is_exact_and_holds_no_nan(comparison):
    text = comparison.to_json()
    assert Comparison.from_dict(json.loads(text)) == comparison
    assert "NaN" not in text
    assert "Infinity" not in text
    assert json.loads(text)["schema_version"] == 2


def test_a_comparison_can_be_pickled_with_its_fits(dataset):
    comparison = compare(dataset.X, 2, truth=dataset.truth, engines=["em"], em={"n_bootstrap": 0})
    back = pickle.loads(pickle.dumps(comparison))
    assert back == comparison
    steps, again = (value.fits["em"].steps() for value in (comparison, back))
    assert steps.keys() == again.keys()
    for run, found in steps.items():
        assert [step.log_likelihood for step in found] == [s.log_likelihood for s in again[run]]


def test_intervals_and_their_coverage_follow_the_truth(comparison, truth):
    em = comparison.engines["em"]
    assert [interval.level for interval in (em.intervals, *em.more_intervals)] == [0.95, 0.5, 0.8]
    for coverage in em.coverage:
        interval = next(i for i in (em.intervals, *em.more_intervals) if i.level == coverage.level)
        inside = sum(
            np.sum((np.array(lower) <= true) & (true <= np.array(upper)))
            for lower, true, upper in (
                (interval.lower.weights, truth.weights, interval.upper.weights),
                (interval.lower.means, truth.means, interval.upper.means),
            )
        )
        tril = np.tril_indices(2)
        for k in range(3):
            lower, upper = (
                np.array(side.covariances[k])[tril] for side in (interval.lower, interval.upper)
            )
            true = truth.covariances[k][tril]
            inside += np.sum((lower <= true) & (true <= upper))
        assert coverage.n_inside == inside
        assert coverage.n_parameters == 18


def test_density_and_clustering_are_compared_with_the_truth(comparison):
    for engine in comparison.engines.values():
        assert 0 < engine.density_errors["hellinger"].value < 0.1
        assert abs(engine.density_errors["kl"].value) < 0.1
        assert engine.clustering.adjusted_rand > 0.9
        assert engine.clustering.regret < 0.01


def test_paired_differences_are_those_of_the_rows(comparison, dataset, truth):
    em = comparison.fits["em"].mixture
    gap = truth.log_prob(dataset.X_test) - em.log_prob(dataset.X_test)
    found = comparison.log_likelihood.differences_test[0]
    assert (found.first, found.second) == ("truth", "em")
    assert found.mean == pytest.approx(gap.mean())
    assert found.se == pytest.approx(gap.std(ddof=1) / 10)
    assert len(comparison.log_likelihood.differences) == 3


def test_table_has_a_row_for_every_parameter(comparison):
    table = comparison.table()
    assert list(table.columns) == ["truth", "em", "em_sd", "bayes", "bayes_sd"]
    assert len(table) == 3 + 6 + 9
    assert table.loc["mean[2, 1]", "truth"] == 4.0
    assert table.loc["covariance[2, 2, 1]", "truth"] == 0.4


def test_terminal_table_fits_80_columns_and_shows_everything(comparison):
    text = printed(comparison)
    assert max(map(len, text.splitlines())) <= 80
    for expected in ("truth", "EM ± se", "posterior ± sd", "weights", "2, v, u", "held-out rows"):
        assert expected in text
    for finding in comparison.verdict:
        assert finding.text.split()[0] in text


def test_a_local_optimum_is_caught_by_a_better_draw(dataset, fits, rng):
    lost = replace(fits["em"], mixture=random_mixture(rng, 3, 2))
    comparison = compare_fits(dataset, {**fits, "em": lost})
    assert comparison.certificate.better_by > 0
    finding = {finding.id: finding for finding in comparison.verdict}["certificate"]
    assert finding.level == "fail"
    assert comparison.verdict[0].level == "fail", "the gravest come first"


def test_a_collapsed_posterior_is_not_held_against_em(dataset, fits):
    bayes = fits["bayes"]
    covariances = bayes.draws.covariances.copy()
    covariances[0, :, 2] *= 1e-13
    draws = MixtureDraws(bayes.draws.weights, bayes.draws.means, covariances)
    comparison = compare_fits(dataset, {**fits, "bayes": replace(bayes, draws=draws)})
    levels = {finding.id: finding.level for finding in comparison.verdict}
    assert levels["posterior-collapsed"] == "fail"
    assert "agreement" not in levels
    assert comparison.headline.believe == "em"
    assert comparison.certificate.n_collapsed == draws.n_draws


@pytest.mark.parametrize(
    ("engine", "key", "value", "identity", "level"),
    [
        ("bayes", "max_r_hat", 1.02, "posterior-r-hat", "warn"),
        ("bayes", "max_r_hat", 1.3, "posterior-r-hat", "fail"),
        ("bayes", "min_ess_bulk", 300.0, "posterior-ess", "warn"),
        ("bayes", "min_ess_tail", 50.0, "posterior-ess", "fail"),
        ("bayes", "n_divergent", 40, "posterior-divergences", "fail"),
        ("em", "n_best", 1, "em-optimum", "warn"),
        ("em", "converged", False, "em-optimum", "fail"),
        ("em", "spurious", "a component rests on three rows", "em-optimum", "fail"),
    ],
)
def test_poor_diagnostics_are_told(dataset, fits, comparison, engine, key, value, identity, level):
    assert {finding.id: finding.level for finding in comparison.verdict}[identity] == "ok"
    poor = replace(fits[engine], diagnostics={**fits[engine].diagnostics, key: value})
    found = compare_fits(dataset, {**fits, engine: poor})
    assert {finding.id: finding.level for finding in found.verdict}[identity] == level


def test_chains_in_different_modes_are_not_averaged_silently(dataset, fits):
    apart = {**fits["bayes"].diagnostics, "label_free": {"log_likelihood": {"r_hat": 1.8}}}
    comparison = compare_fits(dataset, {**fits, "bayes": replace(fits["bayes"], diagnostics=apart)})
    levels = {finding.id: finding.level for finding in comparison.verdict}
    assert levels["posterior-modes"] == "fail"
    assert "agreement" not in levels
    assert comparison.headline.reason == "posterior-fails"


def test_every_threshold_is_used(comparison):
    seen = {finding.id for finding in comparison.verdict}
    only_if_so = {"several-modes", "rows", "support", "outliers", "prior", "loo"}
    only_if_so |= {"posterior-collapsed", "posterior-modes", "posteriors"}
    assert set(THRESHOLDS) - seen == only_if_so


def test_one_component_has_nothing_to_disagree_about_in_its_weight(rng):
    one = Mixture([1.0], [[0.0]], [[[1.0]]])
    dataset = Dataset("one", one.sample(50, rng)[0], ("u",))
    comparison = compare_fits(dataset, {"em": made_em(one), "bayes": made_bayes(one, rng)})
    assert comparison.agreement.n_parameters == 2
    assert comparison.agreement.sd_ratios.weights == [1.0]
    for name in ("em", "bayes"):
        matching = comparison.engines[name].matching
        assert (matching.ambiguity, matching.draws_ambiguity) == (0.0, None)
        assert (matching.second_distance, matching.uncertain) == (None, [])


def test_one_component_is_matched_with_its_truth_beyond_doubt(rng):
    one = Mixture([1.0], [[0.0]], [[[1.0]]])
    dataset = Dataset("one", one.sample(50, rng)[0], ("u",), truth=one)
    near = Mixture([1.0], [[0.1]], [[[1.1]]])
    fits = {"em": made_em(near), "bayes": made_bayes(near, rng)}
    for engine in compare_fits(dataset, fits).engines.values():
        assert engine.matching.partners == [1]
        assert engine.matching.distance > 0
        assert engine.matching.second_distance is None
        assert (engine.matching.ambiguity, engine.matching.draws_ambiguity) == (0.0, None)


def test_rows_held_out_are_counted_and_none_are_none(dataset, fits):
    found = compare_fits(dataset, fits)
    assert found.dataset.n_test == 100
    assert found.engines["em"].log_likelihood.test is not None
    found = compare_fits(replace(dataset, X_test=None), fits)
    assert found.dataset.n_test == 0
    assert found.engines["em"].log_likelihood.test is None
    assert found.log_likelihood.differences_test == []


@pytest.mark.parametrize("kept", [[1], [2, 0], [1, 2, 0, 3, 4]])
def test_a_truth_with_another_number_of_components_is_matched_as_far_as_it_goes(
    dataset, fits, truth, kept
):
    """The truth has the fits' components `kept`; numbers from 3 are far from any of theirs."""
    far = Mixture([0.5, 0.5], [[40.0, 0.0], [0.0, 60.0]], [np.eye(2)] * 2)
    weights = np.concatenate([truth.weights, far.weights])[kept]
    other = Mixture(
        weights / weights.sum(),
        np.concatenate([truth.means, far.means])[kept],
        np.concatenate([truth.covariances, far.covariances])[kept],
    )
    comparison = compare_fits(replace(dataset, truth=other), fits)
    shared = [place for place, k in enumerate(kept) if k < 3]
    extra = 3 - len(shared)
    for engine in comparison.engines.values():
        assert engine.matching.partners == [t + 1 for t in shared] + [None] * extra
        assert engine.matching.unmatched == list(range(len(shared) + 1, 4))
        assert engine.matching.missing == [t + 1 for t, k in enumerate(kept) if k >= 3]
        near = engine.errors["mean_euclidean"]
        assert [t for t, value in enumerate(near) if value is not None] == shared
        assert max(value for value in near if value is not None) < 0.2
        assert engine.coverage is None
        assert np.allclose(
            np.array(engine.mixture.means)[: len(shared)], other.means[shared], atol=0.2
        )
        # What has no counterpart counts in full among the weights.
        lost = sum(other.weights[t] for t, k in enumerate(kept) if k >= 3)
        assert engine.errors["weight_total_variation"] >= lost - 1e-9
    last = comparison.engines["em"].mixture.weights[len(shared) :]
    assert last == sorted(last, reverse=True)
    table = comparison.table()
    assert table["truth"].notna().sum() == len(shared) * 6
    assert max(map(len, printed(comparison).splitlines())) <= 80
    assert comparison.log_likelihood.truth.train == pytest.approx(other.log_likelihood(dataset.X))


def test_every_null_in_the_file_has_a_reason(dataset, fits):
    def nulls(value, path):
        if value is None:
            yield path
        for key, part in (
            value.items()
            if isinstance(value, dict)
            else enumerate(value)
            if isinstance(value, list)
            else ()
        ):
            yield from nulls(part, f"{path}.{key}".strip("."))

    sklearn = Fit(mixture=fits["em"].mixture, seconds=0.1, diagnostics={"n_iter": None})
    for chosen, data in (
        ({"em": fits["em"]}, replace(dataset, truth=None, X_test=None)),
        ({"sklearn": sklearn}, dataset),
        (fits, replace(dataset, truth=Mixture([1.0], [[0.0, 0.0]], [np.eye(2)]))),
    ):
        comparison = compare_fits(data, chosen)
        for path in nulls(comparison.to_dict(), ""):
            above = [path]
            while "." in above[-1]:
                above.append(above[-1].rpartition(".")[0])
            assert any(comparison.reasons.get(part) for part in above), path


def test_engines_can_be_compared_alone(dataset, fits):
    alone = compare_fits(dataset, {"bayes": fits["bayes"]})
    assert alone.agreement is None
    assert alone.certificate is None
    assert alone.log_likelihood.em is None
    assert compare_fits(dataset, {"em": fits["em"]}).log_likelihood.bayes is None
    with pytest.raises(UsageError, match="at least one"):
        compare_fits(dataset, {})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0, ["em"], {}), "n_components = 0: allowed is 1 to 300"),
        ((-2, ["em"], {}), "n_components = -2"),
        ((301, ["em"], {}), "n_components = 301: allowed is 1 to 300"),
        ((2.5, ["em"], {}), "n_components = 2.5: allowed is a whole number"),
        ((2, ["flexmix"], {}), "engine 'flexmix' is not known, allowed is em, bayes, bayes-auto"),
        ((2, ["em"], {"em": {"n_inti": 3}}), "em: unknown key 'n_inti', did you mean 'n_init'"),
        ((2, ["em"], {"em": {"n_init": "3"}}), "em: n_init = '3': allowed is a whole number"),
        ((2, ["em"], {"bayes": {}}), "options for 'bayes', allowed is em"),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_any_work(dataset, arguments, expected):
    with pytest.raises(UsageError, match=expected):
        fit_engines(dataset, *arguments, seed=0)


def test_thresholds_can_be_replaced(dataset, fits, comparison):
    size = comparison.agreement.max_abs_z
    strict = compare_fits(dataset, fits, thresholds={"agreement": [size / 3, size / 2]})
    levels = {finding.id: finding.level for finding in strict.verdict}
    assert levels["agreement"] == "fail"
    with pytest.raises(UsageError, match=r"thresholds\.agreeement: no such threshold, allowed is"):
        compare_fits(dataset, fits, thresholds={"agreeement": [1, 2]})
    for wrong in ([1], [1, 2, 3], [float("nan"), 1]):
        with pytest.raises(UsageError, match=r"allowed is two numbers"):
            compare_fits(dataset, fits, thresholds={"agreement": wrong})


def test_shipped_schema_describes_the_comparison_and_is_up_to_date(comparison):
    shipped = json.loads(
        resources.files("experiments.values").joinpath("comparison.schema.json").read_text()
    )
    assert shipped == Comparison.model_json_schema(mode="serialization")
    jsonschema.validate(comparison.to_dict(), shipped)
    damaged = comparison.to_dict()
    damaged["engines"]["em"]["mixture"]["weights"] = "half"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(damaged, shipped)


def test_nan_never_reaches_the_file(comparison):
    values = json.loads(comparison.to_json())
    values["engines"]["em"]["diagnostics"]["bic"] = float("nan")
    stored = json.loads(Comparison.from_dict(values).to_json())
    assert stored["engines"]["em"]["diagnostics"]["bic"] is None
    values["engines"]["em"]["mixture"]["weights"][0] = float("nan")
    with pytest.raises(ValueError, match="finite"):
        Comparison.from_dict(values)
