"""The No-U-Turn sampler (Hoffman & Gelman 2014) on the marginal posterior: its settings."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from gmm_bayes.priors.inverse_wishart import InverseWishartPrior
from gmm_bayes.samplers.contract import Sampled, Task


@dataclass(frozen=True)
class Backend:
    """One way to run the sampler.

    Parameters
    ----------
    module : str
        The module of this room whose function ``sample(settings, task)`` runs it. It is imported
        when the backend is first used, because numba, nutpie and PyMC take seconds to load.
    adaptations : tuple of str
        The values of `adaptation` that it knows.
    """

    module: str
    adaptations: tuple[str, ...]


BACKENDS: dict[str, Backend] = {
    "closed-form": Backend("backend_closed_form", ("diag", "low_rank")),
    "nutpie": Backend("backend_nutpie", ("diag", "low_rank")),
    "pymc": Backend("backend_pymc", ("diag",)),
}


@dataclass(frozen=True)
class NUTS:
    """The No-U-Turn sampler, by one of three routes to the same posterior.

    With the backend "closed-form", two or more components and at least 100 iterations of tuning,
    chains jump between modes. They start at modes that a population from the prior has found
    (:mod:`gmm_bayes.samplers.chain_starts`). nutpie tunes each chain and makes a pilot run. Its
    draws give a dense metric, and a mixture of t distributions from which independent proposals
    follow each transition (:mod:`gmm_bayes.samplers.nuts.hops`). With both, chains make a
    rehearsal, to whose draws they are fitted again. They are fixed before the first draw is kept. A
    chain whose pilot ended in a mode of negligible mass goes on from where another one has been.

    Parameters
    ----------
    backend : {"closed-form", "nutpie", "pymc"}, default "closed-form"
        "closed-form" gives nutpie the hand-derived density and gradient of
        :class:`gmm_bayes.density.log_posterior.LogPosterior`, which is compiled in seconds the
        first time on a machine and read from disk afterwards. "nutpie" compiles the model of
        :func:`gmm_bayes.build_model` for nutpie. "pymc" runs PyMC's own sampler on that model. The
        last two compile for a minute or more, but only once in a process for all data sets of the
        same width and number of components.
    target_accept : float, default 0.9
        Acceptance rate that the step size is tuned to. Above nutpie's 0.8, because a gradient is
        cheap here and a small component's posterior is curved.
    max_treedepth : int, default 10
        A draw costs at most ``2**max_treedepth`` gradients.
    adaptation : {"diag", "low_rank"}, default "diag"
        How nutpie adapts the mass matrix. "low_rank" also follows correlations of the posterior,
        and gives about twice the effective draws a second where components overlap much; but while
        it adapts it may throw a chain into the singularities that the likelihood has where rows are
        tied, which "diag" hardly ever does. The backend "pymc" has "diag" only.

    Raises
    ------
    ValueError
        If a setting is out of range.
    """

    backend: str = "closed-form"
    target_accept: float = 0.9
    max_treedepth: int = 10
    adaptation: str = "diag"

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ValueError(
                f"backend of NUTS is {self.backend!r}; allowed are {', '.join(map(repr, BACKENDS))}"
            )
        if not 0.0 < self.target_accept < 1.0:
            raise ValueError(f"target_accept must lie in (0, 1), but is {self.target_accept!r}")
        if self.max_treedepth < 1:
            raise ValueError(f"max_treedepth must be at least 1, but is {self.max_treedepth!r}")
        allowed = BACKENDS[self.backend].adaptations
        if self.adaptation not in allowed:
            raise ValueError(
                f"adaptation of NUTS is {self.adaptation!r}; allowed with the backend "
                f"{self.backend!r} are {', '.join(map(repr, allowed))}"
            )

    def default_prior(self) -> InverseWishartPrior:
        """Return ``InverseWishartPrior()``."""
        return InverseWishartPrior()

    def sample(self, task: Task) -> Sampled:
        """Return the draws that `task` asks for."""
        backend = import_module(f"gmm_bayes.samplers.nuts.{BACKENDS[self.backend].module}")
        sampled: Sampled = backend.sample(self, task)
        return sampled
