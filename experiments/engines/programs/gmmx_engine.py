"""EM by gmmx, as an engine: the same algorithm in JAX. Importing this file imports JAX."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, ClassVar

import jax.numpy as jnp
import numpy as np
from gmmx import EMFitter, GaussianMixtureModelJax
from pydantic import Field, PositiveInt

from experiments.config.section import Ridge, Section
from experiments.core.progress import Report
from experiments.core.types import FloatArray
from experiments.engines.contract import Fit
from gmm_em import Mixture


class GmmxSettings(Section):
    """Settings of gmmx's EM; the defaults are its own."""

    max_iter: PositiveInt = 100
    """Most iterations of the one run."""
    tol: Annotated[float, Field(gt=0)] = 1e-3
    """Stop when the mean log-likelihood of a row changes by less than this in an iteration."""
    reg_covar: Ridge = 1e-6
    """Added to the diagonal of every covariance."""


@dataclass(frozen=True)
class GmmxEngine:
    """gmmx's EM (Donath 2024), which starts from k-means once; it has no uncertainty.

    gmmx takes single precision only. The rows are centred beforehand, so that those that lie far
    from zero keep their digits.
    """

    options: GmmxSettings
    settings: ClassVar[type[Section]] = GmmxSettings
    covariance_types: ClassVar[tuple[str, ...]] = ("full", "diag")

    def fit(
        self,
        X: FloatArray,
        n_components: int,
        seed: np.random.SeedSequence,
        progress: Report,
        *,
        covariance_type: str = "full",
    ) -> Fit:
        """Fit with gmmx."""
        start = time.perf_counter()
        k, d = n_components, X.shape[1]
        progress("gmmx", 0, 1)
        centre = X.mean(axis=0)
        rows = jnp.asarray(X - centre, dtype=jnp.float32)
        first = GaussianMixtureModelJax.from_k_means(
            rows,
            k,
            reg_covar=self.options.reg_covar,
            covariance_type=covariance_type,
            random_state=int(seed.generate_state(1)[0]),
        )
        found = EMFitter(**self.options.model_dump()).fit(rows, first)
        weights, means, covariances = (
            np.asarray(part, dtype=np.float64)
            for part in (found.gmm.weights, found.gmm.means, found.gmm.covariances.values_dense)
        )
        covariances = covariances.reshape(k, d, d)
        mixture = Mixture(
            weights.reshape(k) / weights.sum(),
            centre + means.reshape(k, d),
            0.5 * (covariances + covariances.transpose(0, 2, 1)),
        )
        diagnostics = {"converged": bool(found.converged), "n_iter": int(found.n_iter)}
        progress("gmmx", 1, 1)
        return Fit(
            title="gmmx",
            mixture=mixture,
            seconds=time.perf_counter() - start,
            diagnostics=diagnostics,
            maximum_likelihood=True,
        )
