"""Normal densities of rows that are arrays of another library, computed where the rows are.

Rows are taken in blocks, so that beside what is returned little memory is needed there. The
components are small arrays of NumPy, which are sent to the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from gmm_em.core.checks import check_matrix_shape, check_sample_weight, refuse_not_finite
from gmm_em.core.foreign import Place, is_foreign, to_host
from gmm_em.core.types import LOG_2PI, FloatArray


class _Components(NamedTuple):
    """The components of a mixture, at the place of the rows.

    Attributes
    ----------
    constants : array, shape (K, 1)
        Weighted log-densities at the means.
    means : array, shape (K, D, 1)
    whiteners : array, shape (K, D, D)
        Inverses of the covariances' lower Cholesky factors.
    """

    constants: Any
    means: Any
    whiteners: Any


class MixtureArrays(Protocol):
    """What is needed of a mixture."""

    @property
    def weights(self) -> FloatArray:
        """Mixing proportions, shape (K,)."""

    @property
    def means(self) -> FloatArray:
        """One row per component, shape (K, D)."""

    @property
    def scale_trils(self) -> FloatArray:
        """Lower Cholesky factors of the covariances, shape (K, D, D)."""


class ForeignDensities:
    """The densities of one mixture at rows of another library.

    Parameters
    ----------
    mixture : Mixture
    X : array, shape (N, D)

    Raises
    ------
    ValueError
        If `X` is no matrix with D columns of real numbers. Methods raise it where a value is not
        finite.
    """

    def __init__(self, mixture: MixtureArrays, X: Any) -> None:
        self._place = Place.of(X)
        k, d = mixture.means.shape
        check_matrix_shape(X, d)
        self._X = X
        with np.errstate(divide="ignore"):
            constants = np.log(mixture.weights) - 0.5 * d * LOG_2PI
        factors = mixture.scale_trils
        constants -= np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        parts = (constants[:, None], mixture.means[:, :, None], np.linalg.inv(factors))
        with self._place.arithmetic():
            self._components = _Components(*(self._place.send(part) for part in parts))
        # Deviations of all components, their whitened values and the squares are held at a time.
        self._step = max(1, self._place.block_elements // (3 * k * (d + 1)))

    @property
    def n_rows(self) -> int:
        """Number of rows, N."""
        return int(self._X.shape[0])

    # What is answered for each row -------------------------------------------------------------

    def component_log_prob(self) -> Any:
        """Log of each component's weighted density at each row, shape (N, K)."""
        return self._of_each_row(lambda joint, rows: self._place.returned(joint.T))

    def log_prob(self) -> Any:
        """Log-density of the mixture at each row, shape (N,)."""
        return self._of_each_row(lambda joint, rows: self._place.returned(self._log_sum(joint)))

    def responsibilities(self) -> Any:
        """Probability of each component given each row, shape (N, K)."""
        return self._of_each_row(
            lambda joint, rows: self._place.returned(self._shares(joint, rows).T)
        )

    def predict(self) -> Any:
        """Most probable component of each row, shape (N,)."""
        xp = self._place.xp
        return self._of_each_row(
            lambda joint, rows: self._place.labels(xp.argmax(self._shares(joint, rows), axis=0))
        )

    # Sums over rows ----------------------------------------------------------------------------

    def log_likelihood(self, sample_weight: Any = None) -> float:
        """Weighted sum over rows of the log-density."""
        return self._sum(lambda joint, rows: self._log_sum(joint), sample_weight)

    def certainty(self, sample_weight: Any = None) -> float:
        """Weighted sum over rows of the logarithm of the largest responsibility."""
        xp = self._place.xp
        return self._sum(
            lambda joint, rows: xp.log(xp.max(self._shares(joint, rows), axis=0)), sample_weight
        )

    # Blocks of rows ----------------------------------------------------------------------------

    def _blocks(self) -> Iterator[tuple[int, Any, Any]]:
        """Yield each block's first row, its rows (D, n), and log-densities (K, n)."""
        xp, parts = self._place.xp, self._components
        # No rows are one block, whose results have the right shapes.
        for start in range(0, max(1, self.n_rows), self._step):
            read = self._X[start : min(start + self._step, self.n_rows), ...]
            rows = self._place.wide(read).T
            if not bool(xp.all(xp.isfinite(rows))):
                refuse_not_finite(to_host(read), start)
            z = parts.whiteners @ (rows[None, ...] - parts.means)
            yield start, rows, parts.constants - 0.5 * xp.sum(z * z, axis=1)

    def _of_each_row(self, answer: Callable[[Any, Any], Any]) -> Any:
        """Join the answers to the log-densities (K, n) and the rows (D, n) of each block."""
        with self._place.arithmetic():
            answers = [answer(joint, rows) for _, rows, joint in self._blocks()]
            return answers[0] if len(answers) == 1 else self._place.xp.concat(answers, axis=0)

    def _sum(self, answer: Callable[[Any, Any], Any], sample_weight: Any) -> float:
        xp, place = self._place.xp, self._place
        weight = None
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, self.n_rows)
        sums = []
        with place.arithmetic():
            for start, rows, joint in self._blocks():
                each = answer(joint, rows)
                if weight is not None:
                    w = place.send(weight[start : start + self._step])
                    # A row of weight zero is absent, even where its density underflows to zero.
                    each = xp.where(w > 0, w * each, xp.zeros_like(each))
                sums.append(xp.sum(each))
            return float(xp.sum(xp.stack(sums)))

    def _log_sum(self, joint: Any) -> Any:
        xp = self._place.xp
        top = xp.max(joint, axis=0)
        # A row where every density underflows has the maximum minus infinity, and is left as it is.
        top = xp.where(xp.isinf(top), xp.zeros_like(top), top)
        return top + xp.log(xp.sum(xp.exp(joint - top), axis=0))

    def _shares(self, joint: Any, rows: Any) -> Any:
        """Responsibilities, shape (K, n)."""
        xp = self._place.xp
        top = xp.max(joint, axis=0)
        far = xp.isinf(top)
        if bool(xp.any(far)):
            near = log_nearest(xp, rows, self._components.whiteners, self._components.constants)
            joint = xp.where(far, near, joint)
            top = xp.where(far, xp.zeros_like(top), top)
        shares = xp.exp(joint - top)
        return shares / xp.sum(shares, axis=0)


def computed_where_rows_are[M: Callable[..., Any]](method: M) -> M:
    """Let a method of a mixture ask `ForeignDensities` where its first argument is foreign.

    Parameters
    ----------
    method : callable
        Takes rows `X` of NumPy, and perhaps more. `ForeignDensities` has a method of its name,
        which takes the rest.
    """
    foreign = getattr(ForeignDensities, method.__name__)

    @wraps(method)
    def answer(self: Any, X: Any, *rest: Any, **named: Any) -> Any:
        if is_foreign(X):
            return foreign(ForeignDensities(self, X), *rest, **named)
        return method(self, X, *rest, **named)

    return cast(M, answer)


def log_nearest(xp: Any, rows: Any, whiteners: Any, constants: Any) -> Any:
    """Log-responsibilities of rows so far away that every density is zero in float64.

    They belong to the component that is nearest in Mahalanobis distance, which far away does not
    depend on the means.

    Parameters
    ----------
    xp : module
        The library of the arrays.
    rows : array, shape (D, n)
    whiteners : array, shape (K, D, D)
        Inverses of the covariances' lower Cholesky factors.
    constants : array, shape (K, 1)
        Minus infinity for components of weight zero.

    Returns
    -------
    array, shape (K, n)
        Zero for the nearest component, and minus infinity for the others.
    """
    directions = rows / xp.max(xp.abs(rows), axis=0)
    z = whiteners @ directions[None, ...]
    distances = xp.sum(z * z, axis=1)
    distances = xp.where(xp.isinf(constants), xp.full_like(distances, xp.inf), distances)
    order = xp.arange(distances.shape[0], device=rows.device)
    nearest = order[:, None] == xp.argmin(distances, axis=0)
    return xp.where(nearest, xp.zeros_like(distances), xp.full_like(distances, -xp.inf))
