"""The blocked Gibbs sampler (Diebolt & Robert 1994): its settings."""

from __future__ import annotations

from dataclasses import dataclass

from gmm_bayes.priors.conjugate import SemiConjugatePrior
from gmm_bayes.priors.inverse_wishart import InverseWishartPrior
from gmm_bayes.samplers.contract import Sampled, Task
from gmm_bayes.space.structures import get_structure


@dataclass(frozen=True)
class Gibbs:
    """Draw all allocations given the parameters, then all parameters given the allocations.

    The prior must be an :class:`gmm_bayes.InverseWishartPrior`, a
    :class:`gmm_bayes.HierarchicalPrior` or an :class:`gmm_bayes.NIWPrior`, under which the
    parameters have known distributions given the allocations. A sweep costs about
    as much as one EM step and cannot diverge. But sweeps move as slowly as EM converges, so that
    where components overlap their draws are worth little. There, every sweep is followed by moves
    on the posterior with the allocations integrated out (:mod:`gmm_bayes.samplers.gibbs.moves`).
    These moves are fitted to the posterior while tuning and do not change any more when the first
    draw is kept. They are Metropolis-Hastings steps, so that the chain is exactly stationary
    whatever was fitted. Where they would be rejected, the chain makes sweeps alone.

    Chains start at modes that a population from the prior has found
    (:mod:`gmm_bayes.samplers.chain_starts`). While tuning, each learns of the places where the
    others have been, and may jump there.

    Parameters
    ----------
    marginal_moves : bool, default True
        Whether to make such moves where they help. They need 40 iterations of tuning at least.

    References
    ----------
    Diebolt & Robert (1994), J. R. Statist. Soc. B 56, 363-375.
    Sahu & Roberts (1999), Statistics and Computing 9, 55-64.
    Shahbaba, Lan, Johnson & Neal (2014), Statistics and Computing 24, 339-349.
    Tierney (1994), Annals of Statistics 22, 1701-1728.
    """

    marginal_moves: bool = True

    def default_prior(self) -> InverseWishartPrior:
        """Return ``InverseWishartPrior()``."""
        return InverseWishartPrior()

    def sample(self, task: Task) -> Sampled:
        """Return the draws that `task` asks for.

        Per-draw statistics are ``n_empty``, the number of components without a row, and, where
        such moves are made, the chances with which they were accepted: ``chance_turned`` and
        ``chance_jumped``.

        Raises
        ------
        ValueError
            If the prior is not conjugate.
        KeyboardInterrupt
            If the user interrupts before every chain has a draw to keep.
        """
        if get_structure(task.covariance_type).decomposed:
            raise ValueError(
                f"covariance_type is {task.covariance_type!r}, of which the Gibbs sampler has no "
                "conditional distribution that it could draw from; sampler 'nuts' takes it"
            )
        if not isinstance(task.prior, SemiConjugatePrior):
            raise ValueError(
                "the Gibbs sampler needs an InverseWishartPrior, a HierarchicalPrior or an "
                f"NIWPrior, but the prior is {task.prior!r}; sampler 'nuts' takes it"
            )
        # That module loads numba, which takes half a second.
        from gmm_bayes.samplers.gibbs import run  # noqa: PLC0415 - loads numba

        return run.sample(task, task.prior, marginal_moves=self.marginal_moves)
