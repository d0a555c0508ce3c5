"""The reader of rows whose E-step is compiled, for :func:`gmm_em.fit_em`."""

from __future__ import annotations

from typing import Any, override

from gmm_em.e_step.registry import CompleteRows, OpenedRows, Reading

# With more features than this, matrix products are faster.
_MOST_FEATURES = 10


class CompiledRows(CompleteRows):
    """Complete rows in memory, for which the E-step is compiled.

    ``fit_em(X, 3, reader=CompiledRows())`` gives what ``fit_em(X, 3)`` does, to rounding. The first
    call in a process takes a second for loading Numba, and the first on a machine some more for
    compiling. Rows with more than ten features, and rows that are not kept in memory as float64,
    are read by NumPy's E-step.
    """

    @override
    def open(self, X: Any, sample_weight: Any, reading: Reading) -> OpenedRows:
        """Use all rows for the units and for the sums."""
        opened = super().open(X, sample_weight, reading)
        samples = opened.samples
        if samples.columns is None or samples.n_features > _MOST_FEATURES:
            return opened
        from gmm_bayes.density.compiled_e_step import CompiledEStep  # noqa: PLC0415 - loads numba

        estep = CompiledEStep(
            samples, reading.n_components, reading.structure.second, n_threads=reading.n_threads
        )
        return opened._replace(estep=estep)
