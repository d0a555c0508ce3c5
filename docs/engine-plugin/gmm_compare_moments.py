"""A worked example of an engine: one random split of the rows, then each part's moments."""

import time
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from experiments.config.section import Section
from experiments.engines.contract import Fit
from gmm_em import Mixture


class MomentsSettings(Section):
    """The engine's table in a config; unknown keys and wrong types are refused for you."""

    shrinkage: Annotated[float, Field(ge=0, le=1)] = 0.1
    """How far covariances move towards the diagonal."""


@dataclass(frozen=True)
class MomentsEngine:
    """Split the rows along their longest axis into parts of equal size; report their moments."""

    options: MomentsSettings
    settings: ClassVar[type[Section]] = MomentsSettings

    def fit(self, X, n_components, seed, progress):
        """Fit; `seed` is a SeedSequence, the only randomness an engine may use."""
        start = time.perf_counter()
        _, _, axes = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
        parts = np.array_split(X[np.argsort(X @ axes[0])], n_components)
        covariances = []
        for done, rows in enumerate(parts, start=1):
            covariance = np.atleast_2d(np.cov(rows, rowvar=False, bias=True))
            diagonal = np.diag(np.diag(covariance))
            covariances.append(covariance + self.options.shrinkage * (diagonal - covariance))
            progress("moments", done, n_components)
        return Fit(
            title="moments",
            mixture=Mixture(
                [len(rows) / len(X) for rows in parts],
                [rows.mean(axis=0) for rows in parts],
                covariances,
            ),
            seconds=time.perf_counter() - start,
        )
