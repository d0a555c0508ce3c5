"""Sequential Monte Carlo (Del Moral, Doucet & Jasra 2006): its settings."""

from __future__ import annotations

from dataclasses import dataclass

from gmm_bayes.priors.inverse_wishart import InverseWishartPrior
from gmm_bayes.samplers.contract import Sampled, Task


@dataclass(frozen=True)
class SMC:
    """Particles drawn from the prior, moved and resampled as the likelihood is switched on.

    Each chain is a run of its own: ``draws`` particles, first from the prior, then from ``prior x
    likelihood ** beta`` for beta rising to 1 (``pm.sample_smc``). Where modes are many this finds
    what chains that start in one mode miss, and it gives the log marginal likelihood. Nothing is
    tuned beforehand: ``tune`` is not used.

    Parameters
    ----------
    threshold : float, default 0.5
        Each beta is the one at which the effective share of particles falls to this.
    correlation : float, default 0.1
        Moves at one temperature go on until the average correlation of particles with where they
        were is below this.
    max_steps : int, default 40
        Most moves at one temperature.

    Raises
    ------
    ValueError
        If a setting is out of range.
    """

    threshold: float = 0.5
    correlation: float = 0.1
    max_steps: int = 40

    def __post_init__(self) -> None:
        for name in ("threshold", "correlation"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise ValueError(f"{name} must lie in (0, 1), but is {getattr(self, name)!r}")
        if self.max_steps < 2:
            raise ValueError(f"max_steps must be at least 2, but is {self.max_steps!r}")

    def default_prior(self) -> InverseWishartPrior:
        """Return ``InverseWishartPrior()``."""
        return InverseWishartPrior()

    def sample(self, task: Task) -> Sampled:
        """Return the draws that `task` asks for.

        Raises
        ------
        ValueError
            If there are fewer particles than a covariance of the parameters needs.
        KeyboardInterrupt
            If the user interrupts before a chain is complete: particles on the way from the prior
            are not draws from the posterior.
        """
        # That module loads PyMC, which takes two seconds.
        from gmm_bayes.samplers.smc import chains  # noqa: PLC0415 - loads PyMC

        return chains.sample(self, task)
