"""The posterior by Stan, as an engine: PyStan runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from experiments.core.types import FloatArray
from experiments.engines.programs.program import ProgramEngine
from experiments.engines.programs.sites import SITES, Sites, of_lkj_factors
from experiments.engines.registry import STAN
from gmm_bayes import MixtureDraws, ModelInNumbers

MODELS = "stan_models"
# Stan's parameters are NumPyro's, but for correlations.
SITES_OF_STAN: dict[str, Callable[[MixtureDraws, Mapping[str, Any]], Sites]] = {
    **SITES,
    "lkj": of_lkj_factors,
}
# Hyperparameters that a program declares as one number; the others are vectors or matrices.
NUMBERS = ("concentration", "kappa", "nu", "eta", "shape", "rate_shape")


@dataclass(frozen=True)
class StanEngine(ProgramEngine):
    """The posterior by Stan's NUTS, from Stan programs that share no code with engine `bayes`.

    PyStan compiles a program once for all data, and keeps it. It runs in a process of its own,
    because it cannot be called where an event loop runs, as in a notebook, and because it may
    belong to another Python.
    """

    title: ClassVar[str] = "Stan"

    def draw(
        self, model: ModelInNumbers, starts: MixtureDraws, seed: np.random.SeedSequence
    ) -> tuple[MixtureDraws, Mapping[str, FloatArray]]:
        """Draw with a process for each chain."""
        options = self.options
        sites = SITES_OF_STAN[model.kind](starts, model.hyperparameters)
        found = run(
            {
                "action": "draw",
                **task_of(model),
                # Stan's seeds are integers of 32 bits.
                "seed": int(seed.generate_state(1, np.uint32)[0] >> np.uint32(1)),
                "starts": points_of(sites),
                "settings": {
                    "num_warmup": options.tune,
                    "num_samples": options.draws,
                    "delta": options.target_accept,
                },
            }
        )
        parts = [found.pop(name) for name in ("weights", "means", "covariances")]
        stats: dict[str, Any] = {**found, "diverging": found["diverging"] > 0.0}
        return MixtureDraws(*parts), stats

    def log_densities(self, model: ModelInNumbers, mixtures: MixtureDraws) -> FloatArray:
        """Evaluate Stan's density at one mixture after the other."""
        sites = SITES_OF_STAN[model.kind](mixtures, model.hyperparameters)
        found = run(
            {"action": "log density", **task_of(model), "seed": 1, "points": points_of(sites)}
        )
        return np.asarray(found["log_density"] + sites.log_correction)


def program_of(kind: str) -> str:
    """Return the Stan program of a prior, with the files that it includes."""
    folder = resources.files("experiments.engines.programs") / MODELS
    lines = (folder / f"{kind}.stan").read_text(encoding="utf-8").splitlines()
    included = "#include "
    return "\n".join(
        (folder / line.removeprefix(included)).read_text(encoding="utf-8").rstrip()
        if line.startswith(included)
        else line
        for line in lines
    )


def task_of(model: ModelInNumbers) -> dict[str, Any]:
    """Return a program and its data."""
    (n, d), k = model.rows.shape, model.n_components
    data: dict[str, Any] = {"N": n, "K": k, "D": d, "x": model.rows.tolist()}
    for name, value in model.hyperparameters.items():
        numbers = np.asarray(value, dtype=np.float64)
        if name not in NUMBERS and numbers.ndim == 0:
            numbers = np.broadcast_to(numbers, d)
        data[name] = numbers.tolist()
    return {"program": program_of(model.kind), "data": data}


def points_of(sites: Sites) -> list[dict[str, Any]]:
    """Return the parameters of each mixture by their names in the program."""
    n = len(sites.log_correction)
    return [{name: value[i].tolist() for name, value in sites.values.items()} for i in range(n)]


def run(task: Mapping[str, Any]) -> dict[str, FloatArray]:
    """Let PyStan do a task, and return the arrays that it found.

    Raises
    ------
    ValueError
        If Stan fails.
    """
    with tempfile.TemporaryDirectory(prefix="gmm-compare-stan-") as made:
        asked, found, script = (Path(made) / name for name in ("task.json", "found.npz", "run.py"))
        asked.write_text(json.dumps(task), encoding="utf-8")
        own = resources.files("experiments.engines.programs") / "stan_run.py"
        script.write_text(own.read_text(encoding="utf-8"), encoding="utf-8")
        done = subprocess.run(
            [STAN.python, str(script), str(asked), str(found)],
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
            # The compiler leaves files where it runs.
            cwd=made,
        )
        if done.returncode:
            raise ValueError(f"Stan ended with: {done.stderr.strip().rpartition(chr(10))[2]}")
        with np.load(found, allow_pickle=False) as arrays:
            return dict(arrays)


def _environment() -> dict[str, str]:
    """Return the environment of the process; what is on our path may not be for another Python."""
    of_another = STAN.python != sys.executable
    return {
        name: value
        for name, value in os.environ.items()
        if not (of_another and name == "PYTHONPATH")
    }
