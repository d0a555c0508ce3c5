"""Whether the numbers of a file go together: every list as long as the sizes that the file names.

A file that this program wrote always does. One that was edited, or put together from others, may
not, and would fail far from its cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized

from pydantic import BaseModel

from experiments.core.errors import UsageError
from experiments.values.base import ParameterValues
from experiments.values.clusters import ClusterValues
from experiments.values.comparison import ComparisonValues
from experiments.values.components import ComponentsValues
from experiments.values.illustration import Health, Illustration
from gmm_em.covariance.registry import NAMES


def refuse_disagreeing(found: ComparisonValues) -> None:
    """Refuse a comparison whose lists do not have the sizes that it names.

    Raises
    ------
    UsageError
        Naming the field, its length and the one allowed.
    """
    k, d = found.n_components, found.dataset.n_features
    _at_least_one("n_components", k)
    _at_least_one("dataset.n_features", d)
    _length("dataset.feature_names", found.dataset.feature_names, d)
    if found.covariance_type not in NAMES:
        raise UsageError(
            f"covariance_type = {found.covariance_type!r}: allowed is {', '.join(NAMES)}"
        )
    if not found.engines:
        raise UsageError("engines: none, allowed is at least one")
    for path, values in _parameters(found, ""):
        # Only the truth may have another number of components than the fits.
        own = len(values.weights) if path == "truth" else k
        _at_least_one(f"{path}.weights", own)
        _length(f"{path}.weights", values.weights, own)
        _length(f"{path}.means", values.means, own)
        _length(f"{path}.covariances", values.covariances, own)
        for mean in values.means:
            _length(f"{path}.means", mean, d)
        for matrix in values.covariances:
            _length(f"{path}.covariances", matrix, d)
            for row in matrix:
                _length(f"{path}.covariances", row, d)
    _check_illustration(found.illustration, k, d)
    for pair in found.posteriors:
        _known_engine("posteriors.first", pair.first, found)
        _known_engine("posteriors.second", pair.second, found)
        if pair.worst_parameter not in map(str, found.layout.names):
            raise UsageError(
                f"posteriors.worst_parameter = {pair.worst_parameter!r}: allowed is a parameter of "
                "the fits"
            )
    if found.clusters is not None:
        _check_clusters(found.clusters, found)


def refuse_disagreeing_choice(found: ComponentsValues) -> None:
    """Refuse a choice of a number of components whose criteria are not about the same numbers.

    Raises
    ------
    UsageError
        Naming the criterion.
    """
    counts = found.n_components
    if not counts or min(counts) < 1 or sorted(set(counts)) != counts:
        raise UsageError(f"n_components = {counts}: allowed are numbers of at least 1, ascending")
    for criterion in found.criteria:
        if [value.n_components for value in criterion.values] != counts:
            raise UsageError(f"criteria, {criterion.id}: not a value for each of {counts}")


def _parameters(value: object, path: str) -> Iterator[tuple[str, ParameterValues]]:
    """Yield every set of parameters within a value, with the dotted path to it."""
    if isinstance(value, ParameterValues):
        yield path, value
        return
    inner: Iterator[tuple[object, object]] = iter(())
    if isinstance(value, BaseModel):
        inner = ((name, getattr(value, name)) for name in type(value).model_fields)
    elif isinstance(value, Mapping):
        inner = iter(value.items())
    elif isinstance(value, list) and value and isinstance(value[0], BaseModel):
        inner = iter(enumerate(value))
    for name, part in inner:
        yield from _parameters(part, f"{path}.{name}" if path else str(name))


def _check_clusters(clusters: ClusterValues, found: ComparisonValues) -> None:
    _known_engine("clusters.engine", clusters.engine, found)
    known = clusters.classes
    if known is None:
        return
    for engine, agreement in known.engines.items():
        _known_engine("clusters.classes.engines", engine, found)
        _length(f"clusters.classes.engines.{engine}.counts", agreement.counts, len(known.names))
        for row in agreement.counts:
            _length(f"clusters.classes.engines.{engine}.counts", row, found.n_components)
    _length("clusters.classes.points", known.points, len(found.illustration.points))
    for place in known.points:
        if place is not None:
            _place("clusters.classes.points", place, len(known.names))


def _known_engine(name: str, engine: str, found: ComparisonValues) -> None:
    if engine not in found.engines:
        raise UsageError(f"{name} = {engine!r}: allowed is one of {', '.join(found.engines)}")


def _check_illustration(shown: Illustration, k: int, d: int) -> None:
    for row in shown.points:
        _length("illustration.points", row, d)
    for name, rows in shown.responsibilities.items():
        _length(f"illustration.responsibilities.{name}", rows, len(shown.points))
        for row in rows:
            _length(f"illustration.responsibilities.{name}", row, k)
    n_paths = len(shown.em_paths)
    _length("illustration.em_finished", shown.em_finished, n_paths)
    if shown.em_best_path is not None:
        _place("illustration.em_best_path", shown.em_best_path, n_paths)
    for number, path in enumerate(shown.em_paths):
        _at_least_one(f"illustration.em_paths.{number}", len(path))
    for steps in shown.em_steps:
        _place("illustration.em_steps: run", steps.run, n_paths)
        _at_least_one("illustration.em_steps: iterations", len(steps.iterations))
        _length("illustration.em_steps: mixtures", steps.mixtures, len(steps.iterations))
        _length(
            "illustration.em_steps: log_likelihoods", steps.log_likelihoods, len(steps.iterations)
        )
    if shown.health is not None:
        _check_health(shown.health, k, d)


def _check_health(health: Health, k: int, d: int) -> None:
    count = len(health.parameters)
    for name in ("r_hat", "ess_bulk", "ess_tail"):
        _length(f"illustration.health.{name}", getattr(health, name), count)
    if health.r_hat_before:
        _length("illustration.health.r_hat_before", health.r_hat_before, count)
    _place("illustration.health.switching_feature", health.switching_feature, d)
    _length("illustration.health.traces", health.traces, len(health.traced))
    _length("illustration.health.switching_after", health.switching_after, k)
    for chain in (chain for chains in health.traces for chain in chains):
        _length("illustration.health.traces", chain, len(health.draws))


def _length(name: str, values: Sized, allowed: int) -> None:
    if len(values) != allowed:
        raise UsageError(f"{name}: {len(values)} values, allowed is {allowed}")


def _place(name: str, place: int, count: int) -> None:
    if not 0 <= place < count:
        raise UsageError(f"{name} = {place}: allowed is 0 to {count - 1}")


def _at_least_one(name: str, count: int) -> None:
    if count < 1:
        raise UsageError(f"{name}: {count}, allowed is at least 1")
