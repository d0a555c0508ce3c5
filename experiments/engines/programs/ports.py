"""The check of a port: another program's log density at many mixtures beside ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.core.types import FloatArray
from experiments.engines.registry import load_engine, make_engine
from gmm_bayes import (
    InverseWishartPrior,
    MixtureDraws,
    log_posterior_density,
    prior_from_dict,
)

# Two double-precision sums of the same N terms differ by far less than this, relative to them.
RELATIVE_ROUNDING = 1e-10


@dataclass(frozen=True)
class PortCheck:
    """Log densities of two statements of one model, at the same mixtures.

    Attributes
    ----------
    mixtures : MixtureDraws
        The points: one chain, in the data's own units.
    ours, theirs : ndarray of shape (n_points,)
        Logs of unnormalised posterior densities.
    """

    mixtures: MixtureDraws
    ours: FloatArray
    theirs: FloatArray

    @property
    def discrepancies(self) -> FloatArray:
        """How far each difference ``theirs - ours`` is from their median (n_points,)."""
        differences = self.theirs - self.ours
        return np.asarray(differences - np.median(differences))

    @property
    def tolerance(self) -> float:
        """The largest discrepancy that rounding explains."""
        return RELATIVE_ROUNDING * max(1.0, float(np.abs(self.ours).max()))

    @property
    def agrees(self) -> bool:
        """Whether the two differ by one constant, so that their posteriors are the same."""
        # The comparison is false where a density is not finite.
        return bool(np.abs(self.discrepancies).max() <= self.tolerance)

    def __str__(self) -> str:
        """Return what was found, in one sentence."""
        n, largest = len(self.ours), float(np.abs(self.discrepancies).max())
        if self.agrees:
            return (
                f"The log densities at {n} mixtures differ by one constant, to within {largest:.1g}"
                ": both programs state the same model."
            )
        return (
            f"The log densities at {n} mixtures do not differ by one constant, but by up to "
            f"{largest:.3g} more or less: the programs state different models."
        )


def check_port(
    port: str | Callable[[FloatArray, MixtureDraws], FloatArray],
    X: FloatArray,
    n_components: int,
    prior: Any = None,
    *,
    n_points: int = 50,
    seed: int = 0,
) -> PortCheck:
    """Compare another program's log density with ours at mixtures drawn around the data.

    Two densities that differ by one constant at points in general position, as many as there are
    parameters and more, are the same but for an implausible accident. No posterior is drawn.

    Parameters
    ----------
    port : str or callable
        The name of an engine that has a method ``log_density``, such as "numpyro"; or such a
        method: it is called with X and the mixtures, and returns an array (1, n_points). Its
        density is that with respect to weights, means and entries of covariances, in units of its
        choice.
    X : ndarray of shape (N, D)
    n_components : int
    prior : Prior or mapping, optional
        An object of `gmm_bayes` or its table; by default ``InverseWishartPrior()``.
    n_points : int, default 50
    seed : int, default 0

    Returns
    -------
    PortCheck

    Raises
    ------
    UsageError
        If there is no such engine, its library is not installed, or it has no such method.
    ValueError
        If the prior is not one that the engine states.
    """
    known = InverseWishartPrior() if prior is None else prior
    table = known if isinstance(known, Mapping) else known.to_dict()
    log_density = _method(port, table) if isinstance(port, str) else port
    mixtures = mixtures_around(X, n_components, n_points, stream(seed, "points of a port"))
    ours = log_posterior_density(mixtures, X, prior_from_dict(table))
    theirs = np.asarray(log_density(X, mixtures), dtype=np.float64)
    return PortCheck(mixtures, ours.ravel(), theirs.ravel())


def mixtures_around(
    X: FloatArray, n_components: int, n_points: int, seed: np.random.SeedSequence
) -> MixtureDraws:
    """Return mixtures (1, n_points) near the data, of all sizes, shapes and weights.

    The means are rows, and the covariances scatter about half of the data's by a Wishart
    distribution with D + 3 degrees of freedom.
    """
    rng = np.random.default_rng(seed)
    n_samples, d = X.shape
    weights = rng.dirichlet(np.full(n_components, 2.0), size=(1, n_points))
    means = X[rng.integers(n_samples, size=(1, n_points, n_components))]
    factors = rng.standard_normal((1, n_points, n_components, d, d + 3))
    scatter = factors @ np.swapaxes(factors, -1, -2) / (2.0 * (d + 3.0))
    # Independent of how the features correlate: a port has to be right off the data's axes, too.
    scale = X.std(axis=0)
    return MixtureDraws(weights, means, scatter * scale[:, None] * scale)


def _method(name: str, prior: Mapping[str, Any]) -> Callable[[FloatArray, MixtureDraws], Any]:
    if not hasattr(load_engine(name), "log_density"):
        raise UsageError(
            f"engine '{name}' has no method log_density, allowed is an engine of another "
            "probabilistic program, such as numpyro"
        )
    engine: Any = make_engine(name, {"prior": prior})
    method: Callable[[FloatArray, MixtureDraws], Any] = engine.log_density
    return method
