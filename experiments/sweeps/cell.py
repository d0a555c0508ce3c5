"""One cell of a sweep, from its config to a record: what a worker does.

Nothing here writes to disk or knows of other cells, so that it runs in any process on any machine
that has the package.
"""

from __future__ import annotations

import platform
import tempfile
import time
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.analysis.analyse import Terms, analyse
from experiments.config.experiment import ExperimentConfig
from experiments.config.load import parse_config
from experiments.core.code_version import code_version
from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.core.text import visible
from experiments.datasets.load import load_dataset
from experiments.engines.fit import fit_engines
from experiments.storage.layout import COMPARISON, POSTERIOR
from experiments.sweeps.columns import Scalar, scalars


@dataclass(frozen=True)
class Task:
    """A cell to run: its address, its config in plain values, and what to keep of it."""

    address: str
    values: dict[str, Any]
    keep: str


@dataclass(frozen=True)
class Outcome:
    """What came of a cell.

    Attributes
    ----------
    values : dict
        Its row of the results table; of a failed cell empty.
    error, traceback : str
        Empty where it is done.
    seconds : float
        Wall-clock time on the worker.
    host : str
    warned : list of str
        Each different warning of the cell once.
    files : dict of str to bytes
        More to be kept, by name.
    """

    values: dict[str, Scalar] = field(default_factory=dict)
    error: str = ""
    traceback: str = ""
    seconds: float = 0.0
    host: str = ""
    warned: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict, repr=False)


class OtherVersion(RuntimeError):
    """A worker runs another version of the code than the sweep."""


def run_cell(values: Mapping[str, Any], keep: str, code: str) -> Outcome:
    """Run one experiment; an error of any kind becomes part of the outcome.

    Parameters
    ----------
    values : mapping
        The resolved config, in plain values.
    keep : {"scalars", "comparison", "all"}
        What to keep of it.
    code : str
        `code_version` of who asks.

    Raises
    ------
    OtherVersion
        If this process runs another version of the code.
    """
    if code != code_version():
        raise OtherVersion(
            f"worker on {platform.node()} runs version {code_version()} of the code, allowed is "
            f"{code}: install the same package there and start it again"
        )
    start = time.perf_counter()
    outcome: dict[str, Any] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            config = parse_config(values, "cell")
            outcome["values"], outcome["files"] = _compared(config, keep)
        except KeyboardInterrupt:
            # In this process the user may have pressed Ctrl-C. A worker's own process, which no
            # Ctrl-C reaches, makes a failed cell of it: see `experiments.sweeps.batches.run_batch`.
            raise
        except BaseException as error:
            # An engine that calls sys.exit must not end the sweep.
            outcome["error"] = in_one_line(error)
            outcome["traceback"] = traceback.format_exc()
    return Outcome(
        **outcome,
        seconds=time.perf_counter() - start,
        host=platform.node(),
        warned=list(dict.fromkeys(str(warning.message) for warning in caught)),
    )


def in_one_line(error: BaseException) -> str:
    """Return an exception's class and text without line breaks."""
    return visible(" ".join(f"{type(error).__name__}: {error}".split()))


def failed(error: BaseException) -> Outcome:
    """Return the outcome of a cell that an exception ended before it had one of its own."""
    return Outcome(error=in_one_line(error), traceback=in_one_line(error))


def _compared(config: ExperimentConfig, keep: str) -> tuple[dict[str, Scalar], dict[str, bytes]]:
    n_components = config.n_components
    if not isinstance(n_components, int):
        raise UsageError(
            f"n_components = {n_components}: allowed in a sweep is one number a cell; vary it by "
            "sweep.over.n_components"
        )
    covariance_type = config.only_structure("in a sweep's cell")
    dataset = load_dataset(config.data, config.name, stream(config.seed, "data"), n_components)
    options = {name: config.engine_options(name) for name in config.engines}
    fits = fit_engines(
        dataset,
        n_components,
        config.engines,
        options,
        config.seed,
        covariance_type=covariance_type,
    )
    # All cells are treated alike, whatever their numbers of rows, so that they can be compared.
    terms = Terms(config.name, config.seed, covariance_type, config.thresholds, full=True)
    analysis = analyse(dataset, fits, terms, illustrated=keep != "scalars")
    files = {}
    if keep != "scalars":
        files[COMPARISON] = analysis.values.to_json().encode()
    if keep == "all":
        for fit in analysis.fits.values():
            if fit.posterior is not None:
                files[POSTERIOR] = _netcdf(fit.posterior)
    return scalars(analysis.values), files


def _netcdf(tree: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / POSTERIOR
        tree.to_netcdf(path, engine="h5netcdf")
        return path.read_bytes()
