"""EM by mclust, as an engine: R fits, in a process of its own."""

from __future__ import annotations

import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import ClassVar

import numpy as np

from experiments.config.section import Positive, Section
from experiments.core.progress import Report
from experiments.core.types import FloatArray
from experiments.engines.contract import Fit
from experiments.engines.fit import ALL_COVARIANCE_TYPES
from gmm_em import Mixture
from gmm_em.covariance.registry import get_structure

# Statuses that the script ends with.
NO_MCLUST, NO_FIT = 3, 4


class MclustSettings(Section):
    """How mclust is called; the search is its own, from a hierarchical clustering of the rows."""

    seconds: Positive = 600.0
    """How long R may take."""


@dataclass(frozen=True)
class MclustEngine:
    """mclust's maximum of the likelihood (Scrucca, Fop, Murphy & Raftery 2016); no uncertainty."""

    options: MclustSettings
    settings: ClassVar[type[Section]] = MclustSettings
    covariance_types: ClassVar[tuple[str, ...]] = ALL_COVARIANCE_TYPES

    def fit(
        self,
        X: FloatArray,
        n_components: int,
        seed: np.random.SeedSequence,
        progress: Report,
        *,
        covariance_type: str = "full",
    ) -> Fit:
        """Fit with mclust.

        Raises
        ------
        ValueError
            If R does not have mclust, mclust cannot fit the rows, or R fails or takes too long.
        """
        start = time.perf_counter()
        progress("mclust", 0, 1)
        k, d = n_components, X.shape[1]
        # R's seeds are positive integers of 32 bits.
        number = int(seed.generate_state(1, np.uint32)[0] >> np.uint32(1))
        found = self._run(X, [str(k), _model(covariance_type, d), str(number)])
        mixture = Mixture(
            found["weights"] / found["weights"].sum(),
            found["means"].reshape(k, d),
            # R writes the first index fastest, and every matrix is symmetric.
            found["covariances"].reshape(k, d, d),
        )
        progress("mclust", 1, 1)
        return Fit(
            title="mclust",
            mixture=mixture,
            seconds=time.perf_counter() - start,
            diagnostics={"log_likelihood": float(found["log_likelihood"][0])},
            maximum_likelihood=True,
        )

    def _run(self, X: FloatArray, task: list[str]) -> dict[str, FloatArray]:
        """Run the script on rows, and return what it printed, by name."""
        with tempfile.TemporaryDirectory(prefix="gmm-compare-mclust-") as made:
            rows, script = Path(made) / "rows.csv", Path(made) / "mclust_fit.R"
            np.savetxt(rows, X, delimiter=",", fmt="%.17g")
            text = resources.files("experiments.engines.programs").joinpath(script.name).read_text()
            script.write_text(text, encoding="utf-8")
            try:
                done = subprocess.run(
                    ["Rscript", "--vanilla", str(script), str(rows), *task],
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=self.options.seconds,
                )
            except subprocess.TimeoutExpired:
                raise ValueError(
                    f"mclust took more than mclust.seconds = {self.options.seconds:g}"
                ) from None
        if done.returncode == NO_MCLUST:
            raise ValueError("R has no package mclust: type install.packages('mclust') in R")
        if done.returncode == NO_FIT:
            raise ValueError("mclust finds no fit of that structure and number of components")
        if done.returncode:
            raise ValueError(f"R ended with: {done.stderr.strip().rpartition(chr(10))[2]}")
        lines = [line.split() for line in done.stdout.splitlines()]
        return {
            name: np.array(rest, dtype=np.float64) for name, *rest in lines if name != "version"
        }


def _model(covariance_type: str, n_features: int) -> str:
    """Return mclust's name of a structure, which with one feature is the letter of the volumes."""
    name = str(get_structure(covariance_type).mclust_name)
    return name if n_features > 1 else name[0]
