"""The choice of a covariance structure by EM's BIC, before that of a number of components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.core.errors import FitError
from experiments.core.progress import Report
from experiments.core.seeds import stream
from experiments.core.words import listed
from experiments.datasets.dataset import Dataset
from experiments.values.comparison import Finding
from gmm_em import DegenerateError, Selection, select

# How many of the models next to the best a sentence names.
NEXT = 3
# Settings of the engine em that mean the same to `gmm_em.select`.
OPTIONS = ("init_params", "n_init", "max_iter", "tol", "reg_covar")


def best_structure(
    dataset: Dataset,
    n_components: Sequence[int],
    structures: Sequence[str],
    options: Mapping[str, Any],
    seed: int,
    progress: Report,
) -> Selection:
    """Fit every number of components with every structure by EM, and choose by BIC.

    Parameters
    ----------
    dataset : Dataset
    n_components : sequence of int
    structures : sequence of str
        Names that `gmm_em` knows.
    options : mapping
        Settings of the engine em.
    seed : int
    progress : callable
        Called with (stage, done, total).

    Raises
    ------
    FitError
        If no model could be fitted.
    """
    progress("EM of every structure", 0, 1)
    missing = "mar" if np.isnan(dataset.X).any() else "error"
    how = {name: options[name] for name in OPTIONS if name in options}
    random = stream(seed, "structures")
    try:
        found = select(
            dataset.X, n_components, structures, random_state=random, missing=missing, **how
        )
    except DegenerateError as error:
        raise FitError(f"{dataset.name}: {error}") from error
    progress("EM of every structure", 1, 1)
    return found


def chosen_structure(found: Selection) -> Finding:
    """Say which structure BIC chooses, and which models come next."""
    fitted = [candidate for candidate in found.candidates if candidate.result is not None]
    best, *others = sorted(fitted, key=lambda candidate: candidate.bic)
    text = (
        f"EM's BIC chooses {best.covariance_type} covariances, with K = {best.n_components}, among "
        f"{len(found.candidates)} models."
    )
    if others:
        near = [
            f"{model.covariance_type} with K = {model.n_components} "
            f"({0.5 * (model.bic - best.bic):.1f} worse)"
            for model in others[:NEXT]
        ]
        text += f" In log-likelihood, next are {listed(near)}."
    apart = 0.5 * (others[0].bic - best.bic) if others else 0.0
    return Finding(id="structure", level="ok", text=text, value=apart, threshold=0.0)
