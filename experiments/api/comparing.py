"""`compare` and `compare_fits`: what a notebook calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast, overload

from experiments.analysis.analyse import Terms, analyse
from experiments.analysis.thresholds import thresholds_with
from experiments.api.comparison import Comparison
from experiments.api.components import ComponentsComparison
from experiments.core.progress import Report, silent
from experiments.datasets.dataset import Dataset, from_arrays
from experiments.engines.contract import Fit
from experiments.engines.fit import fit_engines
from experiments.selection.auto import BAYES_AUTO, choose_by_posterior
from experiments.selection.choose import choose
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
    X_test: object = None,
    engines: Sequence[str] | None = None,
    covariance_type: str = "full",
    seed: int = 0,
    progress: Report = silent,
    thresholds: Mapping[str, Sequence[float]] | None = None,
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
    X_test : array_like or DataFrame of shape (n_test, n_features), optional
        Rows held out, for the log-likelihood only.
    engines : sequence of str, optional
        Names of engines: ``"em"``, ``"bayes"``, ``"bayes-auto"``, ``"sklearn"``,
        ``"sklearn-bayes"``, ``"kmeans"``, or one that another package registers. By default
        ``("em", "bayes")``, with "auto" ``("em", "bayes-auto")``.
    covariance_type : {"full", "tied", "diag", "spherical"}
        What the covariances of every fit leave free, as in scikit-learn.
    seed : int
        Determines every random number.
    progress : callable
        Called with (stage, done, total) as the work goes on.
    thresholds : mapping of str to (warn, fail), optional
        Entries that replace those of `experiments.analysis.thresholds.THRESHOLDS`.
    **options
        Settings of an engine under its name, as in a config's table of that name:
        ``em={"n_init": 50}, bayes={"draws": 2000, "prior": {"eta": 2.0}}``.

    Returns
    -------
    Comparison
        If `n_components` is a number.
    ComponentsComparison
        If it is a sequence or "auto".

    Raises
    ------
    UsageError
        A ValueError in one sentence, if the data, the number of components or an option cannot
        be used.
    """
    dataset = from_arrays(X, X_test, truth)
    thresholds_with(thresholds or {})
    terms = Terms(seed=seed, covariance_type=covariance_type, thresholds=thresholds or {})
    automatic = isinstance(n_components, str) and n_components == "auto"
    if engines is None:
        engines = ("em", BAYES_AUTO) if automatic else ("em", "bayes")
    if automatic:
        choice = choose_by_posterior(dataset, engines, options, terms, progress)
        return ComponentsComparison.of(choice)
    if isinstance(n_components, Iterable) and not isinstance(n_components, str):
        choice = choose(dataset, list(n_components), engines, options, terms, progress)
        return ComponentsComparison.of(choice)
    # Whatever else it is, the first check refuses what is no number.
    count = cast("int", n_components)
    fits = fit_engines(dataset, count, engines, options, seed, progress, covariance_type)
    return Comparison.of(analyse(dataset, fits, terms))


def compare_fits(
    dataset: Dataset,
    fits: Mapping[str, Fit],
    *,
    experiment: str = "",
    seed: int = 0,
    covariance_type: str = "full",
    thresholds: Mapping[str, Sequence[float]] | None = None,
    illustrated: bool = True,
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
    covariance_type : {"full", "tied", "diag", "spherical"}
        What the covariances of all fits leave free.
    thresholds : mapping of str to (warn, fail), optional
        Entries that replace those of `experiments.analysis.thresholds.THRESHOLDS`.
    illustrated : bool, default True
        Whether to choose what the report draws, and to say why a value is null; without it there
        is no report.
    """
    terms = Terms(experiment, seed, covariance_type, thresholds or {})
    return Comparison.of(analyse(dataset, fits, terms, illustrated=illustrated))
