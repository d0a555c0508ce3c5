"""`compare` and `compare_fits`: what a notebook calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast, overload

import numpy as np

from experiments.analysis.analyse import Terms, analyse
from experiments.analysis.by_size import ChosenSettings, Size, settings_by_size
from experiments.analysis.thresholds import thresholds_with
from experiments.api.comparison import Comparison
from experiments.api.components import ComponentsComparison
from experiments.config.experiment import structures_meant
from experiments.core.errors import UsageError
from experiments.core.progress import Report, silent
from experiments.datasets.dataset import Dataset, from_arrays
from experiments.engines.contract import Fit
from experiments.engines.fit import fit_engines
from experiments.engines.given import given_fits
from experiments.selection.any_choice import AUTO, choose_any, is_choice
from experiments.selection.auto import BAYES_AUTO
from gmm_em import Mixture


# The parameters are written once, in the implementation. The overloads say what it returns: one
# number of components gives a comparison, several give a choice among them.
@overload
def compare(X: object, n_components: int, **options: Any) -> Comparison: ...
@overload
def compare(
    X: object, n_components: Sequence[int] | str, **options: Any
) -> ComponentsComparison: ...
def compare(  # noqa: PLR0913 - a public face: the caller names its options
    X: object,
    n_components: int | Sequence[int] | str,
    *,
    truth: Mixture | None = None,
    labels: object = None,
    X_test: object = None,
    engines: Sequence[str] | None = None,
    fits: Mapping[str, object] | None = None,
    covariance_type: str | Sequence[str] = "full",
    seed: int = 0,
    progress: Report = silent,
    thresholds: Mapping[str, Sequence[float]] | None = None,
    full: bool = False,
    **options: Mapping[str, Any],
) -> Comparison | ComponentsComparison:
    """Fit the same data by several engines and compare what they found.

    Parameters
    ----------
    X : array_like or DataFrame of shape (n_samples, n_features)
        The rows to fit.
    n_components : int, sequence of int or "auto"
        Number of mixture components. If there are several, each is fitted and compared, and every
        criterion says which it chooses. With "auto" the number is drawn from its posterior, and the
        probable ones are fitted and compared.
    truth : Mixture, optional
        The mixture that the data were drawn from, where it is known.
    labels : str or array_like of shape (n_samples,), optional
        Classes of the rows that are known, or the name of the column of `X` that has them. No fit
        is told; the clusters are compared with them.
    X_test : array_like or DataFrame of shape (n_test, n_features), optional
        Rows held out, for the log-likelihood only.
    engines : sequence of str, optional
        Names of engines: ``"em"``, ``"bayes"``, ``"bayes-auto"``, ``"sklearn"``,
        ``"sklearn-bayes"``, ``"kmeans"``, or one that another package registers. By default
        ``("em", "bayes")``, with "auto" ``("em", "bayes-auto")``.
    fits : mapping of str to object, optional
        Fits of the same rows that somebody else made, by the names that the comparison gives them:
        a fitted mixture of scikit-learn, a `gmm_em.Mixture`, draws as a triple of weights, means
        and covariances (one leading axis for draws, or two for chains and draws), or a DataTree in
        ArviZ's schema with these in its posterior. With ``engines=()`` only they are compared.
    covariance_type : str or sequence of str
        What the covariances of every fit leave free, by a name of scikit-learn or of mclust;
        "all" stands for the fourteen. If there are several, EM fits each with each number of
        components, BIC chooses one, and the best few numbers of components with it are then fitted
        by every engine.
    seed : int
        Determines every random number.
    progress : callable
        Called with (stage, done, total) as the work goes on.
    thresholds : mapping of str to (warn, fail), optional
        Entries that replace those of `experiments.analysis.thresholds.THRESHOLDS`.
    full : bool, default False
        Whether rows are treated in full however many they are. Otherwise, where there are many,
        settings of "em" and "bayes" that `options` do not name follow from the size of the data,
        and some rows stand for all in leave-one-out; `Comparison.choices` says which.
    **options
        Settings of an engine under its name, as in a config's table of that name:
        ``em={"n_init": 50}, bayes={"draws": 2000, "prior": {"eta": 2.0}}``.

    Returns
    -------
    Comparison
        If `n_components` is a number.
    ComponentsComparison
        If it is a sequence or "auto", or `covariance_type` is a sequence or "all".

    Raises
    ------
    UsageError
        A ValueError in one sentence, if the data, the number of components or an option cannot
        be used.
    """
    dataset = from_arrays(X, X_test, truth, labels=labels)
    thresholds_with(thresholds or {})
    _check_full(full)
    if engines is None:
        automatic = isinstance(n_components, str) and n_components == AUTO
        engines = ("em", BAYES_AUTO) if automatic else ("em", "bayes")
    given = dict(fits or {})
    if twice := sorted(set(given) & set(engines)):
        raise UsageError(f"fits['{twice[0]}']: an engine has this name, allowed is another one")
    covariance_type = structures_meant(covariance_type)
    chosen = ChosenSettings.none()
    if not full:
        size = Size.of(dataset, n_components, covariance_type)
        chosen = settings_by_size(size, engines, options)
        options = dict(chosen.added_to(options))
    terms = Terms(seed=seed, thresholds=thresholds or {}, full=full, choices=chosen.choices)
    if is_choice(n_components, covariance_type):
        if given:
            raise UsageError("fits: allowed where n_components and covariance_type are one each")
        choice = choose_any(
            dataset, n_components, covariance_type, engines, options, terms, progress
        )
        return ComponentsComparison.of(choice)
    # Whatever else they are, the first check refuses what is no number and no structure.
    number, structure = cast("int", n_components), cast("str", covariance_type)
    own = given_fits(given, dataset, number, structure)
    made = fit_engines(dataset, number, engines, options, seed, progress, structure)
    terms = replace(terms, covariance_type=structure)
    return Comparison.of(analyse(dataset, {**made, **own}, terms))


def compare_fits(
    dataset: Dataset,
    fits: Mapping[str, Fit],
    *,
    experiment: str = "",
    seed: int = 0,
    covariance_type: str = "full",
    thresholds: Mapping[str, Sequence[float]] | None = None,
    illustrated: bool = True,
    full: bool = False,
) -> Comparison:
    """Compare ready fits of one data set.

    Parameters
    ----------
    dataset : Dataset
    fits : mapping of str to Fit
        By engine; all with the same number of components, at least one.
    experiment : str
        Name of the experiment; by default the data set's.
    seed : int
        The seed that the fits were made with, for the record.
    covariance_type : str
        What the covariances of all fits leave free.
    thresholds : mapping of str to (warn, fail), optional
        Entries that replace those of `experiments.analysis.thresholds.THRESHOLDS`.
    illustrated : bool, default True
        Whether to choose what the report draws, and to say why a value is null; without it there
        is no report.
    full : bool, default False
        Whether all rows are scored, however many they are.

    Raises
    ------
    UsageError
        If an option is not allowed.
    """
    _check_full(full)
    terms = Terms(experiment, seed, covariance_type, thresholds or {}, full)
    return Comparison.of(analyse(dataset, fits, terms, illustrated=illustrated))


def _check_full(full: object) -> None:
    """Refuse a word, which would be true whatever it says."""
    if not isinstance(full, bool | np.bool):
        raise UsageError(f"full is {full!r}, allowed is True or False")
