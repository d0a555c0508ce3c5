"""The comparison: from fits, and a truth where there is one, to a plain value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from pydantic import PrivateAttr

from experiments.agreement import agree, joint_distance
from experiments.certificate import certify
from experiments.datasets import Dataset, from_arrays
from experiments.engines import Fit, fit_engines
from experiments.errors import UsageError
from experiments.illustration import NOTHING, illustrate
from experiments.likelihoods import RowScores, log_likelihoods
from experiments.matching import in_one_order
from experiments.metrics import DensityComparison
from experiments.parameters import Layout
from experiments.plots import Plots
from experiments.predictive import score
from experiments.progress import Report, silent
from experiments.reasons import null_reasons
from experiments.results import engine_result
from experiments.rows import true_values
from experiments.schema import DatasetInfo, ParameterValues
from experiments.streams import stream
from experiments.summary import summarise
from experiments.verdict import Judge, thresholds_with
from gmm_em import Mixture

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console, ConsoleOptions, RenderResult

    from experiments.components import ComponentsComparison

DENSITY_SAMPLES = 20_000
SCHEMA_FILE = "comparison.schema.json"


class Comparison(Plots):
    """What the fits say about the data and about each other.

    A plain value: its fields are those of `comparison.json` and survive the round trip through
    it. A comparison made in this process also remembers the `fits` it was made from; one that
    was read back does not.
    """

    _fits: Mapping[str, Fit] = PrivateAttr(default_factory=dict)
    _row_scores: RowScores = PrivateAttr(default_factory=RowScores)

    @property
    def fits(self) -> Mapping[str, Fit]:
        """The fits compared, by engine; empty when the comparison was read from a file."""
        return self._fits

    @property
    def seconds(self) -> dict[str, float]:
        """Wall-clock seconds of each engine's fit."""
        return {name: engine.seconds for name, engine in self.engines.items()}

    @property
    def row_scores(self) -> RowScores:
        """Log scores row by row; empty when the comparison was read from a file."""
        return self._row_scores

    def __eq__(self, other: object) -> bool:
        """Equal values: where a comparison came from makes no difference."""
        return isinstance(other, Comparison) and self.__dict__ == other.__dict__

    def table(self) -> pd.DataFrame:
        """Return one row per parameter: truth, and each engine's estimate and uncertainty.

        Columns are ``truth`` where it is known, and for each engine its name and its name with
        ``_sd`` (EM: bootstrap standard error; posterior: standard deviation).
        """
        import pandas as pd

        columns: dict[str, dict[str, float]] = {}
        if self.truth is not None:
            columns["truth"] = true_values(self)
        for name, engine in self.engines.items():
            columns[name] = self.layout.by_name(engine.mixture.arrays())
            if engine.uncertainty is not None:
                columns[f"{name}_sd"] = self.layout.by_name(engine.uncertainty.arrays())
        return pd.DataFrame(columns, index=self.layout.names).rename_axis("parameter")

    def report(self, path: str | Path) -> Path:
        """Write the self-contained HTML page and return its path."""
        from experiments.report.page import write_report

        return write_report(self, Path(path))

    def save(self, directory: str | Path) -> Path:
        """Write `comparison.json`, `report.html` and, where there is one, `posterior.nc`.

        The directory appears whole or not at all; an earlier run in its place is moved aside,
        never overwritten. Returns the directory.
        """
        from experiments.store import write_run

        return write_run(Path(directory), self)

    def write_into(self, folder: Path) -> None:
        """Write `comparison.json` and, where there is one, `posterior.nc` into a folder."""
        from experiments.store import COMPARISON, POSTERIOR

        (folder / COMPARISON).write_text(self.to_json() + "\n", encoding="utf-8")
        for fit in self.fits.values():
            if fit.posterior is not None:
                fit.posterior.to_netcdf(folder / POSTERIOR, engine="h5netcdf")

    def _repr_html_(self) -> str:
        from experiments.report.notebook import comparison_html

        return comparison_html(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from experiments.table import render

        yield from render(self)


@overload
def compare(
    X: object,
    n_components: int,
    *,
    truth: Mixture | None = None,
    X_test: object = None,
    engines: Sequence[str] = ("em", "bayes"),
    covariance_type: str = "full",
    seed: int = 0,
    progress: Report = silent,
    thresholds: Mapping[str, Sequence[float]] | None = None,
    **options: Mapping[str, Any],
) -> Comparison: ...


@overload
def compare(
    X: object,
    n_components: Sequence[int],
    *,
    truth: Mixture | None = None,
    X_test: object = None,
    engines: Sequence[str] = ("em", "bayes"),
    covariance_type: str = "full",
    seed: int = 0,
    progress: Report = silent,
    thresholds: Mapping[str, Sequence[float]] | None = None,
    **options: Mapping[str, Any],
) -> ComponentsComparison: ...


def compare(
    X: object,
    n_components: int | Sequence[int],
    *,
    truth: Mixture | None = None,
    X_test: object = None,
    engines: Sequence[str] = ("em", "bayes"),
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
    n_components : int or sequence of int
        Number of mixture components. Of several numbers, each is fitted and compared, and every
        criterion says which it chooses.
    truth : Mixture, optional
        The mixture that the data were drawn from, where it is known.
    X_test : array_like or DataFrame of shape (n_test, n_features), optional
        Rows held out, for the log-likelihood only.
    engines : sequence of str
        Names of engines: ``"em"``, ``"bayes"``, ``"sklearn"``, ``"sklearn-bayes"``, ``"kmeans"``,
        or one that another package registers.
    covariance_type : {"full", "tied", "diag", "spherical"}
        What the covariances of every fit leave free, as in scikit-learn.
    seed : int
        Determines every random number.
    progress : callable
        Called with (stage, done, total) as the work goes on.
    thresholds : mapping of str to (warn, fail), optional
        Entries that replace those of `experiments.verdict.THRESHOLDS`.
    **options
        Settings of an engine under its name, as in a config's table of that name:
        ``em={"n_init": 50}, bayes={"draws": 2000, "prior": {"eta": 2.0}}``.

    Returns
    -------
    Comparison
        Of one number of components.
    ComponentsComparison
        Of a sequence of them.

    Raises
    ------
    UsageError
        A ValueError in one sentence, if the data, the number of components or an option cannot
        be used.
    """
    dataset = from_arrays(X, X_test, truth)
    thresholds_with(thresholds or {})
    if isinstance(n_components, Iterable) and not isinstance(n_components, str):
        from experiments.components import compare_components

        return compare_components(
            dataset, list(n_components), engines, options, seed=seed,
            covariance_type=covariance_type, thresholds=thresholds, progress=progress,
        )  # fmt: skip
    fits = fit_engines(dataset, n_components, engines, options, seed, progress, covariance_type)
    return compare_fits(
        dataset, fits, seed=seed, covariance_type=covariance_type, thresholds=thresholds
    )


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
        Entries that replace those of `experiments.verdict.THRESHOLDS`.
    illustrated : bool, default True
        Whether to choose what the report draws, and to say why a value is null; without it there
        is no report.
    """
    judge = Judge(thresholds_with(thresholds or {}))
    if not fits:
        raise UsageError("no fits to compare, allowed is at least one")
    fits, matchings = in_one_order(dataset.truth, fits)
    info = dataset_info(dataset)
    n_components = next(iter(fits.values())).mixture.n_components
    layout = Layout(n_components, info.n_features, covariance_type)
    densities = None
    if dataset.truth is not None:
        densities = DensityComparison(dataset.truth, DENSITY_SAMPLES, stream(seed, "densities"))
    results = {
        name: engine_result(name, dataset, fit, matchings[name], layout, densities)
        for name, fit in fits.items()
    }
    posterior = fits["bayes"].draws if "bayes" in fits else None
    scores = None if posterior is None else score(posterior, dataset.X, leave_one_out=True)
    likelihoods, row_scores = log_likelihoods(dataset, fits, results, scores)
    agreement = certificate = None
    if "em" in fits and posterior is not None and scores is not None:
        em, bayes = fits["em"], fits["bayes"]
        joint = joint_distance(em.mixture, posterior, layout)
        if em.uncertainty is not None:
            agreement = agree(em, bayes, posterior, joint, layout)
        certificate = certify(
            em.mixture, dataset.X, posterior, scores.draws, layout.n_free, joint,
            covariance_type=covariance_type,
        )  # fmt: skip
    comparison = Comparison(
        experiment=experiment or dataset.name,
        seed=seed,
        dataset=info,
        n_components=n_components,
        covariance_type=covariance_type,
        truth=None if dataset.truth is None else ParameterValues.of(dataset.truth),
        engines=results,
        log_likelihood=likelihoods,
        agreement=agreement,
        certificate=certificate,
        verdict=judge.findings(results, likelihoods, agreement, certificate, info, layout),
        summary=summarise(results, likelihoods, agreement, certificate),
        reasons={},
        illustration=illustrate(dataset, fits, layout, None if scores is None else scores.draws)
        if illustrated
        else NOTHING,
    )
    if illustrated:
        comparison = comparison.model_copy(update={"reasons": null_reasons(comparison)})
    comparison._fits, comparison._row_scores = fits, row_scores
    return comparison


def dataset_info(dataset: Dataset) -> DatasetInfo:
    """Say what was fitted."""
    return DatasetInfo(
        name=dataset.name,
        n_samples=dataset.X.shape[0],
        n_features=dataset.X.shape[1],
        n_test=0 if dataset.X_test is None else len(dataset.X_test),
        sha256=dataset.sha256,
        feature_names=list(dataset.feature_names),
        note=dataset.note,
    )
