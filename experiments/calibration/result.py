"""What a calibration found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from experiments.values.comparison import Level

RESULT = "sbc.json"
PAGE = "sbc.html"
SIMULATIONS = "simulations"
ALPHA = 0.01
"""Probability that a calibrated sampler is called miscalibrated, over all quantities."""
ENOUGH = 100
"""Simulations below which a sampler is not called right where nothing is found to be wrong: the
bands are then so wide that small faults stay within them."""
MAX_SHORT = 0.05
"""Share of simulations that may have fewer effective draws than ranks need."""


@dataclass(frozen=True)
class Calibrated:
    """The result of a calibration.

    Attributes
    ----------
    name, sampler : str
    size : mapping of str to int or str
        ``n_samples``, ``n_features``, and ``n_components``, which is a string where it varies:
        ``"1 to 10"``.
    ranks : mapping of str to list of int
        Of each quantity, by simulation.
    p_values : mapping of str to float
    rejected : tuple of str
        Quantities whose ranks are not uniform.
    n_sims, n_ranks : int
    n_short : int
        Simulations whose draws were worth too little, however long the chains.
    seconds : float
        Of this run; simulations that were there already cost nothing.
    """

    name: str
    sampler: str
    size: Mapping[str, int | str]
    ranks: Mapping[str, list[int]]
    p_values: Mapping[str, float]
    rejected: tuple[str, ...]
    n_sims: int
    n_ranks: int
    n_short: int
    seconds: float

    @property
    def mixed(self) -> bool:
        """Whether enough posteriors were drawn well enough to rank a truth in."""
        return self.n_short <= MAX_SHORT * self.n_sims

    @property
    def calibrated(self) -> bool:
        """Whether nothing speaks against the sampler."""
        return self.mixed and not self.rejected

    @property
    def level(self) -> Level:
        """How the sentence is to be read: "fail", "warn" where the simulations are few, or "ok"."""
        if not self.calibrated:
            return "fail"
        return "warn" if self.n_sims < ENOUGH else "ok"

    @property
    def sentence(self) -> str:
        """The result in words."""
        if self.rejected:
            named = ", ".join(self.rejected[:3]) + (" and more" if len(self.rejected) > 3 else "")
            return (
                f"Not calibrated: ranks of {len(self.rejected)} of {len(self.p_values)} quantities "
                f"are not uniform ({named}; a calibrated sampler is told so in {ALPHA:.0%} of all "
                "calibrations at most)."
            )
        if not self.mixed:
            return (
                f"Not calibrated: in {self.n_short} of {self.n_sims} simulations the draws were "
                f"worth fewer than {self.n_ranks - 1} independent ones; the sampler does not mix."
            )
        if self.n_sims < ENOUGH:
            return (
                f"Too few simulations to say: the ranks of all {len(self.p_values)} quantities "
                f"could be uniform, but {self.n_sims} simulations would not show a small fault; "
                f"allow {ENOUGH} at least, better 300."
            )
        return (
            f"Calibrated: ranks of all {len(self.p_values)} quantities are uniform "
            f"({self.n_sims} simulations, false-alarm rate {ALPHA:.0%})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, fit for JSON."""
        return {
            "schema_version": 1,
            **asdict(self),
            "rejected": list(self.rejected),
            "alpha": ALPHA,
            "calibrated": self.calibrated,
            "sentence": self.sentence,
        }
