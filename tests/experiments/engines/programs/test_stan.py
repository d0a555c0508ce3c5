"""Engine stan, with a program of Python's name that answers what PyStan found.

`record_stan` wrote its answers, `tests/data/stan*`, and says how that is repeated.
"""

import json
import re
import sys

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import dirichlet, invwishart, multivariate_normal, norm

from experiments.core.errors import FitError, UsageError
from experiments.engines import check_port, fit_engines, needs
from experiments.engines.programs import stan_engine
from experiments.engines.registry import STAN, engine_versions, load_engine
from gmm_bayes import InverseWishartPrior, LKJPrior, ModelInNumbers
from tests.experiments.engines.programs.cases import PRIORS, ROWS, means_and_errors, rows_of
from tests.experiments.engines.programs.record_stan import FEW, POSTERIORS, SUMMARY, digest
from tests.paths import DATA

RECORDED = json.loads(SUMMARY.read_text(encoding="utf-8"))
ANSWER = '#!/bin/sh\nif [ "$1" = -c ]; then echo 3.14.0; exit; fi\n{end}\n'


@pytest.fixture
def python(tmp_path, monkeypatch):
    """Name a Python that has PyStan and notes its task, and answers."""

    def answer(end):
        program, task = tmp_path / "python", tmp_path / "task.json"
        program.write_text(ANSWER.format(end=f'cp "$2" "{task}"; {end}'))
        program.chmod(0o755)
        monkeypatch.setenv(STAN.variable, str(program))
        return task

    return answer


def answered(name):
    """The command that gives what Stan found."""
    return f'cp "{DATA / f"stan_{name}.npz"}" "$3"'


@pytest.mark.parametrize("kind", sorted(RECORDED["programs"]))
def test_a_stan_program_is_the_one_that_was_run(kind):
    text = stan_engine.program_of(kind)
    assert "#include" not in text
    assert digest(text) == RECORDED["programs"][kind], "run record_stan, which says how"


@pytest.mark.parametrize("name", [*PRIORS, "lkj of one feature"])
def test_stan_states_the_same_model_under_every_prior(python, name):
    task = python(answered(f"density_{name.replace(' ', '_')}"))
    rows, prior = (ROWS, PRIORS[name]) if name in PRIORS else (ROWS[:, :1], LKJPrior())
    check = check_port("stan", rows, 2, prior)
    assert check.agrees, check
    assert len(check.theirs) == 50
    asked = json.loads(task.read_text())
    declared = re.search(r"^data \{(.*?)^\}", asked["program"], re.DOTALL | re.MULTILINE)
    names = set(re.findall(r"(\w+)(?=[,;])", re.sub(r"<.*?>|\[.*?\]", "", declared[1])))
    assert set(asked["data"]) == names


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_wrong_port_to_stan_is_caught(python, factor):
    python(answered("density_inverse-wishart"))
    own = ModelInNumbers.of(ROWS, 2, PRIORS["inverse-wishart"]).hyperparameters["nu"]
    assert not check_port("stan", ROWS, 2, InverseWishartPrior(nu=factor * own + 1.0)).agrees


def test_the_answers_of_stan_are_those_of_scipy_for_the_program_that_it_ran(python):
    task = python(answered("density_inverse-wishart"))
    check_port("stan", ROWS, 2, PRIORS["inverse-wishart"])
    asked = json.loads(task.read_text())
    data, points = asked["data"], asked["points"]
    x = np.array(data["x"])

    def log_density(point):
        parts = list(zip(point["means"], point["covariances"], strict=True))
        terms = [multivariate_normal(mean, covariance).logpdf(x) for mean, covariance in parts]
        rows = logsumexp(np.array(terms) + np.log(point["weights"])[:, None], axis=0).sum()
        prior = dirichlet([data["concentration"]] * data["K"]).logpdf(point["weights"])
        for mean, covariance in parts:
            prior += norm(data["mean_loc"], data["mean_scale"]).logpdf(mean).sum()
            prior += invwishart(data["nu"], data["psi"]).logpdf(covariance)
        return rows + prior

    by_scipy = np.array([log_density(point) for point in points])
    with np.load(DATA / "stan_density_inverse-wishart.npz") as answer:
        apart = answer["log_density"] - by_scipy
    assert np.ptp(apart) < 1e-10 * np.abs(by_scipy).max()


def test_draws_are_told_apart_by_chain_and_come_back_in_the_units_of_the_data(python):
    task = python(answered("draws"))
    dataset, k = rows_of("old-faithful")
    fit = fit_engines(dataset, k, ["stan"], {"stan": {**FEW, "target_accept": 0.9}}, 1)["stan"]
    assert (fit.title, fit.draws.weights.shape) == ("Stan", (2, 10, 2))
    # The mean of all rows is the mixture's, but for a few of its standard errors.
    overall = np.einsum("csk,cskd->d", fit.draws.weights, fit.draws.means) / 20
    error = dataset.X.std(axis=0) / np.sqrt(len(dataset.X))
    assert (np.abs(overall - dataset.X.mean(axis=0)) < 3.0 * error).all()
    assert fit.diagnostics["n_divergent"] is not None
    assert fit.model.kind == "inverse-wishart"
    asked = json.loads(task.read_text())
    assert asked["settings"] == {"num_warmup": 40, "num_samples": 10, "delta": 0.9}
    assert [sorted(start) for start in asked["starts"]] == [["covariances", "means", "weights"]] * 2
    assert 0 <= asked["seed"] < 2**31


def test_what_goes_wrong_in_stan_is_one_sentence(python):
    python("echo 'Traceback' >&2; echo 'ImportError: undefined symbol' >&2; exit 1")
    with pytest.raises(FitError, match="Stan ended with: ImportError: undefined symbol"):
        fit_engines(*rows_of("old-faithful"), ["stan"], {"stan": FEW}, 1)


def test_where_pystan_is_not_installed_one_line_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.delenv(STAN.variable, raising=False)
    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as told:
        load_engine("stan")
    assert str(told.value) == (
        "engine 'stan' needs the library pystan, which is not installed: pip install "
        "'gmm-compare[stan]' with Python 3.12, or set GMM_COMPARE_STAN_PYTHON to the path of a "
        "Python that has pystan"
    )
    monkeypatch.setenv(STAN.variable, str(tmp_path / "none"))
    with pytest.raises(UsageError, match="none is no Python that can be run"):
        load_engine("stan")
    lacking = tmp_path / "lacking"
    lacking.write_text("#!/bin/sh\necho\n")
    lacking.chmod(0o755)
    monkeypatch.setenv(STAN.variable, str(lacking))
    with pytest.raises(UsageError, match=f"needs pystan, which {lacking} lacks"):
        load_engine("stan")


def test_the_version_is_that_of_the_python_which_has_it(python):
    python("exit 1")
    assert engine_versions(["stan"]) == {"stan": "pystan==3.14.0"}
    assert STAN.python != sys.executable


@pytest.mark.slow
@pytest.mark.parametrize(("name", "n_parameters"), [("old-faithful", 11), ("quickstart", 17)])
def test_stan_drew_the_same_posterior(name, n_parameters):
    # Of 28 means in all, one beyond 4 errors is a false alarm in 2 of 1000 seeds.
    dataset, k = rows_of(name)
    settings = {"draws": 300, "tune": 300, "chains": 4}
    ours = fit_engines(dataset, k, ["bayes"], {"bayes": settings}, 1)["bayes"]
    means, errors = means_and_errors(ours.draws)
    theirs = RECORDED["posteriors"][name]
    z = (np.array(theirs["means"]) - means) / np.hypot(errors, theirs["errors"])
    assert len(z) == n_parameters
    assert np.abs(z).max() < 4.0
    assert theirs["n_divergent"] == 0
    assert set(RECORDED["posteriors"]) == set(POSTERIORS)
