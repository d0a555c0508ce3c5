"""One labelling out of K!: the posterior folded onto the mixtures in a reference's order.

The likelihood and the priors do not change when components are renumbered, so the posterior is K!
copies of one distribution. Whatever approximates it by a single hill, such as a normal proposal,
needs one copy: the mixtures whose components already stand in the order that brings them closest
to a reference (:func:`gmm_bayes.relabel`). On them the density is K! times as high and integrates
to the same. This is exact however much components overlap, and needs no sum over permutations; it
is what random permutations of the draws are for in Frühwirth-Schnatter (2004), the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from gmm_bayes.draws import MixtureDraws
from gmm_bayes.kernels import njit, packed_log_density
from gmm_bayes.relabel import relabel
from gmm_bayes.target import LogPosterior
from gmm_em import Mixture

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_TINY = float(np.finfo(np.float64).tiny)
_ROWS_PER_JOB = 64


@dataclass(frozen=True)
class Density:
    """Log densities of many unconstrained vectors at once, on as many threads as `cores` allows.

    Parameters
    ----------
    target : LogPosterior
    pool : ThreadPoolExecutor or None
        The compiled density lets go of the interpreter, so threads run side by side; the values do
        not depend on them.
    """

    target: LogPosterior
    pool: ThreadPoolExecutor | None = field(default=None, repr=False)

    def posterior(self, thetas: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log posterior densities (n,), -inf off the support, and gradients (n, size)."""
        return self._evaluate(self.target.packed, thetas)

    def prior(self, thetas: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log prior densities (n,), -inf off the support, and gradients (n, size)."""
        return self._evaluate(self.target.packed_prior, thetas)

    def _evaluate(self, packed: FloatArray, thetas: FloatArray) -> tuple[FloatArray, FloatArray]:
        thetas = np.ascontiguousarray(thetas)
        values, gradients = np.empty(len(thetas)), np.empty_like(thetas)

        def part(first: int) -> None:
            rows = slice(first, first + _ROWS_PER_JOB)
            _log_densities(thetas[rows], packed, values[rows], gradients[rows])

        for _ in (map if self.pool is None else self.pool.map)(
            part, range(0, len(thetas), _ROWS_PER_JOB)
        ):
            pass
        return np.where(np.isfinite(values), values, -np.inf), gradients


@njit()
def _log_densities(thetas, packed, values, gradients):  # type: ignore[no-untyped-def]
    """Write log densities (n,) and gradients (n, size) at rows of `thetas` (n, size)."""
    for i in range(thetas.shape[0]):
        values[i] = packed_log_density(thetas[i], packed, gradients[i])


@contextmanager
def density_of(target: LogPosterior, cores: int) -> Iterator[Density]:
    """Give the densities of `target`, evaluated on `cores` threads for as long as the block lasts.

    Parameters
    ----------
    target : LogPosterior
    cores : int
    """
    if cores == 1:
        yield Density(target)
        return
    with ThreadPoolExecutor(cores) as pool:
        yield Density(target, pool)


@dataclass(frozen=True)
class Fold:
    """The mixtures whose components stand in the order closest to a reference's.

    Parameters
    ----------
    target : LogPosterior
    reference : gmm_em.Mixture
        On the standardised scale.
    """

    target: LogPosterior
    reference: Mixture

    @property
    def log_copies(self) -> float:
        """The log of K!, by which the density is higher on one copy than on all."""
        return float(gammaln(self.target.n_components + 1.0))

    def contains(self, thetas: FloatArray) -> BoolArray:
        """Return which of the vectors (n, size), all on the support, stand in that order."""
        if self.target.n_components == 1 or not len(thetas):
            return np.ones(len(thetas), dtype=bool)
        order = relabel(self._mixtures(thetas), self.reference)[1][0]
        return np.asarray((order == np.arange(self.target.n_components)).all(axis=1))

    def bring(self, thetas: FloatArray) -> FloatArray:
        """Return the vectors (n, size), all on the support, each renumbered into that order."""
        if self.target.n_components == 1 or not len(thetas):
            return thetas
        aligned = relabel(self._mixtures(thetas), self.reference)[0]
        return vectors(self.target, aligned)[0]

    def restrict(self, values: FloatArray, thetas: FloatArray) -> FloatArray:
        """Return log densities (n,) of `thetas` (n, size) as those of the one copy."""
        inside = np.isfinite(values)
        inside[inside] = self.contains(thetas[inside])
        return np.where(inside, values + self.log_copies, -np.inf)

    def _mixtures(self, thetas: FloatArray) -> MixtureDraws:
        return standardised_draws(self.target, thetas[None])


def standardised_draws(target: LogPosterior, thetas: FloatArray) -> MixtureDraws:
    """Return unconstrained vectors (C, S, size) as draws on the standardised scale."""
    return MixtureDraws(*target.space.to_mixtures(thetas))


def own_draws(target: LogPosterior, thetas: FloatArray) -> MixtureDraws:
    """Return unconstrained vectors (C, S, size) as draws in the data's own units."""
    weights, means, covariances = target.space.to_mixtures(thetas)
    loc, scale = target.scaling.loc, target.scaling.scale
    return MixtureDraws(weights, loc + scale * means, covariances * scale[:, None] * scale)


def vectors(target: LogPosterior, draws: MixtureDraws) -> FloatArray:
    """Return draws on the standardised scale as unconstrained vectors (C, S, size)."""
    # A weight that underflowed has no finite logarithm.
    weights = np.maximum(draws.weights, _TINY)
    return target.space.from_mixture(weights, draws.means, draws.covariances)


def standardise(target: LogPosterior, draws: MixtureDraws) -> MixtureDraws:
    """Return draws in the data's own units on the standardised scale."""
    loc, scale = target.scaling.loc, target.scaling.scale
    return MixtureDraws(
        draws.weights,
        (draws.means - loc) / scale,
        draws.covariances / (scale[:, None] * scale),
    )
