import importlib
import pkgutil
import subprocess
import sys

import pytest

import gmm_em
from tests.paths import ROOT

FACE = {
    "Bootstrap",
    "Candidate",
    "ConjugatePrior",
    "ConvergenceWarning",
    "CovarianceStructure",
    "DegenerateError",
    "EMResult",
    "GaussianMixtureEM",
    "InformationError",
    "Mixture",
    "Moments",
    "NotFittedError",
    "Optimum",
    "ParameterArrays",
    "PartialStart",
    "Run",
    "Selection",
    "StandardErrors",
    "Unseen",
    "bootstrap",
    "expect",
    "fit_blocks",
    "fit_em",
    "maximize",
    "n_parameters",
    "score",
    "select",
    "standard_errors",
}


def printed(code):
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip()


def test_every_public_name_is_defined_where_the_door_says():
    # `__module__` of an object is where it was defined, not where it was imported.
    assert set(gmm_em.__all__) == set(gmm_em._HOMES) == FACE
    for name in FACE:
        assert getattr(gmm_em, name).__module__ == f"gmm_em.{gmm_em._HOMES[name]}"
        assert name in dir(gmm_em)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'gmm_em' has no attribute 'fit_ems'"):
        gmm_em.fit_ems  # noqa: B018


def test_a_name_loads_what_it_needs_and_no_more():
    code = (
        "import sys, gmm_em; gmm_em.Mixture;"
        "print([m for m in sys.modules if m.startswith('gmm_em.') and 'fitting' in m])"
    )
    assert printed(code) == "[]"


def test_nothing_but_numpy_and_scipy_is_imported():
    modules = [module.name for module in pkgutil.walk_packages(gmm_em.__path__, "gmm_em.")]
    assert len(modules) > 40
    for name in modules:
        importlib.import_module(name)
    code = (
        f"import importlib, sys; [importlib.import_module(name) for name in {modules}];"
        "import gmm_em; gmm_em.GaussianMixtureEM(1).fit([[0.], [1.], [3.]]);"
        "known = {'numpy', 'scipy', 'gmm_em'} | sys.stdlib_module_names;"
        "found = {name.split('.')[0] for name in sys.modules} - known;"
        "print(sorted(n for n in found if n in "
        "{'sklearn', 'pandas', 'threadpoolctl', 'pymc', 'arviz', 'xarray', 'numba', 'dask', "
        "'array_api_compat', 'plotly', 'rich'}))"
    )
    assert printed(code) == "[]"
