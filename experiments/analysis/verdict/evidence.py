"""What a verdict is drawn up from, and how a number becomes a finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from experiments.analysis.posteriors import PosteriorsCompared
from experiments.analysis.thresholds import GRAVEST_FIRST, THRESHOLDS, Threshold
from experiments.datasets.dataset import Dataset
from experiments.values.certificate import Certificate
from experiments.values.checks import OutlierValues, SupportValues
from experiments.values.comparison import (
    Agreement,
    DatasetInfo,
    EngineResult,
    Finding,
    LogLikelihoods,
)
from experiments.values.parameters import full_label
from experiments.values.roles import estimate_of, posterior_of
from gmm_em.parameter_names import ParameterLayout


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Put findings in the order in which they are told."""
    return sorted(findings, key=lambda finding: GRAVEST_FIRST.index(finding.level))


def doubts_about(dataset: Dataset) -> list[Finding]:
    """Return a warning for each sentence that a data set says of what may be a mistake in it."""
    return [
        Finding(id="data", level="warn", text=text, value=float(number), threshold=0.0)
        for number, text in enumerate(dataset.doubts, 1)
    ]


@dataclass(frozen=True)
class Evidence:
    """The numbers of a comparison that its verdict reads, and the table that judges them.

    Attributes
    ----------
    engines : mapping of str to EngineResult
    log_likelihood : LogLikelihoods
    agreement : Agreement or None
    certificate : Certificate or None
    support : SupportValues or None
    outliers : OutlierValues or None
    dataset : DatasetInfo
    layout : ParameterLayout
    thresholds : mapping of str to Threshold
    posteriors : PosteriorsCompared or None
        Every two posteriors, where there are two or more.
    """

    engines: Mapping[str, EngineResult]
    log_likelihood: LogLikelihoods
    agreement: Agreement | None
    certificate: Certificate | None
    support: SupportValues | None
    outliers: OutlierValues | None
    dataset: DatasetInfo
    layout: ParameterLayout
    thresholds: Mapping[str, Threshold] = field(default_factory=lambda: THRESHOLDS)
    posteriors: PosteriorsCompared | None = None

    @property
    def estimate(self) -> EngineResult | None:
        """The point estimate that is set against the posterior."""
        name = estimate_of(self.engines)
        return None if name is None else self.engines[name]

    @property
    def posterior(self) -> EngineResult | None:
        """The posterior."""
        name = posterior_of(self.engines)
        return None if name is None else self.engines[name]

    @property
    def title(self) -> str:
        """What sentences call the point estimate."""
        return "" if self.estimate is None else self.estimate.title

    def label(self, parameter: str) -> str:
        """Write a parameter's machine name for people."""
        return full_label(self.layout, parameter, self.dataset.feature_names)

    def finding(self, identity: str, value: float, good: str, poor: str) -> Finding:
        """Judge a number by its threshold and say the sentence that goes with the level."""
        threshold = self.thresholds[identity]
        level = threshold.level(value)
        text = good if level == "ok" else poor
        return Finding(id=identity, level=level, text=text, value=value, threshold=threshold.warn)

    def beyond(self, identity: str, value: float, text: str) -> list[Finding]:
        """Return a finding only where the number is beyond its threshold."""
        found = self.finding(identity, value, text, text)
        return [] if found.level == "ok" else [found]
