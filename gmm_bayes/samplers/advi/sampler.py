"""Automatic differentiation variational inference (Kucukelbir et al. 2017): its settings."""

from __future__ import annotations

from dataclasses import dataclass

from gmm_bayes.priors.inverse_wishart import InverseWishartPrior
from gmm_bayes.samplers.contract import Sampled, Task

METHODS = ("fullrank_advi", "advi")


@dataclass(frozen=True)
class ADVI:
    """The normal distribution, on unconstrained space, that is closest to the posterior.

    Closest in the Kullback-Leibler divergence from it, which is too narrow rather than too wide,
    and lives in one mode: this is an approximation, whose draws are independent of each other but
    not drawn from the posterior. Each chain is an optimisation of its own (``pm.fit``), from a
    local maximum of the posterior density that it finds for itself, with the curvature there as
    unit of length; what is returned are draws from where it ended. The importance ratios of
    posterior to approximation say how good it is (Yao, Vehtari, Simpson & Gelman 2018).

    Parameters
    ----------
    method : {"fullrank_advi", "advi"}, default "fullrank_advi"
        A full covariance matrix, or a diagonal one ("mean field").
    n_iter : int, default 1000
        Steps of the optimiser; at least 100. The result is the average over the last half of them
        (Dhaka et al. 2020). ``tune`` is not used.
    n_mc : int, default 10
        Draws from the approximation per step.
    learning_rate : float, default 0.02
        Of Adam (Kingma & Ba 2015), in posterior standard deviations.

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    Dhaka et al. (2020), "Robust, accurate stochastic optimization for variational inference".
    Kucukelbir et al. (2017), J. Machine Learning Research 18(14).
    Yao, Vehtari, Simpson & Gelman (2018), "Yes, but did it work?: evaluating variational
    inference", ICML.
    """

    method: str = "fullrank_advi"
    n_iter: int = 1000
    n_mc: int = 10
    learning_rate: float = 0.02

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(
                f"method of ADVI is {self.method!r}; allowed are {', '.join(map(repr, METHODS))}"
            )
        for name, least in (("n_iter", 100), ("n_mc", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, but is {getattr(self, name)!r}")
        if not 0.0 < self.learning_rate < 1.0:
            raise ValueError(f"learning_rate must lie in (0, 1), but is {self.learning_rate!r}")

    def default_prior(self) -> InverseWishartPrior:
        """Return ``InverseWishartPrior()``."""
        return InverseWishartPrior()

    def sample(self, task: Task) -> Sampled:
        """Return draws from the approximations.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts before a chain's optimisation is complete.
        """
        # That module loads PyMC, which takes two seconds.
        from gmm_bayes.samplers.advi import chains  # noqa: PLC0415 - loads PyMC

        return chains.sample(self, task)
