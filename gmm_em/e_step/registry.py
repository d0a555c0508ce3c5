"""Which E-step reads which rows.

Every reader says whether it reads some rows, and opens them. The first in `READERS` that reads
the rows is taken, so that a reader for special rows stands before the one for all rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from gmm_em.core.foreign import is_foreign
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.e_step.batched import BatchedEStep, OneByOne
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.e_step.dask_chunks import ChunkEStep, check_chunks, is_chunked, take_rows
from gmm_em.e_step.foreign import ForeignEStep
from gmm_em.e_step.missing import MissingEStep, imputed, missing_log_jacobian
from gmm_em.e_step.protocol import EStep, ManyEStep
from gmm_em.e_step.streaming import Blocks, StreamedEStep
from gmm_em.rows.foreign_samples import ForeignSamples
from gmm_em.rows.samples import Samples


@dataclass(frozen=True)
class Reading:
    """What a fit asks of its E-step.

    Attributes
    ----------
    n_components : int
    structure : CovarianceStructure
    sample_rows : int
        Of rows that are not in this process, so many, evenly spaced, are copied for the starts.
    n_threads : int, optional
        At most this many threads; by default as many as BLAS would use.
    missing : bool, default False
        Whether NaN stands for a value that is missing at random.
    """

    n_components: int
    structure: CovarianceStructure
    sample_rows: int
    n_threads: int | None = None
    missing: bool = False


class OpenedRows(NamedTuple):
    """Rows that are ready to be fitted.

    Attributes
    ----------
    samples : Samples
        The rows, or a sample of them: what units, starts and checks are taken from.
    estep : EStep
        Sees all rows, in the units of `samples`.
    n_rows : int
        Number of rows that `estep` sees.
    log_jacobian : float
        What the change to the inner units adds to the log-likelihood.
    many : ManyEStep, optional
        Sees the same rows under many mixtures at a time; only of rows in memory.
    """

    samples: Samples
    estep: EStep
    n_rows: int
    log_jacobian: float
    many: ManyEStep | None = None


class RowReader(Protocol):
    """Opens rows of one kind."""

    def reads(self, X: Any, sample_weight: Any, reading: Reading) -> bool:
        """Return whether these rows are of this reader's kind."""

    def open(self, X: Any, sample_weight: Any, reading: Reading) -> OpenedRows:
        """Check the rows, choose their units and build their E-step.

        Raises
        ------
        ValueError
            If the rows cannot be used.
        """


class RowsWithMissingValues:
    """Rows in memory, in which NaN stands for a missing value."""

    def reads(self, X: Any, sample_weight: Any, reading: Reading) -> bool:
        """Return whether missing values are allowed."""
        return reading.missing

    def open(self, X: Any, sample_weight: Any, reading: Reading) -> OpenedRows:
        """Take the units from rows with imputed values, and the sums from the observed ones."""
        samples = _samples(imputed(X), sample_weight, reading)
        rows = (X - samples.centre) / samples.scale
        second = reading.structure.second
        estep = MissingEStep(rows, samples.weight, second, reading.n_components)
        log_jacobian = missing_log_jacobian(X, samples)
        return OpenedRows(samples, estep, samples.n_samples, log_jacobian, OneByOne(estep))


class ChunkedRows:
    """Rows of a chunked array, such as dask's, without weights."""

    def reads(self, X: Any, sample_weight: Any, reading: Reading) -> bool:
        """Return whether `X` maps functions over its chunks, and no row has a weight."""
        return is_chunked(X) and sample_weight is None

    def open(self, X: Any, sample_weight: Any, reading: Reading) -> OpenedRows:
        """Copy few rows into memory; of many, take the sums where the chunks are."""
        # Written with "not <=", because the number of rows is NaN where it is not known.
        if not X.shape[0] <= reading.sample_rows:
            check_chunks(X)
            index = np.arange(0, X.shape[0], max(1, X.shape[0] // reading.sample_rows))
            samples = _samples(take_rows(X, index), None, reading)
            units = (samples.centre, samples.scale)
            estep = ChunkEStep(X, units, reading.n_components, reading.structure.second)
            return _with_all_rows(samples, estep, X.shape[0])
        return CompleteRows().open(np.asarray(X), None, reading)


class ForeignRows:
    """Complete rows of another library: PyTorch, CuPy, JAX, and what follows the array API."""

    def reads(self, X: Any, sample_weight: Any, reading: Reading) -> bool:
        """Return whether `X` is of another library, and has too many rows to be copied."""
        return is_foreign(X) and X.shape[0] > reading.sample_rows

    def open(self, X: Any, sample_weight: Any, reading: Reading) -> OpenedRows:
        """Use all rows for the units and for the sums, where the rows are."""
        common = reading.structure.common_scale
        samples = ForeignSamples(X, sample_weight, common_scale=common)
        if samples.n_samples <= reading.sample_rows:
            # The other rows have weight zero.
            return CompleteRows().open(samples.rows(slice(None)), samples.weight, reading)
        estep = ForeignEStep(samples, reading.n_components, reading.structure.second, strict=True)
        return OpenedRows(samples, estep, samples.n_samples, samples.log_jacobian)


class CompleteRows:
    """Complete rows: anything with rows that NumPy can read, block by block."""

    def reads(self, X: Any, sample_weight: Any, reading: Reading) -> bool:
        """Return True: whether the values can be used is checked when the rows are opened."""
        return True

    def open(self, X: Any, sample_weight: Any, reading: Reading) -> OpenedRows:
        """Use all rows for the units and for the sums."""
        samples = _samples(X, sample_weight, reading)
        estep = BlockedEStep(
            samples,
            reading.n_components,
            reading.structure.second,
            strict=True,
            n_threads=reading.n_threads,
        )
        many = BatchedEStep(samples, reading.structure.second, reading.n_threads)
        return OpenedRows(samples, estep, samples.n_samples, samples.log_jacobian, many)


READERS: tuple[RowReader, ...] = (
    RowsWithMissingValues(),
    ChunkedRows(),
    ForeignRows(),
    CompleteRows(),
)


def open_rows(
    X: Any, sample_weight: Any, reading: Reading, preferred: RowReader | None = None
) -> OpenedRows:
    """Open rows with the first of `READERS` that reads them.

    Parameters
    ----------
    X : array_like, shape (N, D)
    sample_weight : array_like, shape (N,), optional
        Non-negative; a weight of 2 counts a row twice.
    reading : Reading
    preferred : RowReader, optional
        A reader that opens complete rows in memory in place of `CompleteRows`.

    Raises
    ------
    ValueError
        If the rows cannot be used.
    """
    readers = READERS if preferred is None else (*READERS[:-1], preferred, READERS[-1])
    reader = next(reader for reader in readers if reader.reads(X, sample_weight, reading))
    return reader.open(X, sample_weight, reading)


def open_stream(blocks: Blocks, samples: Samples, n_rows: int, reading: Reading) -> OpenedRows:
    """Open rows that come in blocks, of which only one is held at a time.

    Parameters
    ----------
    blocks : iterable, or callable that returns one
        Arrays of shape (n, D), the same in every pass.
    samples : Samples
        A sample of the rows, which decides the units.
    n_rows : int
        Number of rows of a pass.
    reading : Reading
    """
    units = (samples.centre, samples.scale)
    estep = StreamedEStep(blocks, units, reading.n_components, reading.structure.second)
    return _with_all_rows(samples, estep, n_rows)


def _samples(X: Any, sample_weight: Any, reading: Reading) -> Samples:
    return Samples(X, sample_weight, common_scale=reading.structure.common_scale)


def _with_all_rows(samples: Samples, estep: EStep, n_rows: int) -> OpenedRows:
    """Put a sample of the rows and an E-step over all of them together."""
    log_jacobian = float(n_rows) * float(np.log(samples.scale).sum())
    return OpenedRows(samples, estep, n_rows, log_jacobian)
