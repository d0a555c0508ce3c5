"""The engines by name: ours, and those that other packages register."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from pydantic import ValidationError

from experiments.config.messages import describe
from experiments.core.errors import UsageError
from experiments.engines.contract import Engine
from experiments.engines.needs import Library, LibraryElsewhere, Need, Program

# The entry-point group under which other packages register engines.
GROUP = "gmm_compare.engines"
# The engines of this package, by the names that configs and files use.
OWN = {
    "em": "experiments.engines.em:EMEngine",
    "bayes": "experiments.engines.bayes:BayesEngine",
    "bayes-auto": "experiments.engines.bayes_auto:BayesAutoEngine",
    "sklearn": "experiments.engines.baselines:SklearnEngine",
    "sklearn-bayes": "experiments.engines.baselines:SklearnBayesEngine",
    "kmeans": "experiments.engines.baselines:KMeansEngine",
}
# Engines of this package that need a library or a program which is not among its dependencies.
OPTIONAL = {
    "numpyro": "experiments.engines.programs.numpyro_engine:NumPyroEngine",
    "blackjax": "experiments.engines.programs.blackjax_engine:BlackJAXEngine",
    "stan": "experiments.engines.programs.stan_engine:StanEngine",
    "mclust": "experiments.engines.programs.mclust_engine:MclustEngine",
    "gmmx": "experiments.engines.programs.gmmx_engine:GmmxEngine",
}
STAN = LibraryElsewhere("stan", "pystan", "stan", "GMM_COMPARE_STAN_PYTHON", "Python 3.12")
# What each of them needs.
NEEDS: dict[str, Need] = {
    "numpyro": Library("numpyro"),
    "blackjax": Library("blackjax"),
    "stan": STAN,
    "mclust": Program("Rscript", "install R, and type install.packages('mclust') in it"),
    "gmmx": Library("gmmx"),
}


@cache
def available_engines() -> dict[str, EntryPoint]:
    """Return every engine by name, this package's own last; nothing is imported yet."""
    own = {name: EntryPoint(name, value, GROUP) for name, value in {**OWN, **OPTIONAL}.items()}
    return {**{point.name: point for point in entry_points(group=GROUP)}, **own}


def load_engine(name: str) -> type[Engine]:
    """Import the engine of that name.

    Raises
    ------
    UsageError
        If there is none, or a library that it needs is not installed, or the package that
        registered it cannot be imported.
    """
    known = available_engines()
    if name not in known:
        raise UsageError(f"engine '{name}' is not known, allowed is {', '.join(known)}")
    if missing := what_is_missing(name):
        raise UsageError(f"engine '{name}' needs {missing}")
    try:
        return cast("type[Engine]", known[name].load())
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"engine '{name}' ({known[name].value}) cannot be loaded: {error}"
        ) from None


def what_is_missing(name: str) -> str:
    """Say what an engine of this package lacks here and how it is installed; nothing if it runs."""
    return NEEDS[name].missing() if name in NEEDS else ""


def make_engine(name: str, options: Mapping[str, Any]) -> Engine:
    """Make the engine of that name from its settings.

    Raises
    ------
    UsageError
        If there is no such engine, or a setting is not allowed.
    """
    kind = load_engine(name)
    try:
        settings = kind.settings.model_validate(_plain(options))
    except ValidationError as error:
        raise UsageError(f"{name}: {describe(error, kind.settings)}") from None
    return kind(settings)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Let a prior be given as an object as well as a table."""
    return {
        key: value.to_dict() if hasattr(value, "to_dict") else value
        for key, value in options.items()
    }


def engine_versions(names: Sequence[str]) -> dict[str, str]:
    """Return the versions of the packages that other engines than our own come from."""
    known = available_engines()
    found = {}
    for name in names:
        if name in NEEDS:
            if own := NEEDS[name].version():
                found[name] = own
            continue
        distribution = known[name].dist if name in known and name not in OWN else None
        if distribution is not None:
            found[name] = f"{distribution.name}=={distribution.version}"
    return found
