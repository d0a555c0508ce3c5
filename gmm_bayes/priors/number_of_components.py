"""Prior distributions of the number of components."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import betaln, gammaln

from gmm_bayes.core.checks import check_count
from gmm_bayes.core.types import FloatArray
from gmm_bayes.priors.hyperparameters import arguments, number


class ComponentsPrior(ABC):
    """A distribution of the number of components, K = 1, 2, ...

    A class that inherits from this one is a frozen dataclass whose fields are the hyperparameters.
    """

    kind: ClassVar[str]
    """Name of the prior in files."""

    @abstractmethod
    def log_prob(self, n_components: FloatArray) -> FloatArray:
        """Return the log probability of each number, minus infinity outside of the support.

        Parameters
        ----------
        n_components : ndarray
            Whole numbers of at least 1.
        """

    @property
    def largest(self) -> int | None:
        """The largest possible number of components, or None where there is none."""
        return None

    def truncated(self, max_components: int) -> FloatArray:
        """Return the log probabilities of 1, ..., `max_components`, given that K is no larger.

        Raises
        ------
        ValueError
            If none of these numbers is possible.
        """
        values = self.log_prob(np.arange(1.0, max_components + 1.0))
        top = values.max()
        if not np.isfinite(top):
            raise ValueError(
                f"max_components is {max_components}, but components_prior {self!r} allows no "
                "number of components up to that"
            )
        return np.asarray(values - top - math.log(np.exp(values - top).sum()))

    def to_dict(self) -> dict[str, Any]:
        """Return the prior as plain values, ready for TOML or JSON."""
        return {"kind": self.kind, **vars(self)}


@dataclass(frozen=True)
class UniformComponents(ComponentsPrior):
    """Every number of components from 1 to `max` is equally probable.

    Parameters
    ----------
    max : int, default 30
        As in Richardson & Green (1997), J. R. Statist. Soc. B 59, 731-792.
    """

    kind: ClassVar[str] = "uniform"
    max: int = 30

    def __post_init__(self) -> None:
        object.__setattr__(self, "max", check_count("components_prior's max", self.max))

    @property
    def largest(self) -> int | None:
        """`max`."""
        return self.max

    def log_prob(self, n_components: FloatArray) -> FloatArray:
        """Return the log probability of each number."""
        return np.where(n_components <= self.max, -math.log(self.max), -np.inf)


@dataclass(frozen=True)
class PoissonComponents(ComponentsPrior):
    """K - 1 is Poisson distributed.

    Parameters
    ----------
    rate : float, default 1
        Mean of K - 1; positive. As in Nobile (2004), Annals of Statistics 32, 2044-2073, 1 by
        default.
    """

    kind: ClassVar[str] = "poisson"
    rate: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", _positive("rate", self.rate))

    def log_prob(self, n_components: FloatArray) -> FloatArray:
        """Return the log probability of each number."""
        more = n_components - 1.0
        return np.asarray(more * math.log(self.rate) - self.rate - gammaln(more + 1.0))


@dataclass(frozen=True)
class GeometricComponents(ComponentsPrior):
    """K - 1 has a geometric distribution: ``p(K) = p (1 - p)^(K - 1)``.

    Parameters
    ----------
    p : float, default 0.1
        Between 0 and 1, both excluded. The default is that of Miller & Harrison (2018), J. Am.
        Statist. Assoc. 113, 340-356.
    """

    kind: ClassVar[str] = "geometric"
    p: float = 0.1

    def __post_init__(self) -> None:
        p = _positive("p", self.p)
        if p >= 1.0:
            raise ValueError(f"components_prior's p must lie between 0 and 1, but is {p:g}")
        object.__setattr__(self, "p", p)

    def log_prob(self, n_components: FloatArray) -> FloatArray:
        """Return the log probability of each number."""
        return np.asarray(math.log(self.p) + (n_components - 1.0) * math.log1p(-self.p))


@dataclass(frozen=True)
class BetaNegativeBinomialComponents(ComponentsPrior):
    """K - 1 has a beta-negative-binomial distribution.

    That is a Poisson distribution whose rate is gamma distributed with shape `a`, and whose scale
    in turn makes the negative binomial's probability Beta(b, c). With x = K - 1,
    ``p(K) = Gamma(a + x) B(a + b, x + c) / (Gamma(a) x! B(b, c))``; the mean of K is
    ``1 + a c / (b - 1)``.

    Parameters
    ----------
    a, b, c : float, defaults 1, 4 and 3
        Positive. With the defaults K has the mean 2 and a tail that falls like a power, so that few
        components are expected and many are not ruled out (Frühwirth-Schnatter, Malsiner-Walli &
        Grün 2021, Bayesian Analysis 16, 1279-1307, section 2.2).
    """

    kind: ClassVar[str] = "beta-negative-binomial"
    a: float = 1.0
    b: float = 4.0
    c: float = 3.0

    def __post_init__(self) -> None:
        for name in ("a", "b", "c"):
            object.__setattr__(self, name, _positive(name, getattr(self, name)))

    def log_prob(self, n_components: FloatArray) -> FloatArray:
        """Return the log probability of each number."""
        more = n_components - 1.0
        ways = gammaln(self.a + more) - gammaln(self.a) - gammaln(more + 1.0)
        return np.asarray(ways + betaln(self.a + self.b, more + self.c) - betaln(self.b, self.c))


@dataclass(frozen=True)
class FixedComponents(ComponentsPrior):
    """The number of components is known.

    With a large `k` and a small concentration of the weights this is a sparse finite mixture
    (Malsiner-Walli, Frühwirth-Schnatter & Grün 2016), in which the number of components with rows
    is what one asks for.

    Parameters
    ----------
    k : int
    """

    kind: ClassVar[str] = "fixed"
    k: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", check_count("components_prior's k", self.k))

    @property
    def largest(self) -> int | None:
        """`k`."""
        return self.k

    def log_prob(self, n_components: FloatArray) -> FloatArray:
        """Return 0 for `k`, minus infinity for any other number."""
        return np.where(n_components == self.k, 0.0, -np.inf)


COMPONENTS_PRIORS: dict[str, type[ComponentsPrior]] = {
    prior.kind: prior
    for prior in (
        UniformComponents,
        PoissonComponents,
        GeometricComponents,
        BetaNegativeBinomialComponents,
        FixedComponents,
    )
}


def check_components_prior(prior: Any) -> ComponentsPrior:
    """Return a prior on the number of components, given as such or as a table with its `kind`.

    Raises
    ------
    TypeError, ValueError
        If it is neither, or a key of the table is unknown, missing or out of range.
    """
    if isinstance(prior, ComponentsPrior):
        return prior
    if not isinstance(prior, Mapping):
        raise TypeError(
            "components_prior must be a prior on the number of components or a table such as "
            f"{{'kind': 'uniform', 'max': 30}}, but is {prior!r}"
        )
    kind = prior.get("kind")
    if not isinstance(kind, str) or kind not in COMPONENTS_PRIORS:
        raise ValueError(
            f"components_prior's kind is {kind!r}; allowed are "
            f"{', '.join(map(repr, COMPONENTS_PRIORS))}"
        )
    if kind == FixedComponents.kind and "k" not in prior:
        raise ValueError("components_prior of kind 'fixed' needs k, the number of components")
    cls = COMPONENTS_PRIORS[kind]
    try:
        given = arguments(cls, kind, prior)
    except ValueError as error:
        raise ValueError(str(error).replace("prior", "components_prior", 1)) from None
    return cls(**given)


def _positive(name: str, value: Any) -> float:
    """Return a finite positive number as a float, or raise TypeError or ValueError."""
    try:
        return number(name, value, positive=True)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("prior's", "components_prior's", 1)) from None
