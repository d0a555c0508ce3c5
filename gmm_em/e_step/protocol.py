"""What every way to compute an E-step offers."""

from __future__ import annotations

from typing import Protocol

from gmm_em.core.types import FloatArray
from gmm_em.e_step.totals import Totals
from gmm_em.rows.samples import Parameters


class EStep(Protocol):
    """What computes expected sufficient statistics: complete rows, or rows with missing values."""

    n_components: int

    def expect(self, parameters: Parameters) -> Totals:
        """Return sums over rows in the samples' inner units."""

    def support(self, parameters: Parameters) -> FloatArray:
        """Return how many rows each component rests on, shape (K,)."""


class RowEStep(EStep, Protocol):
    """An E-step that can also say what it found for every row."""

    def evaluate(self, parameters: Parameters) -> tuple[FloatArray, FloatArray]:
        """Return log-densities (N,), in inner units, and responsibilities (K, N)."""
