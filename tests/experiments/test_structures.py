"""Every covariance structure through the whole comparison."""

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from experiments.api.comparing import compare, compare_fits
from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.datasets.dataset import Dataset
from experiments.engines.fit import fit_engines
from experiments.values.parameters import Layout, Parameters
from gmm_em import Mixture
from gmm_em.inference.criteria import n_parameters

KINDS = ["full", "tied", "diag", "spherical"]
COVARIANCES = {
    "full": [[[1.0, 0.4], [0.4, 2.0]], [[1.5, -0.3], [-0.3, 0.6]]],
    "tied": [[[1.0, 0.4], [0.4, 2.0]]] * 2,
    "diag": [[[1.0, 0.0], [0.0, 2.0]], [[1.5, 0.0], [0.0, 0.6]]],
    "spherical": [[[1.0, 0.0], [0.0, 1.0]], [[1.5, 0.0], [0.0, 1.5]]],
}


def truth_of(kind):
    return Mixture([0.6, 0.4], [[0.0, 0.0], [5.0, 4.0]], COVARIANCES[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (1, 3), (3, 1), (2, 2), (3, 4)])
def test_a_layout_counts_and_names_what_is_free(kind, n_components, n_features):
    layout = Layout(n_components, n_features, kind)
    assert layout.n_free == n_parameters(n_components, n_features, kind)
    assert len(set(layout.names)) == len(layout.names)
    rng = np.random.default_rng(1)
    values = Parameters(
        rng.normal(size=n_components),
        rng.normal(size=(n_components, n_features)),
        rng.normal(size=(n_components, n_features, n_features)),
    )
    plain = dict(values.free())
    assert layout.by_name(values) == {name: plain[name] for name in layout.names}
    assert layout.independent(values).shape == (layout.n_free,)
    assert set(Layout(n_components, n_features).names) == set(plain)


def test_labels_say_what_an_entry_stands_for():
    assert Layout(2, 2, "tied").label("covariance[1, 2, 1]", ["u", "v"]) == "all, v, u"
    assert Layout(2, 2, "spherical").label("covariance[2, 1, 1]", ["u", "v"]) == "2, every feature"
    assert Layout(2, 2, "diag").label("covariance[2, 2, 2]", ["u", "v"]) == "2, v, v"
    assert Layout(2, 2).label("mean[2, 1]", ["u", "v"]) == "2, u"


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_comparison_keeps_to_the_structure(kind):
    truth = truth_of(kind)
    X, _ = truth.sample(400, 5)
    comparison = compare(
        X, 2, truth=truth, covariance_type=kind, seed=3,
        engines=["em", "bayes", "sklearn", "sklearn-bayes", "kmeans"],
        em={"n_bootstrap": 40},
        bayes={"sampler": "gibbs", "prior": {"kind": "niw"}, "draws": 400, "tune": 200,
               "chains": 2},
    )  # fmt: skip
    layout = comparison.layout
    assert comparison.covariance_type == kind
    for name, engine in comparison.engines.items():
        assert layout.fits(np.array(engine.mixture.covariances)), name
    agreement, certificate = comparison.agreement, comparison.certificate
    n_free = n_parameters(2, 2, kind)
    assert agreement.n_parameters == certificate.n_parameters == n_free
    assert agreement.joint.n_parameters == comparison.engines["em"].diagnostics["n_parameters"]
    assert agreement.joint.n_parameters == n_free
    assert agreement.parameters == layout.names
    assert agreement.worst_parameter in layout.names
    # Separated components at this size: all three standard errors are near the posterior's sd.
    assert 0.7 < agreement.median_sd_ratio < 1.4
    assert set(agreement.median_sd_ratio_by_method) == {"information", "sandwich"}
    for ratio in agreement.median_sd_ratio_by_method.values():
        assert 0.7 < ratio < 1.4
    assert certificate.better_by == 0
    assert 0.6 < certificate.deviance_mean / n_free < 1.6
    assert comparison.engines["em"].coverage[0].n_parameters == n_free + 1
    assert list(comparison.table().index) == layout.names
    assert comparison.table()["truth"].notna().all()
    texts = {finding.id: finding.text for finding in comparison.verdict}
    assert f"all {n_free} parameters" in texts["agreement"]


def test_a_truth_of_another_structure_leaves_covariances_out_of_the_coverage():
    truth = truth_of("full")
    X, _ = truth.sample(300, 2)
    comparison = compare(
        X, 2, truth=truth, engines=["em"], covariance_type="tied", em={"n_bootstrap": 10}
    )
    assert {c.n_parameters for c in comparison.engines["em"].coverage} == {2 + 4}
    table = comparison.table()["truth"]
    assert table.filter(like="covariance").isna().all()
    assert table.filter(like="mean").notna().all()


@pytest.mark.parametrize("kind", KINDS)
def test_baselines_are_their_library_s(kind):
    X, _ = truth_of(kind).sample(200, 7)
    found = compare(X, 2, engines=["sklearn"], covariance_type=kind).fits["sklearn"].mixture
    seed = int(stream(0, "sklearn").generate_state(1)[0])
    expected = GaussianMixture(2, covariance_type=kind, random_state=seed).fit(X)
    assert found.log_prob(X) == pytest.approx(expected.score_samples(X))


def test_structures_are_checked_before_any_work():
    dataset = Dataset("made", np.zeros((20, 2)), ("u", "v"))
    with pytest.raises(UsageError, match=r"covariance_type = 'round': allowed is full, tied"):
        fit_engines(dataset, 2, ["em"], {}, 0, covariance_type="round")


def test_an_engine_that_does_not_declare_structures_is_given_full_ones_only(monkeypatch):
    class Plain:
        """As third parties wrote them before there were structures."""

        settings = __import__("experiments.config_base", fromlist=["Section"]).Section

        def __init__(self, options):
            self.options = options

        def fit(self, X, n_components, seed, progress):
            from experiments.engines.contract import Fit

            return Fit(mixture=truth_of("full"), seconds=0.0)

    monkeypatch.setattr("experiments.engines.registry.load_engine", lambda name: Plain)
    X, _ = truth_of("full").sample(50, 1)
    dataset = Dataset("made", X, ("u", "v"))
    assert compare_fits(dataset, fit_engines(dataset, 2, ["plain"], {}, 0)).n_components == 2
    with pytest.raises(UsageError, match=r"covariance_type = 'diag': engine 'plain' fits full"):
        fit_engines(dataset, 2, ["plain"], {}, 0, covariance_type="diag")
