"""What every backend of the No-U-Turn sampler reads of its settings, and what it gives back."""

from __future__ import annotations

from typing import Any, Protocol

from gmm_bayes.draws import MixtureDraws

STATISTICS = {
    "logp": "lp",
    "diverging": "diverging",
    "energy": "energy",
    "depth": "tree_depth",
    "maxdepth_reached": "reached_max_treedepth",
    "n_steps": "n_steps",
    "step_size": "step_size",
    "mean_tree_accept": "acceptance_rate",
}
"""ArviZ's name for each of nutpie's statistics of a draw."""


class NUTSSettings(Protocol):
    """The settings of :class:`gmm_bayes.NUTS`."""

    @property
    def backend(self) -> str:
        """Name of the backend."""

    @property
    def target_accept(self) -> float:
        """Acceptance rate that the step size is tuned to."""

    @property
    def max_treedepth(self) -> int:
        """A trajectory is cut short after ``2**max_treedepth`` gradients."""

    @property
    def adaptation(self) -> str:
        """How the mass matrix is adapted."""


def posterior_draws(posterior: Any, n_draws: int) -> MixtureDraws:
    """Return the first draws of each chain of a trace of the PyMC model.

    Parameters
    ----------
    posterior : xarray.DataTree
        The group "posterior" of the trace.
    n_draws : int
        Draws per chain.
    """
    names = ("weights", "means", "covariances")
    return MixtureDraws(*(posterior[name].to_numpy()[:, :n_draws] for name in names))


def attributes(settings: NUTSSettings, library: Any) -> dict[str, Any]:
    """Return what is recorded with the posterior: the library, its version, and the settings."""
    return {
        "inference_library": library.__name__,
        "inference_library_version": library.__version__,
        "sampler": "nuts",
        "nuts_backend": settings.backend,
        "target_accept": settings.target_accept,
        "max_treedepth": settings.max_treedepth,
        "adaptation": settings.adaptation,
    }
