"""Densities of rows whose values may be missing: of each row, those of what was observed."""

from __future__ import annotations

import numpy as np

from gmm_em.core.types import FloatArray
from gmm_em.e_step.missing import evaluate_missing
from gmm_em.mixture import Mixture


def log_prob(mixture: Mixture, X: FloatArray) -> FloatArray:
    """Return the log density of what is observed of each row, shape (N,)."""
    return evaluate_missing(mixture, X)[0] if np.isnan(X).any() else mixture.log_prob(X)


def log_likelihood(mixture: Mixture, X: FloatArray) -> float:
    """Return the total log-likelihood of what is observed."""
    return float(log_prob(mixture, X).sum()) if np.isnan(X).any() else mixture.log_likelihood(X)


def responsibilities(mixture: Mixture, X: FloatArray) -> FloatArray:
    """Return each component's responsibility for each row given what is observed, shape (N, K)."""
    return evaluate_missing(mixture, X)[1] if np.isnan(X).any() else mixture.responsibilities(X)
