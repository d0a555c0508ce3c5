"""Data and options in, the maximisation problem out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.e_step.batched import BatchedEStep, BatchedKernel, OneByOne
from gmm_em.e_step.blocked import Kernel
from gmm_em.e_step.dask_chunks import ChunkEStep, check_chunks, is_chunked, take_rows
from gmm_em.e_step.missing import MissingEStep, imputed, missing_log_jacobian
from gmm_em.e_step.protocol import EStep
from gmm_em.fitting.prior import ConjugatePrior
from gmm_em.fitting.problem import ConstantFeatureError, Problem
from gmm_em.rows.samples import Samples


# Rows of a chunked array that are read to choose units and the defaults of a prior.
CHUNK_ROWS = 5_000


@dataclass(frozen=True)
class ProblemMaker:
    """Turns rows into a problem."""

    n_components: int
    structure: CovarianceStructure
    reg_covar: FloatArray
    prior: ConjugatePrior | None
    n_threads: int | None
    missing: bool

    def pose(self, X: Any, weight: Any) -> Problem:
        if is_chunked(X) and weight is None and not self.missing:
            if not X.shape[0] <= CHUNK_ROWS:
                return self._pose_chunks(X)
            X = np.asarray(X)
        complete = imputed(X) if self.missing else X
        samples = Samples(complete, weight, common_scale=self.structure.common_scale)
        self._check(samples)
        penalty = None if self.prior is None else self.prior.resolve(samples, self.n_components)
        second = self.structure.second
        estep: EStep
        batched: BatchedEStep
        log_jacobian = None
        if self.missing:
            by_row = MissingEStep(
                (X - samples.centre) / samples.scale, samples.weight, second, self.n_components
            )
            estep, batched = by_row, OneByOne(by_row)
            log_jacobian = missing_log_jacobian(X, samples)
        else:
            estep = Kernel(
                samples, self.n_components, second, strict=True, n_threads=self.n_threads
            )
            batched = BatchedKernel(samples, second, self.n_threads)
        return Problem(
            samples,
            estep,
            self.structure,
            self.reg_covar,
            penalty,
            log_jacobian=log_jacobian,
            batched=batched,
        )

    def _pose_chunks(self, X: Any) -> Problem:
        check_chunks(X)
        index = np.arange(0, X.shape[0], max(1, X.shape[0] // CHUNK_ROWS))
        sample = self.pose(take_rows(X, index), None)
        units = (sample.samples.centre, sample.samples.scale)
        estep = ChunkEStep(X, units, self.n_components, self.structure.second)
        return Problem(
            sample.samples, estep, self.structure, self.reg_covar, sample.penalty, n_rows=X.shape[0]
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
