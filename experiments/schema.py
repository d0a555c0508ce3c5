"""The comparison as plain values: what `comparison.json` holds, field by field.

Numbers are finite; where one cannot be given there is null. Components stand in one order
throughout: the truth's where there is one, otherwise by decreasing weight of the first engine.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

SCHEMA_VERSION = 1

Level = Literal["ok", "warn", "fail"]
Vector = list[FiniteFloat]
Matrix = list[Vector]


class Value(BaseModel):
    """A frozen piece of the comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ParameterValues(Value):
    """One number for every parameter of a mixture."""

    weights: Vector
    """K numbers."""
    means: Matrix
    """K rows of D numbers."""
    covariances: list[Matrix]
    """K matrices of D x D numbers."""


class IntervalValues(Value):
    """Equal-tailed intervals, parameter by parameter."""

    level: FiniteFloat
    """Nominal coverage."""
    lower: ParameterValues
    upper: ParameterValues


class DatasetInfo(Value):
    """What was fitted."""

    name: str
    n_samples: int
    n_features: int
    n_test: int
    sha256: str
    """Of the rows to fit: shape, then values as little-endian float64 in C order."""
    feature_names: list[str]


class TrainTest(Value):
    """Total log-likelihood of the rows fitted and, where there are any, of the rows held out."""

    train: FiniteFloat
    test: FiniteFloat | None


class EngineResult(Value):
    """What one engine found."""

    mixture: ParameterValues
    """The estimate: EM's optimum, or the posterior mean."""
    uncertainty: ParameterValues
    """Bootstrap standard errors for EM, posterior standard deviations for the posterior."""
    intervals: IntervalValues
    """Bootstrap percentile intervals for EM, credible intervals for the posterior."""
    log_likelihood: TrainTest
    """At the estimate."""
    errors: dict[str, FiniteFloat | list[FiniteFloat]] | None
    """Distances from the truth; null where no truth is known."""
    seconds: FiniteFloat
    """Wall-clock time of the fit."""
    diagnostics: dict[str, Any]
    """Whether the engine did its work, in its own terms."""


class Spread(Value):
    """Summary of one number over posterior draws."""

    mean: FiniteFloat
    sd: FiniteFloat
    max: FiniteFloat
    min: FiniteFloat


class PosteriorLogLikelihood(Value):
    """Log-likelihood of the posterior at its point estimate and over its draws."""

    at_point: FiniteFloat
    at_point_test: FiniteFloat | None
    draws: Spread
    draws_test: Spread | None


class LogLikelihoods(Value):
    """Total log-likelihoods side by side."""

    truth: TrainTest | None
    em: TrainTest | None
    bayes: PosteriorLogLikelihood | None


class Agreement(Value):
    """EM against the posterior, parameter by parameter."""

    z_scores: ParameterValues
    """(EM's estimate - posterior mean) / posterior standard deviation."""
    sd_ratios: ParameterValues
    """EM's standard error / posterior standard deviation."""
    n_parameters: int
    """Free parameters compared: K - 1 weights, the means, each covariance's lower triangle."""
    max_abs_z: FiniteFloat
    worst_parameter: str
    """Where the z-score is largest in absolute value; components and features from 1."""
    median_sd_ratio: FiniteFloat


class Certificate(Value):
    """What the posterior says about EM's optimum: see certificate.py."""

    em: FiniteFloat
    """EM's log-likelihood."""
    best_draw: FiniteFloat | None
    """The highest log-likelihood of a posterior draw; null if every draw has collapsed."""
    margin: FiniteFloat | None
    """em - best_draw: negative when EM is caught in a local optimum."""
    n_draws_above: int
    """Draws with a higher log-likelihood than EM's, beyond the tolerance."""
    n_draws: int
    n_collapsed: int
    """Draws with a component shrunk onto a point or repeated values; left out of the above."""
    tolerance: FiniteFloat
    deviance_mean: FiniteFloat | None
    """Mean over draws of 2 (em - draw)."""
    n_parameters: int
    """Free parameters: the mean deviance's limit for large samples."""


class Finding(Value):
    """One sentence of the verdict and the number it rests on."""

    id: str
    level: Level
    text: str
    value: FiniteFloat
    """The number that was judged."""
    threshold: FiniteFloat
    """What it was judged by."""


class Illustration(Value):
    """What the report draws: enough of the data and the fits, never all of them."""

    points: Matrix
    """At most 2 000 rows of the data."""
    responsibilities: Matrix | None
    """The first engine's responsibilities for these rows."""
    posterior_mixtures: list[ParameterValues]
    """A few dozen posterior draws, evenly spaced."""
    em_paths: list[Vector]
    """EM's log-likelihood at each iteration, restart by restart."""
    em_best_path: int | None
    """Which restart was kept."""


class ComparisonValues(Value):
    """Everything in `comparison.json`."""

    schema_version: Annotated[int, Field(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)] = SCHEMA_VERSION
    experiment: str
    seed: int
    dataset: DatasetInfo
    n_components: int
    truth: ParameterValues | None
    engines: dict[str, EngineResult]
    log_likelihood: LogLikelihoods
    agreement: Agreement | None
    """Null unless both EM and the posterior were fitted."""
    certificate: Certificate | None
    """Null unless both EM and the posterior were fitted."""
    verdict: list[Finding]
    illustration: Illustration
