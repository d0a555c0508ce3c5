"""Data and options in, the maximisation problem out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.e_step.missing import imputed, read_with_missing
from gmm_em.e_step.registry import OpenedRows, Reading, RowReader, open_rows
from gmm_em.fitting.prior import ConjugatePrior
from gmm_em.fitting.problem import ConstantFeatureError, Problem
from gmm_em.rows.foreign_samples import samples_of
from gmm_em.rows.samples import Samples

# Rows of a chunked array that are read to choose units and the defaults of a prior.
_CHUNK_ROWS = 5_000

# What keeps covariances from being singular where there is no maximum, in units of the features'
# variances.
_RIDGE = 1e-6


def fallback_ridge(X: Any, sample_weight: Any, *, missing: bool) -> FloatArray:
    """Return a millionth of each feature's variance, shape (D,), for data without a maximum."""
    rows = imputed(read_with_missing(X)) if missing else X
    return np.asarray(_RIDGE * samples_of(rows, sample_weight).variances())


@dataclass(frozen=True)
class ProblemMaker:
    """Turns rows into a problem; the attributes are arguments of :func:`gmm_em.fit_em`."""

    n_components: int
    structure: CovarianceStructure
    reg_covar: FloatArray
    prior: ConjugatePrior | None
    n_threads: int | None
    missing: bool
    reader: RowReader | None = None

    def pose(self, X: Any, weight: Any) -> Problem:
        """Pose the problem for rows (N, D) with weights (N,) or None.

        Raises
        ------
        ValueError
            If the rows cannot be used, or are fewer than the components.
        DegenerateError
            If a feature is constant, and nothing keeps its variance from being zero.
        """
        reading = Reading(
            self.n_components, self.structure, _CHUNK_ROWS, self.n_threads, self.missing
        )
        return self.problem(open_rows(X, weight, reading, self.reader))

    def problem(self, opened: OpenedRows) -> Problem:
        """Pose the problem for rows that are open."""
        samples = opened.samples
        self._check(samples)
        penalty = None if self.prior is None else self.prior.resolve(samples, self.n_components)
        return Problem(
            samples,
            opened.estep,
            self.structure,
            self.reg_covar,
            penalty,
            n_rows=opened.n_rows,
            log_jacobian=opened.log_jacobian,
            many=opened.many,
        )

    def _check(self, samples: Samples) -> None:
        if samples.n_samples < self.n_components:
            raise ValueError(
                "Expected n_samples >= n_components but got n_components = "
                f"{self.n_components}, n_samples = {samples.n_samples}"
            )
        holds = self.structure.common_scale and not samples.constant.all()
        held = holds or self.reg_covar.any() or self.prior is not None
        if samples.constant.any() and not held:
            raise ConstantFeatureError(int(samples.constant.argmax()))
