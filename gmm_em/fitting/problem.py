"""The two steps of EM for one data set, number of components, structure and penalty."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmm_em.core.types import FloatArray, IntArray
from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.projection import structured
from gmm_em.e_step.blocked import BlockedEStep
from gmm_em.e_step.features import SingularError
from gmm_em.e_step.protocol import CompleteEStep, EStep, ManyEStep
from gmm_em.e_step.totals import BatchedTotals, Totals
from gmm_em.fitting.prior import Penalty
from gmm_em.rows.samples import Parameters, Samples

# Fewer rows than this are none.
_EMPTY = 1e-8
# Covariances that differ by less, relatively, from their structure's closest are in the family.
_OUTSIDE = 1e-9


class DegenerateError(ValueError):
    """A component collapsed onto a point or a hyperplane, or became empty."""


class ConstantFeatureError(DegenerateError):
    """A feature has one value only, which no covariance of the structure can hold.

    Attributes
    ----------
    feature : int
    """

    def __init__(self, feature: int, name: str | None = None) -> None:
        called = f"feature {feature}" if name is None else f"feature {feature} ({name})"
        super().__init__(
            f"{called} is constant, so every covariance would be singular: drop it, "
            "or set reg_covar > 0"
        )
        self.feature = feature

    def named(self, names: Any) -> ConstantFeatureError:
        """Return the same error with the feature's name, where the features have names."""
        return self if names is None else type(self)(self.feature, str(names[self.feature]))


class CompleteData(NamedTuple):
    """Sums that, with the missing labels filled in, decide every parameter.

    `scatter` and `counts` have one entry per free covariance: one for shared covariances.
    """

    weight_counts: FloatArray
    first: FloatArray
    scatter: FloatArray
    counts: FloatArray


class Problem:
    """Objective, E-step and M-step in the samples' inner units.

    Parameters
    ----------
    samples : Samples
    estep : EStep
    structure : CovarianceStructure
    reg_covar : float or ndarray of shape (D,)
        Added to the diagonals, in the data's squared units.
    penalty : Penalty, optional
        A conjugate log-prior, in inner units, that is added to the log-likelihood.
    n_rows : int, optional
        Rows the E-step sees, where `samples` holds only some of them.
    log_jacobian : float, optional
        What the change of units adds to the log-likelihood, where values are missing.
    pilot : Problem, optional
        The same problem for a sample of the rows, which is cheap to ask for the curvature.
    many : ManyEStep, optional
        The E-step for many mixtures at a time, which a search needs.
    """

    def __init__(  # noqa: PLR0913 - rows, structure, prior and how they are read
        self,
        samples: Samples,
        estep: EStep,
        structure: CovarianceStructure,
        reg_covar: float | FloatArray = 0.0,
        penalty: Penalty | None = None,
        *,
        n_rows: int | None = None,
        log_jacobian: float | None = None,
        many: ManyEStep | None = None,
        pilot: Problem | None = None,
    ) -> None:
        self.samples = samples
        self.n_components = estep.n_components
        self.n_rows = samples.n_samples if n_rows is None else n_rows
        whole = n_rows is None or n_rows == samples.n_samples
        self.total_weight = samples.total_weight if whole else float(self.n_rows)
        if log_jacobian is None:
            log_jacobian = self.total_weight * float(np.log(samples.scale).sum())
        self._log_jacobian = log_jacobian
        self.structure = structure
        self.penalty = penalty
        self._estep = estep
        self._complete = estep if isinstance(estep, CompleteEStep) else None
        self._many = many
        self.pilot = pilot
        self._ridge = np.diag(reg_covar / samples.scale**2) if np.any(reg_covar) else None

    @property
    def smooth(self) -> bool:
        """Whether the M-step maximises the objective, which adding to diagonals does not."""
        return self._ridge is None

    def expect(self, parameters: Parameters) -> Totals:
        """E-step, with the objective at `parameters`.

        Raises
        ------
        DegenerateError
            Where a covariance is singular.
        """
        try:
            totals = self._estep.expect(parameters)
        except SingularError as error:
            raise DegenerateError(str(error)) from None
        totals.log_likelihood -= self._log_jacobian
        totals.covariances = parameters.covariances
        totals.objective = totals.log_likelihood
        if self.penalty is not None:
            totals.objective += self.penalty.log_density(
                parameters, self.structure.second == "pooled"
            )
        return totals

    def expect_each(self, parameters: Parameters) -> tuple[BatchedTotals, FloatArray]:
        """E-step of R mixtures, and their objectives (R,).

        Raises
        ------
        DegenerateError
            Where a covariance of any of them is singular; `expect` says of which.
        """
        assert self._many is not None
        try:
            totals = self._many.expect(parameters)
        except SingularError as error:
            raise DegenerateError(str(error)) from None
        totals = totals._replace(log_likelihood=totals.log_likelihood - self._log_jacobian)
        if self.penalty is None:
            return totals, totals.log_likelihood
        shared = self.structure.second == "pooled"
        prior = [
            self.penalty.log_density(Parameters(*one), shared)
            for one in zip(*parameters, strict=True)
        ]
        return totals, totals.log_likelihood + np.array(prior)

    def log_density(self, parameters: Parameters, index: IntArray) -> FloatArray:
        """Log-density of chosen rows under R mixtures, in inner units, shape (R, n)."""
        assert self._many is not None
        return self._many.log_density(parameters, index)

    def responsibilities(self, parameters: Parameters) -> FloatArray:
        """Responsibilities of all rows, shape (K, N), of a problem with few rows."""
        assert isinstance(self._estep, BlockedEStep)
        return self._estep.evaluate(parameters)[1]

    def least_log_density(self, parameters: Parameters) -> float:
        """Lowest log-density of a row in inner units, where `by_row` says that it is known."""
        assert self._complete is not None
        return self._complete.least_log_density(parameters)

    @property
    def plain(self) -> bool:
        """Whether the likelihood is maximised, of rows that all count alike."""
        return self.smooth and self.penalty is None and self.samples.weight is None

    @property
    def by_row(self) -> bool:
        """Whether all rows are complete and can be read again, a block at a time."""
        return self._complete is not None

    def maximize_each(self, totals: BatchedTotals, current: Parameters) -> Parameters:
        """M-step of R mixtures none of which has an empty component, from the current ones."""
        n_runs, k, d = totals.first.shape
        if self.penalty is not None or not self.structure.separate:
            each = []
            for run, covariances in enumerate(current.covariances):
                one = totals.of(run)
                one.covariances = covariances
                each.append(self.maximize(one))
            return Parameters(*(np.stack(arrays) for arrays in zip(*each, strict=True)))
        # Every component is for itself, so those of all mixtures are treated as those of one.
        flat = Totals(
            np.nan,
            totals.counts.reshape(-1),
            totals.first.reshape(-1, d),
            totals.second.reshape(n_runs * k, *totals.second.shape[2:]),
            totals.origin.reshape(-1, d),
        )
        joint = self._plain(flat)
        covariances = joint.covariances
        if self._ridge is not None:
            raised = covariances + self._ridge
            covariances = structured(self.structure, flat.counts, raised)
        weights = totals.counts / totals.counts.sum(axis=1, keepdims=True)
        return Parameters(
            weights, joint.means.reshape(n_runs, k, d), covariances.reshape(n_runs, k, d, d)
        )

    def empty(self, counts: FloatArray) -> NDArray[np.bool_]:
        """Whether any component of each mixture is empty, from counts of shape (..., K)."""
        # A prior on the means holds a component up even where it has no rows.
        if self.penalty and self.penalty.kappa:
            return np.zeros(counts.shape[:-1], dtype=bool)
        return ~(counts.min(axis=-1) > _EMPTY * min(1.0, self.total_weight / self.n_rows))

    def maximize(self, totals: Totals) -> Parameters:
        """M-step.

        Raises
        ------
        DegenerateError
            Where a component has collapsed or is empty.
        """
        counts = totals.counts
        if self.empty(counts):
            raise DegenerateError(f"component {int(counts.argmin())} became empty")
        parameters = self._plain(totals) if self.penalty is None else self._penalised(totals)
        if self._ridge is None:
            return parameters
        raised = parameters.covariances + self._ridge
        return parameters._replace(covariances=structured(self.structure, counts, raised))

    def in_family(self, start: Parameters) -> Parameters:
        """Return a start whose covariances have the structure, the closest where they had not."""
        closest = structured(self.structure, start.weights, start.covariances)
        allowed = _OUTSIDE * np.abs(start.covariances).max(axis=(1, 2), keepdims=True)
        # A start inside the family is taken to the last digit.
        if (np.abs(closest - start.covariances) <= allowed).all():
            return start
        return start._replace(covariances=closest)

    def in_family_each(self, parameters: Parameters) -> Parameters:
        """Return R mixtures with the covariances of the structure that are closest to theirs."""
        weights, covariances = parameters.weights, parameters.covariances
        if self.structure.separate:
            flat = covariances.reshape(-1, *covariances.shape[2:])
            closest = structured(self.structure, weights.reshape(-1), flat)
            return parameters._replace(covariances=closest.reshape(covariances.shape))
        each = [structured(self.structure, *one) for one in zip(weights, covariances, strict=True)]
        return parameters._replace(covariances=np.stack(each))

    def safe_start(self, start: Parameters) -> Parameters:
        """Add what `reg_covar` or the prior would to the covariances of a start."""
        start = self.in_family(start)
        covariances = start.covariances
        if self._ridge is not None:
            covariances = covariances + self._ridge
        elif self.penalty is not None:
            k, d = start.means.shape
            kind = self.structure.second
            share = self.total_weight / (1 if kind == "pooled" else k)
            prior = np.broadcast_to(self.penalty.psi, (k, d, d))
            compact = self.structure.compact(prior) / self.penalty.prior_counts(d)
            prior = self.structure.expand(compact, k, d)
            covariances = covariances + prior * (self.penalty.prior_counts(d) / share)
        else:
            return start
        covariances = structured(self.structure, start.weights, covariances)
        return start._replace(covariances=covariances)

    def support(self, parameters: Parameters) -> FloatArray:
        """Return how many rows each component rests on, shape (K,)."""
        return self._estep.support(parameters)

    def complete(self, totals: Totals, means: FloatArray) -> CompleteData:
        """Sum rows and the prior's pseudo-rows: counts, and moments about `means`."""
        kind = self.structure.second
        first = totals.first + totals.counts[:, None] * (totals.origin - means)
        scatter = scatter_about(totals, means, kind)
        shared = kind == "pooled"
        counts = totals.counts.sum(keepdims=True) if shared else totals.counts
        if self.penalty is None:
            return CompleteData(totals.counts, first, scatter, counts)
        k, d = means.shape
        added = self.penalty.prior_counts(d)
        if shared:
            added += (k - 1.0) * (self.penalty.kappa > 0)
        return CompleteData(
            totals.counts + self.penalty.concentration - 1.0,
            first + self.penalty.pull(means),
            scatter + self.penalty.scatter(means, kind),
            counts + added,
        )

    def _plain(self, totals: Totals) -> Parameters:
        counts = totals.counts
        offset = totals.first / counts[:, None]
        if self.structure.second == "full":
            # Symmetric to the last digit, which is all that is left of a component that collapses.
            square = offset[:, :, None] * offset[:, None, :]
            scatter = totals.second - square * counts[:, None, None]
            scatter = 0.5 * (scatter + scatter.transpose(0, 2, 1))
        elif self.structure.second == "diagonal":
            scatter = totals.second - totals.first * offset
        else:
            weighted = offset * np.sqrt(counts)[:, None]
            scatter = totals.second - weighted.T @ weighted
        total = float(counts.sum())
        covariances = self._best(totals, counts, scatter, total)
        return Parameters(counts / total, totals.origin + offset, covariances)

    def _penalised(self, totals: Totals) -> Parameters:
        assert self.penalty is not None
        pulled = totals.first + self.penalty.pull(totals.origin)
        means = totals.origin + pulled / (totals.counts + self.penalty.kappa)[:, None]
        data = self.complete(totals, means)
        shared = self.structure.second == "pooled"
        scatter = data.scatter[0] if shared else data.scatter
        counts = totals.counts if shared else data.counts
        covariances = self._best(totals, counts, scatter, float(data.counts.sum()))
        weights = data.weight_counts / data.weight_counts.sum()
        return Parameters(weights, means, covariances)

    def _best(
        self, totals: Totals, counts: FloatArray, scatter: FloatArray, total: float
    ) -> FloatArray:
        """M-step of the covariances, from those of the E-step where they are known."""
        if totals.covariances is None:
            return self.structure.covariances(counts, scatter, total)
        return self.structure.improved(counts, scatter, total, totals.covariances)


def scatter_about(totals: Totals, means: FloatArray, kind: str) -> FloatArray:
    """Sum products of deviations from `means`, in the shape `kind` says.

    The shape is (K, D, D) for "full", (K, D) for "diagonal", (1, D, D) for "pooled".
    """
    step = totals.origin - means
    if kind == "diagonal":
        diagonal = totals.second + (2.0 * totals.first + totals.counts[:, None] * step) * step
        return np.asarray(diagonal)
    if kind == "pooled":
        cross = totals.first.T @ step
        square = (step * totals.counts[:, None]).T @ step
        return np.asarray(totals.second + cross + cross.T + square)[None]
    outer = totals.first[:, :, None] * step[:, None, :]
    square = totals.counts[:, None, None] * (step[:, :, None] * step[:, None, :])
    return np.asarray(totals.second + outer + outer.transpose(0, 2, 1) + square)
