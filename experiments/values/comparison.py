"""The comparison as plain values: what `comparison.json` holds, field by field.

Numbers are finite; where one cannot be given there is null. Components stand in one order
throughout: the truth's where there is one, otherwise by decreasing weight of the first engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat

from experiments.values.base import FileValue, ParameterValues, Value
from experiments.values.by_size import SizeChoice
from experiments.values.certificate import Certificate
from experiments.values.checks import OutlierValues, RecoveryValues, ShapeValues, SupportValues
from experiments.values.clusters import ClusterValues
from experiments.values.headline import Headline
from experiments.values.illustration import Illustration
from experiments.values.intervals import IntervalValues
from experiments.values.nulls import (
    ALL_SCORED,
    EARLIER,
    NO_PAIR,
    NO_TEST,
    NO_TRUTH,
    NOT_FITTED,
    POINT_ONLY,
    Null,
)
from experiments.values.posteriors import PosteriorPairValues
from experiments.values.roles import Role, estimate_of, posterior_of
from gmm_em.parameter_names import ParameterLayout

Level = Literal["ok", "warn", "fail"]


class DatasetInfo(Value):
    """What was fitted."""

    name: str
    n_samples: int
    n_features: int
    n_test: int
    sha256: str
    """Of the rows to fit: shape, then values as little-endian float64 in C order."""
    feature_names: list[str]
    note: str = ""
    """What a reader should know: columns left out, departures from the truth."""


class TrainTest(Value):
    """Total log-likelihood of the rows fitted and, where there are any, of the rows held out."""

    train: FiniteFloat
    test: Annotated[FiniteFloat | None, NO_TEST]


class MonteCarloValue(Value):
    """A Monte Carlo estimate and its standard error."""

    value: FiniteFloat
    se: FiniteFloat


class ClusteringValues(Value):
    """Labels of the fitted rows against the Bayes-optimal labels of the truth."""

    adjusted_rand: FiniteFloat
    agreement: FiniteFloat
    """Share of rows with the same label; that of a component which the truth lacks is wrong."""
    regret: FiniteFloat
    """Probability of a right label lost per row."""


class MatchingValues(Value):
    """How an engine's components correspond to the truth's: see matching.py.

    Components are numbered from 1. The next best assignment tells how sure the labels are.
    """

    partners: Annotated[list[int | None], Null(items="the truth lacks this component")]
    """Of each component the truth's that it is, null for one that the truth lacks; without a
    truth, itself."""
    unmatched: list[int]
    """Components that the truth lacks."""
    missing: list[int]
    """Components of the truth that the engine lacks."""
    distance: Annotated[
        FiniteFloat | None, Null("the first engine of a comparison without a truth")
    ]
    """Of the assignment, to the truth and to the first engine together; null for the first
    engine where there is no truth."""
    second_distance: Annotated[FiniteFloat | None, Null("there is no other assignment")]
    """Of the next best assignment; null where there is none."""
    ambiguity: FiniteFloat
    """`distance` / `second_distance`: 0 is certain, 1 a tie."""
    draws_ambiguity: Annotated[FiniteFloat | None, Null("no draws, or only one component")]
    """The same for a posterior's draws against its point: what one draw in ten exceeds."""
    uncertain: list[int]
    """Components that the next best assignment exchanges."""


class CoverageValues(Value):
    """How many true parameters an engine's intervals hold."""

    level: FiniteFloat
    n_inside: int
    n_parameters: int


class EngineResult(Value):
    """What one engine found."""

    title: str
    """What tables and figures call the engine."""
    role: Role = "estimate"
    """What the estimate is: "posterior", the mean of posterior draws; "maximum-likelihood"; or any
    other "estimate"."""
    mixture: ParameterValues
    """The estimate: EM's optimum, or the posterior mean."""
    uncertainty: Annotated[ParameterValues | None, POINT_ONLY]
    """Bootstrap standard errors for EM, posterior sd for the posterior; null for baselines."""
    more_uncertainty: dict[str, ParameterValues] = Field(default={})
    """EM's asymptotic standard errors, by method: "information" and "sandwich"."""
    intervals: Annotated[IntervalValues | None, POINT_ONLY]
    """Bootstrap percentile intervals for EM, credible intervals for the posterior."""
    log_likelihood: TrainTest
    """At the estimate."""
    matching: MatchingValues
    """Which component of the truth each component is, and how surely."""
    more_intervals: list[IntervalValues] = Field(default=[])
    """The same at other levels."""
    coverage: Annotated[
        list[CoverageValues] | None,
        Null("this engine gives no intervals, or there is no truth of as many components"),
    ] = None
    """Of the true parameters, level by level; null without a truth of as many components."""
    errors: Annotated[
        dict[str, FiniteFloat | list[FiniteFloat | None] | None] | None,
        Null(
            NO_TRUTH.why,
            # The only distance of the weights that may have no end.
            inside="infinite: a weight of the truth is estimated as zero",
            items="the engine lacks this component of the truth",
        ),
    ]
    """Distances of the parameters from the truth's, null where none is known. A list has a number
    for each component of the truth, null for one that the engine lacks; weights without a
    counterpart are compared with zero."""
    density_errors: Annotated[dict[str, MonteCarloValue] | None, NO_TRUTH] = None
    """Distances of the whole density from the truth's; null where no truth is known."""
    clustering: Annotated[ClusteringValues | None, NO_TRUTH] = None
    """Null where no truth is known."""
    recovery: Annotated[
        RecoveryValues | None,
        Null("this engine gives no errors, or there is no truth of as many components"),
    ] = None
    """The true parameter that the estimate misses by most."""
    shape: Annotated[
        ShapeValues | None,
        Null("another engine is checked, or there are too few rows without missing values"),
    ] = None
    """Whether the rows of each component have the shape of a Gaussian."""
    seconds: FiniteFloat
    """Wall-clock time of the fit."""
    diagnostics: Annotated[dict[str, Any], Null(inside="undefined for this fit")]
    """Whether the engine did its work, in its own terms."""


class DrawSummary(Value):
    """Summary of one number over posterior draws."""

    mean: FiniteFloat
    sd: FiniteFloat
    max: FiniteFloat
    min: FiniteFloat


class PosteriorLogLikelihood(Value):
    """Log-likelihood of the posterior at its point estimate and over its draws."""

    at_point: FiniteFloat
    at_point_test: Annotated[FiniteFloat | None, NO_TEST]
    draws: DrawSummary
    draws_test: Annotated[DrawSummary | None, NO_TEST]
    log_predictive: FiniteFloat
    """Log pointwise predictive density of the fitted rows, summed."""
    log_predictive_test: Annotated[FiniteFloat | None, NO_TEST]
    """The same of the rows held out."""
    loo: Annotated[LeaveOneOutValues | None, Null("too few posterior draws to smooth their tail")]
    """Null where there are too few draws."""


class LogLikelihoods(Value):
    """Total log-likelihoods side by side.

    The estimate and the posterior are those of the two engines that are compared, whatever their
    names: see `ComparisonValues.estimate` and `ComparisonValues.posterior`.
    """

    truth: Annotated[TrainTest | None, NO_TRUTH]
    em: Annotated[TrainTest | None, NOT_FITTED]
    """Of the point estimate: EM's, where EM was fitted."""
    bayes: Annotated[PosteriorLogLikelihood | None, NOT_FITTED]
    """Of the posterior."""
    differences: list[ScoreDifference] = Field(default=[])
    """Of the fitted rows, every two of truth, em and bayes (its predictive density)."""
    differences_test: list[ScoreDifference] = Field(default=[])
    """The same of the rows held out."""


class ScoreDifference(Value):
    """Mean difference of two log scores per row."""

    first: str
    second: str
    mean: FiniteFloat
    """first - second, per row."""
    se: FiniteFloat
    """Standard error of the mean of paired differences."""


class LeaveOneOutValues(Value):
    """Pareto-smoothed importance-sampling leave-one-out of the posterior."""

    elpd: FiniteFloat
    """Expected log predictive density, summed over the fitted rows."""
    se: FiniteFloat
    """Standard error of `elpd`."""
    n_effective: FiniteFloat
    """Effective number of parameters."""
    max_pareto_k: FiniteFloat
    n_high_pareto_k: int
    """Rows whose estimate is unreliable."""
    n_draws: int
    """Posterior draws used."""
    n_scored: Annotated[int | None, ALL_SCORED] = None
    """Rows drawn at random that the numbers rest on; null where all rows were scored."""
    sampling_se: Annotated[FiniteFloat | None, ALL_SCORED] = None
    """Error of `elpd` that comes of the sample; `se` is that over rows, sampled or not."""


class JointValues(Value):
    """EM's distance from the posterior mean over all free parameters at once."""

    squared: FiniteFloat
    """Squared Mahalanobis distance in the posterior covariance."""
    n_parameters: int
    tail_probability: FiniteFloat
    """Share of a normal posterior that lies farther out."""


class Agreement(Value):
    """EM against the posterior, parameter by parameter and jointly.

    EM stands for whatever estimate is compared. Of one without an error the `method` is empty, and
    the ratios are null.
    """

    z_scores: ParameterValues
    """(EM's estimate - posterior mean) / posterior standard deviation."""
    z_score_errors: ParameterValues
    """Monte Carlo standard error of each z-score."""
    quantiles: ParameterValues
    """Share of posterior draws below EM's estimate."""
    sd_ratios: Annotated[ParameterValues | None, POINT_ONLY] = None
    """EM's standard error / posterior standard deviation; null where the estimate has no error."""
    parameters: list[str]
    """Names of the parameters compared; structural zeros and repeated entries, whose numbers above
    mean nothing, are none."""
    n_parameters: int
    """Free parameters compared: K - 1 weights, the means, the covariances' free entries."""
    max_abs_z: FiniteFloat
    worst_parameter: str
    """Where the z-score is largest in absolute value; components and features from 1."""
    method: str
    """What EM's standard errors come from: "bootstrap", or "information" without one."""
    median_sd_ratio: Annotated[FiniteFloat | None, POINT_ONLY] = None
    median_sd_ratio_by_method: dict[str, FiniteFloat] = Field(default={})
    """The same for EM's standard errors by other methods."""
    mean_sd_ratio: Annotated[FiniteFloat | None, POINT_ONLY] = None
    """Geometric mean of the ratios."""
    mean_sd_ratio_by_method: dict[str, FiniteFloat] = Field(default={})
    """The same for EM's standard errors by other methods."""
    narrowed_parameter: str = ""
    """Where EM's standard error by the information is largest beside the posterior's sd: where the
    prior narrows the posterior most."""
    narrowed_by: Annotated[
        FiniteFloat | None, Null("the estimate has no standard errors by the information")
    ] = None
    """How many times larger it is there."""
    joint: Annotated[
        JointValues | None,
        Null("fewer posterior draws than twice the parameters, or a parameter without spread"),
    ]
    """Null where there are too few draws for the parameters' joint distribution."""


class Finding(Value):
    """One sentence of the verdict and the number it rests on."""

    id: str
    level: Level
    text: str
    value: FiniteFloat
    """The number that was judged."""
    threshold: FiniteFloat
    """What it was judged by."""

    @property
    def page(self) -> str:
        """Where the documentation says what the finding means, and what to type."""
        return f"how-to/verdict.html#{self.id}"


class ComparisonValues(FileValue):
    """Everything in `comparison.json`."""

    experiment: str
    seed: int
    dataset: DatasetInfo
    n_components: int
    covariance_type: str = "full"
    """What the covariances of every fit leave free, by a name of scikit-learn or of mclust."""
    truth: Annotated[ParameterValues | None, NO_TRUTH]
    engines: dict[str, EngineResult]
    log_likelihood: LogLikelihoods
    agreement: Annotated[Agreement | None, Null(NO_PAIR)]
    """Null unless both EM and the posterior were fitted."""
    certificate: Annotated[
        Certificate | None, Null(NO_PAIR, inside="every posterior draw has collapsed")
    ]
    """Null unless both EM and the posterior were fitted."""
    choices: list[SizeChoice] = Field(default=[])
    """What was done otherwise than usual because the rows are many."""
    support: Annotated[SupportValues | None, EARLIER] = None
    """How many rows the parameters and the components rest on."""
    outliers: Annotated[OutlierValues | None, Null("no row is that far out")] = None
    """What the estimate owes to rows far from every component; null where there are none."""
    posteriors: list[PosteriorPairValues] = Field(default=[])
    """Every two posteriors that were meant to be one and whose own diagnostics do not fail."""
    headline: Annotated[Headline | None, EARLIER] = None
    """What to believe."""
    verdict: list[Finding]
    summary: dict[str, FiniteFloat]
    """The comparison in single numbers under dotted names, for tables: see summary.py."""
    clusters: Annotated[ClusterValues | None, Null("only the numbers were kept")] = None
    """How the rows are divided among the components."""
    reasons: dict[str, str]
    """Why a value is null: a sentence for the dotted path of each null in this file, or of a
    part above it."""
    illustration: Annotated[
        Illustration,
        Null(
            inside="this fit has nothing of the kind to draw, or it is undefined",
            one_for_a_list=True,
        ),
    ]

    @property
    def layout(self) -> ParameterLayout:
        """Which parameters are free, and their names."""
        return ParameterLayout(self.n_components, self.dataset.n_features, self.covariance_type)

    @property
    def estimate(self) -> str | None:
        """Name of the engine whose point estimate is set against the posterior."""
        return estimate_of(self.engines)

    @property
    def posterior(self) -> str | None:
        """Name of the engine that drew the posterior."""
        return posterior_of(self.engines)

    @classmethod
    def _in_this_version(cls, values: Mapping[str, Any], version: object) -> Mapping[str, Any]:
        if version == 1:
            # In the first version names told what an engine is.
            best = "maximum-likelihood"
            roles = {"em": best, "sklearn": best, "bayes": "posterior"}
            engines = {
                name: {"role": roles.get(name, "estimate"), **engine}
                for name, engine in values.get("engines", {}).items()
            }
            values = {**values, "engines": engines}
        return super()._in_this_version(values, version)
