"""Every covariance structure through the whole comparison."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.mixture import GaussianMixture

from experiments.analysis.agreement import independent
from experiments.analysis.engine_result import has_structure
from experiments.api.comparing import compare, compare_fits
from experiments.cli import cli
from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.datasets.dataset import Dataset
from experiments.engines.fit import fit_engines
from experiments.values.parameters import Parameters, by_name, full_label
from gmm_em import Mixture, select
from gmm_em.inference.criteria import n_parameters
from gmm_em.parameter_names import ParameterLayout, ParameterName, all_names
from tests.paths import ROOT

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
    layout = ParameterLayout(n_components, n_features, kind)
    assert layout.n_free == n_parameters(n_components, n_features, kind)
    assert len(set(layout.names)) == len(layout.names)
    rng = np.random.default_rng(1)
    values = Parameters(
        rng.normal(size=n_components),
        rng.normal(size=(n_components, n_features)),
        rng.normal(size=(n_components, n_features, n_features)),
    )
    plain = {str(name): name.value(values) for name in all_names(n_components, n_features)}
    assert by_name(layout, values) == {str(name): plain[str(name)] for name in layout.names}
    assert independent(layout, values).shape == (layout.n_free,)
    assert set(map(str, ParameterLayout(n_components, n_features).names)) == set(plain)


def test_labels_say_what_an_entry_stands_for():
    def label(kind, name):
        return full_label(ParameterLayout(2, 2, kind), name, ["u", "v"])

    assert label("tied", "covariance[1, 2, 1]") == "covariance all, v, u"
    assert label("spherical", "covariance[2, 1, 1]") == "covariance 2, every feature"
    assert label("diag", "covariance[2, 2, 2]") == "covariance 2, v, v"
    assert label("full", "mean[2, 1]") == "mean 2, u"
    assert label("full", ParameterName("mean", 1, (0,))) == "mean 2, u"


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_comparison_keeps_to_the_structure(kind):
    truth = truth_of(kind)
    X, _ = truth.sample(400, 5)
    comparison = compare(
        X,
        2,
        truth=truth,
        covariance_type=kind,
        seed=3,
        engines=["em", "bayes", "sklearn", "sklearn-bayes", "kmeans"],
        em={"n_bootstrap": 40},
        bayes={
            "sampler": "gibbs",
            "prior": {"kind": "niw"},
            "draws": 400,
            "tune": 200,
            "chains": 2,
        },
    )
    layout = comparison.layout
    assert comparison.covariance_type == kind
    for name, engine in comparison.engines.items():
        assert has_structure(layout, np.array(engine.mixture.covariances)), name
    agreement, certificate = comparison.agreement, comparison.certificate
    n_free = n_parameters(2, 2, kind)
    assert agreement.n_parameters == certificate.n_parameters == n_free
    assert agreement.joint.n_parameters == comparison.engines["em"].diagnostics["n_parameters"]
    assert agreement.joint.n_parameters == n_free
    names = list(map(str, layout.names))
    assert agreement.parameters == names
    assert agreement.worst_parameter in names
    # Separated components at this size: all three standard errors are near the posterior's sd.
    assert 0.7 < agreement.median_sd_ratio < 1.4
    assert set(agreement.median_sd_ratio_by_method) == {"information", "sandwich"}
    for ratio in agreement.median_sd_ratio_by_method.values():
        assert 0.7 < ratio < 1.4
    assert certificate.better_by == 0
    assert 0.6 < certificate.deviance_mean / n_free < 1.6
    assert comparison.engines["em"].coverage[0].n_parameters == n_free + 1
    assert list(comparison.table().index) == names
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


def test_scikit_learn_fits_its_structures_by_mclust_s_names():
    X, _ = truth_of("diag").sample(100, 5)
    found = [
        compare(X, 2, covariance_type=kind, engines=["sklearn"]).engines["sklearn"].mixture
        for kind in ("VVI", "diag")
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", ["VVV", "EII", "EVI", "VEE", "VVE", "VEV"])
def test_em_and_k_means_fit_the_other_structures(kind):
    X, _ = truth_of("full").sample(200, 5)
    comparison = compare(
        X, 2, covariance_type=kind, engines=["em", "kmeans"], em={"n_bootstrap": 5}
    )
    layout = comparison.layout
    assert comparison.covariance_type == kind
    for name, engine in comparison.engines.items():
        assert has_structure(layout, np.array(engine.mixture.covariances)), name
    n_free = comparison.engines["em"].diagnostics["n_parameters"]
    assert n_free == n_parameters(2, 2, kind)
    assert list(comparison.table().index) == list(map(str, layout.names))


@pytest.mark.parametrize("kind", ["EEI", "VEI", "VEV"])
def test_em_and_the_posterior_agree_on_the_other_structures(kind):
    X, _ = truth_of("diag").sample(300, 5)
    comparison = compare(
        X,
        2,
        covariance_type=kind,
        seed=1,
        engines=["em", "bayes"],
        em={"n_bootstrap": 30},
        bayes={"draws": 400, "tune": 300, "chains": 2},
    )
    layout, n_free = comparison.layout, n_parameters(2, 2, kind)
    for name, engine in comparison.engines.items():
        # A mean of draws is in the family only where that is closed under means.
        assert name != "em" or has_structure(layout, np.array(engine.mixture.covariances))
    assert comparison.agreement.n_parameters == comparison.certificate.n_parameters == n_free
    assert comparison.agreement.joint.n_parameters == n_free
    # Separated components: twice the log-likelihood ratio of a draw is chi-squared on average.
    assert 0.6 < comparison.certificate.deviance_mean / n_free < 1.6
    assert comparison.agreement.joint.squared < 4.0 * n_free


@pytest.mark.parametrize("engine", ["sklearn", "sklearn-bayes"])
def test_engines_refuse_the_structures_that_they_do_not_have(engine):
    X, _ = truth_of("full").sample(50, 5)
    fits = "fits full, tied, diag, spherical"
    with pytest.raises(UsageError, match=f"'EEV': engine '{engine}' {fits}"):
        compare(X, 2, covariance_type="EEV", engines=["em", engine])


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


def test_of_several_structures_em_s_bic_chooses_one():
    X, _ = truth_of("spherical").sample(300, 5)
    found = compare(
        X,
        [1, 2],
        covariance_type=["full", "spherical", "EEV"],
        engines=["em"],
        em={"n_bootstrap": 0, "n_init": 3},
    )
    best = select(X, [1, 2], ["full", "spherical", "EEV"], n_init=3, random_state=0).best
    assert found.covariance_type == best.covariance_type == "spherical"
    assert found[2].covariance_type == "spherical"
    assert found.chosen["bic"] == best.n_components == 2
    said = {finding.id: finding for finding in found.verdict}["structure"]
    assert said.text.startswith("BIC chooses spherical covariances, with 2 components")
    assert said.value > 0


def test_one_number_and_several_structures_are_a_choice_too():
    X, _ = truth_of("tied").sample(200, 5)
    options = {"engines": ["em"], "em": {"n_bootstrap": 0, "n_init": 2}}
    found = compare(X, 2, covariance_type=["EEE", "VII"], **options)
    assert (found.n_components, found.covariance_type) == ([2], "EEE")


def test_a_structure_that_an_engine_does_not_fit_is_refused_before_the_choice():
    X, _ = truth_of("full").sample(50, 5)
    with pytest.raises(UsageError, match=r"covariance_type = 'EEV': engine 'sklearn' fits"):
        compare(X, [1, 2], covariance_type=["full", "EEV"], engines=["em", "sklearn"])


@pytest.mark.slow
def test_the_command_line_chooses_mclust_s_model_among_all(tmp_path):
    """On iris mclust chooses VEV with two components, BIC -561.7285 with its sign."""
    X = np.loadtxt(
        ROOT / "experiments" / "data" / "iris.csv", delimiter=",", skiprows=1, usecols=range(4)
    )
    table = tmp_path / "iris.csv"
    np.savetxt(table, X, delimiter=",", header="a,b,c,d", comments="")
    asked = ["fit", str(table), "-k", "1-3", "--covariance", "all", "--engines", "em"]
    asked += ["--set", "em.n_bootstrap=0", "--out", str(tmp_path / "run")]
    answer = CliRunner().invoke(cli, asked)
    assert answer.exit_code == 0, answer.output
    said = " ".join(answer.output.split())
    assert "BIC chooses VEV covariances, with 2 components" in said
    values = json.loads((tmp_path / "run" / "components.json").read_text())
    tried = values["structures"]["values"]
    assert len(tried) == 14 * 3
    page = (tmp_path / "run" / "report.html").read_text()
    assert "this section could not be drawn" not in page
    bic = next(found for found in values["criteria"] if found["id"] == "bic")
    assert (values["covariance_type"], bic["chosen"]) == ("VEV", 2)
    best = next(v for v in tried if (v["covariance_type"], v["n_components"]) == ("VEV", 2))
    assert best["worse_by"] == 0.0
    assert best["bic"] == pytest.approx(561.7285, abs=1e-3)
