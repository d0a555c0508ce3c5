"""The modes of a posterior, and what is wrong where chains missed one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gmm_bayes.core.limits import UNVISITED_MASS
from gmm_em import Mixture


@dataclass(frozen=True)
class PosteriorMode:
    """A local maximum of the posterior density, and how much of the posterior belongs to it.

    Attributes
    ----------
    mixture : gmm_em.Mixture
        The maximum, in the data's own units, with components by decreasing weight.
    log_density : float
        Log posterior density there, on unconstrained space.
    mass : float
        Share of the draws from which the density leads uphill to this mode.
    mass_by_chain : tuple of float
        The same for each chain.
    hits : int
        Particles of the population that lead to it, of those that were followed.
    laplace_mass : float
        Its share of the posterior by Laplace's approximation: a rough estimate that does not depend
        on where the chains have been.
    """

    mixture: Mixture
    log_density: float
    mass: float
    mass_by_chain: tuple[float, ...]
    hits: int
    laplace_mass: float

    @property
    def chains(self) -> tuple[int, ...]:
        """The chains that visited it."""
        return tuple(chain for chain, share in enumerate(self.mass_by_chain) if share > 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values fit for JSON."""
        return {
            "weights": self.mixture.weights.tolist(),
            "means": self.mixture.means.tolist(),
            "covariances": self.mixture.covariances.tolist(),
            "log_density": self.log_density,
            "mass": self.mass,
            "mass_by_chain": list(self.mass_by_chain),
            "hits": self.hits,
            "laplace_mass": self.laplace_mass,
        }

    def __repr__(self) -> str:
        return (
            f"PosteriorMode(mass={self.mass:.3f}, weights={self.mixture.weights.round(3)}, "
            f"chains={self.chains}, hits={self.hits})"
        )


def unvisited_modes(modes: tuple[PosteriorMode, ...]) -> Iterator[str]:
    """Yield a sentence if a mode that the population found has mass, but no chain visited it."""
    missed = [mode for mode in modes if not mode.chains and mode.laplace_mass > UNVISITED_MASS]
    if missed:
        share = max(mode.laplace_mass for mode in missed)
        yield (
            f"no chain visited a mode with about {share:.0%} of the posterior, to which the "
            "population led; use sampler='smc', or another random_state"
        )
