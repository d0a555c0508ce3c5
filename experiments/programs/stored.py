"""What a program found on one data set, in a folder: numbers in JSON, arrays beside them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from experiments.core.files import replacing
from experiments.core.types import FloatArray
from experiments.engines.contract import Fit
from experiments.engines.drawn import fit_of_draws
from gmm_bayes import MixtureDraws, ModelInNumbers

PARTS = ("weights", "means", "covariances")
HYPERPARAMETER = "hyperparameter "


@dataclass(frozen=True)
class Measured:
    """What a fit took.

    Attributes
    ----------
    data, program, title : str
    first : float
        Seconds from the start of the process to the end of a fit of a few draws: importing,
        compiling, and finding starts.
    seconds, cpu : float
        Of the fit after that, by the clock and of processors: tuning and drawing, and whatever is
        compiled anew for each fit.
    mib : float
        Largest resident memory of the process, or of one that it called.
    ess, r_hat : float
        The smallest effective number of draws and the largest R-hat of a parameter.
    n_draws, n_divergent : int
    lines : int or None
        Of code that state the model.
    settings : dict
        Those that were asked for.
    """

    data: str
    program: str
    title: str
    first: float
    seconds: float
    cpu: float
    mib: float
    ess: float
    r_hat: float
    n_draws: int
    n_divergent: int
    lines: int | None
    settings: dict[str, Any]

    @property
    def rate(self) -> float:
        """Effective draws per second of the clock."""
        return self.ess / self.seconds

    @property
    def cpu_rate(self) -> float:
        """Effective draws per second of a processor."""
        return self.ess / self.cpu

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the numbers from a folder."""
        return cls(**json.loads((folder / "measured.json").read_text(encoding="utf-8")))


def place_of(folder: Path, label: str, program: str) -> Path:
    """Return where the folder of a run keeps what a program found on some data."""
    return folder / "programs" / label / program


def write(folder: Path, measured: Measured, fit: Fit) -> None:
    """Write a fit and what it took into a folder; the numbers come last."""
    assert fit.draws is not None
    arrays: dict[str, Any] = {part: getattr(fit.draws, part) for part in PARTS}
    if fit.model is not None:
        arrays |= {name: getattr(fit.model, name) for name in ("rows", "loc", "scale")}
        arrays |= {
            f"{HYPERPARAMETER}{name}": value for name, value in fit.model.hyperparameters.items()
        }
        arrays |= {
            name: getattr(fit.model, name) for name in ("n_components", "kind", "covariance_type")
        }
    np.savez(folder / "fit.npz", **arrays)
    for name, values in (("diagnostics", fit.diagnostics), ("measured", asdict(measured))):
        with replacing(folder / f"{name}.json") as scratch:
            scratch.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def read_fit(folder: Path, X: FloatArray) -> Fit:
    """Return the fit that was written into a folder, to the rows `X` (N, D)."""
    measured = Measured.read(folder)
    with np.load(folder / "fit.npz", allow_pickle=False) as arrays:
        draws = MixtureDraws(*(arrays[part] for part in PARTS))
        model = _model(arrays) if "kind" in arrays else None
    diagnostics = json.loads((folder / "diagnostics.json").read_text(encoding="utf-8"))
    fit = fit_of_draws(measured.title, draws, X, seconds=measured.seconds, model=model)
    return replace(fit, diagnostics=diagnostics)


def _model(arrays: Any) -> ModelInNumbers:
    hyperparameters = {
        name.removeprefix(HYPERPARAMETER): arrays[name]
        for name in arrays
        if name.startswith(HYPERPARAMETER)
    }
    return ModelInNumbers(
        arrays["rows"],
        int(arrays["n_components"]),
        str(arrays["kind"]),
        hyperparameters,
        arrays["loc"],
        arrays["scale"],
        str(arrays["covariance_type"]),
    )
