"""Ways in which rows depart from the mixture they were drawn from.

Each departure changes rows that were drawn from the true mixture, with random numbers of its own.
So turning one knob leaves all other numbers as they were, and a sweep over it compares like with
like. Skewness and heavy tails leave every component's mean and covariance as they are: these
remain the reference that estimates are measured against, although the components are no longer
normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from experiments.core.types import FloatArray
from gmm_em import Mixture

Rng = np.random.Generator


class Departure(Protocol):
    """One way in which rows depart from their mixture.

    Attributes
    ----------
    stream : str
        Names the departure's own random numbers.
    held_out : bool
        Whether rows held out depart likewise.
    """

    stream: ClassVar[str]
    held_out: ClassVar[bool]

    @property
    def note(self) -> str:
        """What the departure does, as a clause for the description of the data."""

    def apply(
        self, X: FloatArray, labels: NDArray[np.int64], truth: Mixture, rng: Rng
    ) -> FloatArray:
        """Return the rows changed; `labels` says which component each was drawn from."""


@dataclass(frozen=True)
class Skewness:
    """Components skewed along each axis of their Cholesky factor.

    The standard normal number z of an axis becomes skew-normal,
    ``delta |u| + sqrt(1 - delta**2) z`` with u normal (Azzalini 1985; Henze 1986, theorem 1),
    standardised to mean 0 and variance 1, with ``delta`` such that its skewness is `skewness`.
    """

    skewness: float
    stream: ClassVar[str] = "skewness"
    held_out: ClassVar[bool] = True

    @property
    def note(self) -> str:
        """What it does."""
        return f"components skewed by {self.skewness:g} along each axis"

    def apply(
        self, X: FloatArray, labels: NDArray[np.int64], truth: Mixture, rng: Rng
    ) -> FloatArray:
        """Return skewed rows."""
        size = abs(self.skewness) ** (2 / 3)
        delta = np.sqrt(np.pi / 2 * size / (size + ((4 - np.pi) / 2) ** (2 / 3)))
        delta = np.copysign(delta, self.skewness)
        mean = np.sqrt(2 / np.pi) * delta
        half = np.abs(rng.standard_normal(X.shape))
        skewed = np.empty_like(X)
        for k, factor in enumerate(truth.scale_trils):
            rows = labels == k
            z = np.linalg.solve(factor, (X[rows] - truth.means[k]).T).T
            z = (delta * half[rows] + np.sqrt(1 - delta**2) * z - mean) / np.sqrt(1 - mean**2)
            skewed[rows] = truth.means[k] + z @ factor.T
        return skewed


@dataclass(frozen=True)
class HeavyTails:
    """Components with Student's t distribution, scaled to keep their covariances."""

    degrees_of_freedom: float
    stream: ClassVar[str] = "tails"
    held_out: ClassVar[bool] = True

    @property
    def note(self) -> str:
        """What it does."""
        return f"components with Student t tails ({self.degrees_of_freedom:g} degrees of freedom)"

    def apply(
        self, X: FloatArray, labels: NDArray[np.int64], truth: Mixture, rng: Rng
    ) -> FloatArray:
        """Return rows whose deviations are multiplied by a common random factor."""
        df = self.degrees_of_freedom
        stretch = np.sqrt((df - 2) / rng.chisquare(df, size=len(X)))
        centres = truth.means[labels]
        return np.asarray(centres + (X - centres) * stretch[:, None])


@dataclass(frozen=True)
class Contamination:
    """A share of rows, rounded to whole rows, replaced by uniform noise.

    The noise fills the smallest box that holds every component's mean with `REACH` standard
    deviations to each side.
    """

    share: float
    stream: ClassVar[str] = "contamination"
    held_out: ClassVar[bool] = True
    REACH: ClassVar[float] = 5.0

    @property
    def note(self) -> str:
        """What it does."""
        return f"{self.share:.3g} of the rows replaced by uniform noise"

    def apply(
        self, X: FloatArray, labels: NDArray[np.int64], truth: Mixture, rng: Rng
    ) -> FloatArray:
        """Return rows some of which are noise."""
        reach = self.REACH * np.sqrt(np.diagonal(truth.covariances, axis1=1, axis2=2))
        low, high = (truth.means - reach).min(axis=0), (truth.means + reach).max(axis=0)
        # Every row gets its noise and its turn whatever the share: a larger one adds rows to a
        # smaller one's.
        noise, turns = rng.uniform(low, high, size=X.shape), rng.permutation(len(X))
        chosen = turns < round(self.share * len(X))
        return np.where(chosen[:, None], noise, X)


@dataclass(frozen=True)
class MissingValues:
    """Each value missing (NaN) with the same probability, whatever it is.

    A row that would lose every value keeps one, chosen at random, so slightly less is missing
    than asked for where features are few.
    """

    share: float
    stream: ClassVar[str] = "missing"
    held_out: ClassVar[bool] = False

    @property
    def note(self) -> str:
        """What it does."""
        return (
            f"{self.share:.3g} of the values missing completely at random, none of those held out"
        )

    def apply(
        self, X: FloatArray, labels: NDArray[np.int64], truth: Mixture, rng: Rng
    ) -> FloatArray:
        """Return rows with NaN where a value is missing."""
        chance = rng.random(X.shape)
        missing = chance < self.share
        spared = missing.all(axis=1)
        missing[spared, chance[spared].argmax(axis=1)] = False
        return np.where(missing, np.nan, X)
