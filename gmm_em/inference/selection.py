"""Fitting a range of models, and choosing one by an information criterion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gmm_em.core.foreign import is_foreign
from gmm_em.core.numbers import as_numbers, is_plain
from gmm_em.core.types import Seed
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.registry import STRUCTURES, get_structure
from gmm_em.e_step.answers import answers
from gmm_em.fitting.fit import fit_em
from gmm_em.fitting.problem import DegenerateError
from gmm_em.fitting.result import EMResult
from gmm_em.inference.criteria import aic, bic, icl_of, n_parameters


@dataclass(frozen=True, eq=False)
class Candidate:
    """One model of a selection.

    Attributes
    ----------
    n_components : int
    covariance_type : str
    n_parameters : int
    log_likelihood, aic, bic, icl : float
        NaN where the model could not be fitted.
    result : EMResult or None
    reason : str
        Why the model could not be fitted; empty where it was.
    """

    n_components: int
    covariance_type: str
    n_parameters: int
    log_likelihood: float
    aic: float
    bic: float
    icl: float
    result: EMResult | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Selection:
    """All models tried, and the choice.

    Attributes
    ----------
    candidates : tuple of Candidate
        In the order asked for: by structure, then by number of components.
    best : Candidate
        The fitted model with the smallest criterion.
    criterion : str
    """

    candidates: tuple[Candidate, ...]
    best: Candidate
    criterion: str

    def table(self) -> list[dict[str, Any]]:
        """Return one plain dictionary per model, ready for a data frame."""
        columns = ("n_components", "covariance_type", "n_parameters", "log_likelihood")
        names = (*columns, "aic", "bic", "icl", "reason")
        return [
            {name: getattr(candidate, name) for name in names} | {"chosen": candidate is self.best}
            for candidate in self.candidates
        ]

    def __str__(self) -> str:
        lines = [f"{'':2}{'type':<10}{'K':>4}{'p':>6}{'logL':>14}{'AIC':>14}{'BIC':>14}{'ICL':>14}"]
        for c in self.candidates:
            mark = "* " if c is self.best else "  "
            numbers = f"{c.log_likelihood:14.3f}{c.aic:14.3f}{c.bic:14.3f}{c.icl:14.3f}"
            name = f"{c.covariance_type:<10}{c.n_components:>4}{c.n_parameters:>6}"
            lines.append(mark + name + (numbers if not c.reason else "  refused"))
        return "\n".join(lines)


def select(
    X: Any,
    n_components: Iterable[int] = range(1, 10),
    covariance_type: str | Sequence[str | CovarianceStructure] = tuple(STRUCTURES),
    *,
    criterion: str = "bic",
    sample_weight: Any = None,
    random_state: Seed = None,
    **options: Any,
) -> Selection:
    """Fit a range of models, and choose by an information criterion.

    Parameters
    ----------
    X : array_like, shape (N, D)
    n_components : iterable of int, default 1 to 9
    covariance_type : str or sequence, default all fourteen
    criterion : {"bic", "aic", "icl"}
        Smaller is better.
    sample_weight : array_like, shape (N,), optional
    random_state : None, int, numpy.random.SeedSequence or numpy.random.Generator
        Each model gets a stream of its own.
    **options
        Further options of :func:`fit_em`.

    Raises
    ------
    ValueError
        If an option is not acceptable, or no model could be fitted.
    """
    if criterion not in ("bic", "aic", "icl"):
        raise ValueError(f"criterion must be 'bic', 'aic' or 'icl', got {criterion!r}")
    if isinstance(covariance_type, str | CovarianceStructure):
        covariance_type = (covariance_type,)
    structures = [get_structure(kind) for kind in covariance_type]
    counts = [int(k) for k in n_components]
    if not structures or not counts:
        raise ValueError("n_components and covariance_type must not be empty")
    models = [(structure, k) for structure in structures for k in counts]
    streams = np.random.default_rng(random_state).spawn(len(models))
    candidates = tuple(
        _candidate(X, k, structure, sample_weight, rng, options)
        for (structure, k), rng in zip(models, streams, strict=True)
    )
    fitted = [candidate for candidate in candidates if candidate.result is not None]
    if not fitted:
        raise DegenerateError(f"no model could be fitted: {candidates[0].reason}")
    best = min(fitted, key=lambda candidate: getattr(candidate, criterion))
    return Selection(candidates, best, criterion)


def _candidate(
    X: Any,
    k: int,
    structure: CovarianceStructure,
    sample_weight: Any,
    rng: np.random.Generator,
    options: dict[str, Any],
) -> Candidate:
    d = int(np.shape(X)[1]) if np.ndim(X) == 2 else 1
    n_free = n_parameters(k, d, structure)
    try:
        result = fit_em(
            X,
            k,
            covariance_type=structure,
            sample_weight=sample_weight,
            random_state=rng,
            **options,
        )
    except DegenerateError as error:
        nan = float("nan")
        return Candidate(k, structure.name, n_free, nan, nan, nan, nan, None, str(error))
    value, total = result.log_likelihood, result.total_weight
    rows = X if is_foreign(X) or is_plain(X) else as_numbers(X)
    certainty = answers(result.mixture, rows, structure.second).certainty(sample_weight)
    return Candidate(
        k,
        structure.name,
        n_free,
        value,
        aic(value, n_free),
        bic(value, n_free, total),
        icl_of(value, n_free, total, certainty),
        result,
    )
