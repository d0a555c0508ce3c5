"""What a comparison does otherwise where the rows are many: the table of limits, and the choices.

A choice depends on the numbers of rows, features, components and draws only, never on the machine
or on how busy it is, so that the same config gives the same numbers everywhere. Seconds are those
of one processor where the cost model was measured (`experiments.engines.costs`). A setting that the
user has named is never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.analysis.hills import MOST_PARAMETERS
from experiments.config.engines import NOT_BY_GIBBS, BayesSettings, EMSettings
from experiments.datasets.dataset import Dataset
from experiments.engines.bayes import BayesEngine
from experiments.engines.bayes_auto import USUAL_NUMBER
from experiments.engines.em import EMEngine
from experiments.engines.registry import make_engine
from experiments.values.by_size import SizeChoice
from experiments.values.comparison import LeaveOneOutValues
from gmm_bayes.space.structures import get_structure
from gmm_em.covariance.registry import NAMES
from gmm_em.parameter_names import ParameterLayout


@dataclass(frozen=True)
class Limit:
    """A limit beyond which something is done otherwise.

    Attributes
    ----------
    value : float
    why : str
        What it is a limit of, and why it stands where it stands.
    """

    value: float
    why: str


LIMITS = {
    "posterior": Limit(
        60.0,
        "Seconds of a processor that NUTS may take. Beyond, either its chains are shorter or the "
        "Gibbs sampler draws the posterior. Chains of NUTS are 500 draws after 500 of tuning, and "
        "beyond this limit again 250 after 250: four of these gave 745 effective draws and more at "
        "5 000 × 3 and K = 3, where components are apart and where they overlap. Diagnostics ask "
        "for 400, and the Monte Carlo error of a mean is then 4 % of its standard deviation.",
    ),
    "gibbs": Limit(
        1.0,
        "Share of the time that NUTS would take with those shorter chains. The Gibbs sampler draws "
        "the posterior instead where it takes less, with its usual draws, and prior and structure "
        "allow it. Processor seconds and fewest effective draws were 12 and 1 831 "
        "against 16 and 703 of NUTS at 20 000 × 3 and K = 3, and 10 and 2 931 against 95 and 644 "
        "at 4 000 × 10 and K = 5. It is tuned for 500 iterations: at 5 000 × 3 and K = 3, where "
        "components overlap, chains of three seeds were as good as after 1 000, with R-hat at most "
        "1.007 and 837 effective draws at least. With 500 draws, too, R-hat was up to 1.015.",
    ),
    "bootstrap": Limit(
        10.0,
        "Seconds of a processor that the bootstrap of EM may take. Beyond, standard errors are "
        "those of the information matrix, which needs one pass over the rows. A bootstrap of 200 "
        "has a relative error of 5 % itself, 1 / sqrt(2 × 200). With so many rows the information "
        "is nearer than that where the components are Gaussian, and the sandwich beside it "
        "shows where they are not.",
    ),
    "row scores": Limit(
        1e8,
        "Densities of rows at draws, which take 26 ns each together with their smoothing. Beyond, "
        "rows are scored at random, as many as the next line says.",
    ),
    "rows scored": Limit(
        10_000,
        "Rows that are scored. The sum over all is estimated from how their scores differ from the "
        "density at the posterior mean, which all rows have. At 20 000 × 3 the error of that was "
        "a thousandth of the standard error of leave-one-out itself.",
    ),
}
"""Every limit, with its reason."""

LADDER = ((500, 500), (250, 250))
"""Draws and tuning iterations of a chain of NUTS, from step to step."""

ROW_SCORES = "row scores"
"""The subject of what is said of a sample of the rows."""

TUNE_OF_GIBBS = 500
"""Tuning iterations of a chain of Gibbs."""


@dataclass(frozen=True)
class Size:
    """What the choices depend on.

    Attributes
    ----------
    n_samples, n_features : int
    n_components : int
        The largest number that is fitted.
    structures : tuple of str
        Of the covariances.
    has_missing : bool
    """

    n_samples: int
    n_features: int
    n_components: int
    structures: tuple[str, ...] = ("full",)
    has_missing: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """N, D and K."""
        return self.n_samples, self.n_features, self.n_components

    @classmethod
    def of(cls, dataset: Dataset, n_components: object, structures: object) -> Size | None:
        """Return the size of what is to be fitted; None of what no engine would fit.

        Parameters
        ----------
        dataset : Dataset
        n_components : int, sequence of int or str
            As `experiments.compare` takes it, not checked yet; a word stands for about three.
        structures : str or sequence of str
        """
        numbers: list[Any] = (
            [USUAL_NUMBER] if isinstance(n_components, str) else _several(n_components)
        )
        kinds = [structures] if isinstance(structures, str) else _several(structures)
        whole = all(isinstance(number, int | np.integer) and number >= 1 for number in numbers)
        if not (numbers and kinds and whole and set(kinds) <= set(NAMES)):
            return None
        n_samples, n_features = dataset.X.shape
        return cls(
            n_samples,
            n_features,
            int(max(numbers)),
            tuple(map(str, kinds)),
            dataset.has_missing,
        )


@dataclass(frozen=True)
class ChosenSettings:
    """Settings that engines have by the size of the data.

    Attributes
    ----------
    settings : mapping of str to mapping
        By engine; those that differ from the usual ones.
    choices : tuple of SizeChoice
        What an answer says of them.
    """

    settings: Mapping[str, Mapping[str, Any]]
    choices: tuple[SizeChoice, ...]

    @classmethod
    def none(cls) -> ChosenSettings:
        """Return that everything is done as usual."""
        return cls({}, ())

    def added_to(self, options: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Return the options of engines with these settings among them."""
        found = {name: dict(table) for name, table in options.items()}
        for name, table in self.settings.items():
            found[name] = {**found.get(name, {}), **table}
        return found


def _several(given: object) -> list[Any]:
    return list(given) if isinstance(given, Iterable) else [given]


def settings_by_size(
    size: Size | None, engines: Sequence[str], named: Mapping[str, Mapping[str, Any]]
) -> ChosenSettings:
    """Choose how the engines em and bayes work on data of a size.

    Parameters
    ----------
    size : Size or None
        Nothing is chosen for None.
    engines : sequence of str
        Those that are fitted.
    named : mapping of str to mapping
        The settings that the user has named, by engine; none of them is changed.

    Raises
    ------
    UsageError
        If a setting is not allowed.
    """
    if size is None:
        return ChosenSettings.none()
    settings: dict[str, dict[str, Any]] = {}
    choices: list[SizeChoice] = []
    for name, choose in (("em", _of_em), ("bayes", _of_bayes)):
        if name in engines:
            for table, choice in choose(size, named.get(name, {})):
                settings[name] = {**settings.get(name, {}), **table}
                choices.append(choice)
    return ChosenSettings(settings, tuple(choices))


Chosen = Iterator[tuple[dict[str, Any], SizeChoice]]


def _of_em(size: Size, named: Mapping[str, Any]) -> Chosen:
    """Leave out the bootstrap where it would take long and the information can be had."""
    engine = make_engine("em", named)
    assert isinstance(engine, EMEngine)
    n_free = max(
        ParameterLayout(size.n_components, size.n_features, structure).n_free
        for structure in size.structures
    )
    known = not size.has_missing and n_free <= MOST_PARAMETERS
    if "n_bootstrap" in named or not known:
        return
    if engine.bootstrap_seconds(*size.shape) > LIMITS["bootstrap"].value:
        usual = EMSettings().n_bootstrap
        yield (
            {"n_bootstrap": 0},
            SizeChoice(
                subject="standard errors",
                text="EM's standard errors are those of the information matrix, without "
                f"intervals: {usual} bootstrap fits would each read all rows many times.",
                usual={"em.n_bootstrap": usual},
            ),
        )


def _of_bayes(size: Size, named: Mapping[str, Any]) -> Chosen:
    """Choose how long chains of NUTS are, or the Gibbs sampler."""
    limit, lengths = LIMITS["posterior"].value, dict[str, int]()
    if named.get("sampler", "nuts") != "nuts" or _seconds(size, named) <= limit:
        return
    for draws, tune in LADDER:
        steps = {"draws": draws, "tune": tune}
        lengths = {key: value for key, value in steps.items() if key not in named}
        nuts = _seconds(size, {**named, **lengths})
        if nuts <= limit:
            break
    if "sampler" not in named and _gibbs_can(size, named):
        found = {"sampler": "gibbs", "tune": TUNE_OF_GIBBS, **named}
        gibbs = _seconds(size, found)
        if gibbs < LIMITS["gibbs"].value * nuts:
            chosen = {key: found[key] for key in ("sampler", "tune") if key not in named}
            # NUTS named alone would have shorter chains: what is usual has its lengths, too.
            usual = [key for key in ("sampler", "draws", "tune") if key not in named]
            yield chosen, _told_of_gibbs(nuts / gibbs, {**named, **lengths}, usual)
            return
    if lengths:
        yield lengths, _told_of_lengths({**named, **lengths}, list(lengths))


def _told_of_gibbs(times: float, table: Mapping[str, Any], unnamed: Sequence[str]) -> SizeChoice:
    """Say that the Gibbs sampler draws the posterior, and not chains of NUTS of some length."""
    length, usual = _lengths(table), BayesSettings()
    tuned = f" after {TUNE_OF_GIBBS} iterations of tuning" if "tune" in unnamed else ""
    return SizeChoice(
        subject="sampler",
        text=f"The Gibbs sampler draws the posterior{tuned}: NUTS, which draws the same, would "
        f"take about {times:.1f} times as long for {length.draws} draws a chain after "
        f"{length.tune} of tuning.",
        usual={f"bayes.{key}": getattr(usual, key) for key in unnamed},
    )


def _told_of_lengths(table: Mapping[str, Any], chosen: Sequence[str]) -> SizeChoice:
    """Say how long chains are, and how long they usually are."""
    usual, found = BayesSettings(), _lengths(table)
    return SizeChoice(
        subject="draws",
        text=f"Each chain has {found.draws} draws after {found.tune} of tuning, not {usual.draws} "
        f"after {usual.tune}: each costs a pass over all rows, and fewer are enough where the "
        "posterior is near normal.",
        usual={f"bayes.{key}": getattr(usual, key) for key in chosen},
    )


def _lengths(table: Mapping[str, Any]) -> BayesSettings:
    """Return settings with the lengths of chains in a table, and else the usual ones."""
    lengths = {key: table[key] for key in ("draws", "tune") if key in table}
    return BayesSettings().model_copy(update=lengths)


def _seconds(size: Size, table: Mapping[str, Any]) -> float:
    engine = make_engine("bayes", table)
    assert isinstance(engine, BayesEngine)
    return engine.usual_seconds(*size.shape)


def _gibbs_can(size: Size, named: Mapping[str, Any]) -> bool:
    """Whether the Gibbs sampler draws under the prior with every one of the structures."""
    engine = make_engine("bayes", named)
    assert isinstance(engine, BayesEngine)
    if any(get_structure(structure).decomposed for structure in size.structures):
        return False
    return engine.options.prior.kind not in NOT_BY_GIBBS


def rows_scored(n_samples: int, n_draws: int) -> int:
    """Return how many rows are scored at every draw: all, or a sample.

    Parameters
    ----------
    n_samples : int
    n_draws : int
        Of all chains.
    """
    if n_samples * n_draws <= LIMITS["row scores"].value:
        return n_samples
    return min(n_samples, int(LIMITS["rows scored"].value))


def told_of_scores(n_scored: int, errors: Sequence[LeaveOneOutValues] | None = None) -> SizeChoice:
    """Say that a sample of the rows is scored, and how large the error of that is.

    Parameters
    ----------
    n_scored : int
    errors : sequence of LeaveOneOutValues, optional
        Of every number of components; empty where there are too few draws for leave-one-out. None
        before anything is fitted.
    """
    both = f"Leave-one-out and the posterior's predictive density rest on {n_scored} rows"
    if errors is None:
        said = f"{both} drawn at random."
    elif not errors:
        said = f"The posterior's predictive density rests on {n_scored} rows drawn at random."
    elif len(errors) == 1:
        said = (
            f"{both} drawn at random: to the standard error of leave-one-out, {errors[0].se:.3g}, "
            f"that adds an error of {errors[0].sampling_se or 0.0:.2g}."
        )
    else:
        least, most = min(one.se for one in errors), max(one.se for one in errors)
        added = max(one.sampling_se or 0.0 for one in errors)
        said = (
            f"{both} drawn at random: to the standard errors of leave-one-out, {least:.3g} to "
            f"{most:.3g}, that adds errors of at most {added:.2g}."
        )
    return SizeChoice(subject=ROW_SCORES, text=said)
