"""How long fits take: seconds as functions of N, D and K, on a machine of known speed.

One E-step costs, for each row, the features of the row (P = 1 + D + D (D + 1) / 2 of them), the
densities (K exponentials) and two matrix products of K by P. A Gibbs sweep draws K matrices of
D x D and a label for each row. The seconds of both are therefore linear in a few terms, whose
coefficients `gmm-compare bench scale` measures. Those here were measured once, and a short run
tells how fast this machine is beside that one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from gmm_em import Mixture, expect, maximize
from gmm_em.core.threads import single_threaded_blas

# The terms of a cost at N, D and K.
CostTerms = Callable[[int, int, int], tuple[float, ...]]

# Iterations of EM, as long as those on all rows: of a start, and of a bootstrap replicate.
PASSES_OF_A_START = 60
PASSES_OF_A_REPLICATE = 60
# What a draw of Gibbs takes, in sweeps: on overlapping components a few jumps follow each.
SWEEPS_OF_A_DRAW = 1.5
# The rows, features and components of the run that tells how fast this machine is, and its seconds
# where the costs are from.
_PROBE = (20_000, 4, 4)
_PROBE_SECONDS = 0.00125
_PROBES = 5


@dataclass(frozen=True)
class Cost:
    """Seconds as a sum of terms, as measured on the machine that the others are compared with.

    Attributes
    ----------
    terms : callable
        Of N, D and K.
    coefficients : tuple of float
    """

    terms: CostTerms
    coefficients: tuple[float, ...]

    def seconds(self, n: int, d: int, k: int) -> float:
        """Return the seconds of one step on this machine."""
        return slowness() * self.usual_seconds(n, d, k)

    def usual_seconds(self, n: int, d: int, k: int) -> float:
        """Return the seconds of one step on the machine that the costs are from."""
        return float(np.dot(self.terms(n, d, k), self.coefficients))


def n_row_features(d: int) -> int:
    """Return P, the number of products of a row that an E-step needs."""
    return 1 + d + d * (d + 1) // 2


def em_terms(n: int, d: int, k: int) -> tuple[float, ...]:
    """Terms of the seconds of one E-step and M-step."""
    return 1.0, k * d**2, n * k * n_row_features(d), n * k, n * n_row_features(d)


def gibbs_terms(n: int, d: int, k: int) -> tuple[float, ...]:
    """Terms of the seconds of one sweep of one chain."""
    return 1.0, k, k * d**3, n * k * n_row_features(d), n * k, n


def gradients_of_a_draw(d: int, k: int) -> float:
    """Return about how many evaluations of the gradient a draw of NUTS takes, jumps among them.

    There were about 25 with 29 free parameters, at 20 000 × 3, and 110 with 329, at 4 000 × 10.
    """
    n_free = k * n_row_features(d) - 1
    return 5.0 * math.sqrt(n_free)


def gradient_terms(n: int, d: int, k: int) -> tuple[float, ...]:
    """Terms of the seconds of one evaluation of the posterior density with its gradient."""
    return 1.0, n * k * n_row_features(d), n * k


# Of a machine with two processors on which `bench scale` was run; those of the gradient are from
# single evaluations of the density, with up to ten features.
EM_PASS = Cost(em_terms, (3.9e-5, 7.3e-8, 6.9e-11, 2e-9, 1.1e-9))
GIBBS_SWEEP = Cost(gibbs_terms, (0.0, 6.9e-5, 1.4e-7, 5.4e-10, 9.4e-9, 1.2e-8))
GRADIENT = Cost(gradient_terms, (5e-6, 3e-10, 2.2e-9))


@cache
def slowness() -> float:
    """Return how many times longer one step of EM takes here than where the costs are from.

    It is measured once in a process, in a few milliseconds of the processor's time. Of several
    runs the fastest counts.
    """
    return max(min(_seconds_of_a_pass() for _ in range(_PROBES)) / _PROBE_SECONDS, 0.05)


@single_threaded_blas()
def _seconds_of_a_pass() -> float:
    """Time an E-step and an M-step of rows that are drawn from a mixture."""
    n, d, k = _PROBE
    rng = np.random.default_rng(0)
    means = 3.0 * rng.normal(size=(k, d))
    mixture = Mixture(np.full(k, 1 / k), means, np.repeat(np.eye(d)[None], k, axis=0))
    X = mixture.sample(n, rng)[0]
    begin = time.thread_time()
    maximize(expect(mixture, X))
    return time.thread_time() - begin
