"""Covariance structures: what each leaves free, and its M-step.

A structure says which second moments it needs, turns them into covariance matrices, counts its
free parameters, and knows the compact shape in which scikit-learn stores its matrices. Code that
works with covariances asks a structure, and never compares its name.

To add a structure, write a module beside this one with a subclass of `CovarianceStructure`, and
name the class in :mod:`gmm_em.covariance.registry`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from gmm_em.core.types import FloatArray, Second
from gmm_em.covariance.layout import reduce_second


class CovarianceStructure(ABC):
    """One family of constraints on the covariance matrices.

    Attributes
    ----------
    name : str
        The name used in ``covariance_type``.
    second : {"full", "diagonal", "pooled"}
        The second moments its M-step needs: a matrix per component, the diagonal per component,
        or one matrix summed over components.
    common_scale : bool
        Whether rescaling features one by one would leave the family.
    separate : bool
        Whether a component's matrix follows from its own count and scatter only, so that the
        components of several mixtures can be given to `covariances` as if they were one's.
        A class has to say so itself; it is not inherited.
    """

    name: ClassVar[str]
    second: ClassVar[Second]
    common_scale: ClassVar[bool] = False
    separate: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take `separate` from no parent: a class that changes the M-step may not be so."""
        super().__init_subclass__(**kwargs)
        cls.separate = bool(cls.__dict__.get("separate", False))

    @abstractmethod
    def covariances(self, counts: FloatArray, scatter: FloatArray, total: float) -> FloatArray:
        """Maximise the expected log-likelihood over the covariances.

        Parameters
        ----------
        counts : ndarray, shape (K,)
            Weighted count of each component.
        scatter : ndarray, shape (K, D, D), (K, D) or (D, D), as `second` says
            Weighted sums of products of deviations from the components' own means.
        total : float
            Sum of `counts`.

        Returns
        -------
        ndarray, shape (K, D, D)
        """

    def reduce(self, matrices: FloatArray) -> FloatArray:
        """Keep of second moments (K, D, D) what :meth:`covariances` needs, as `second` says."""
        return reduce_second(self.second, matrices)

    @abstractmethod
    def basis(self, n_features: int) -> FloatArray:
        """Lower-triangle entries of one matrix as linear functions of its free coordinates.

        Shape (D (D + 1) / 2, q); entries row by row.
        """

    @abstractmethod
    def to_log_factors(self, free: FloatArray, roots: FloatArray, n_features: int) -> FloatArray:
        """Spread free coordinates over the lower triangles of log-Cholesky matrices.

        A linear map, scaled so that a unit step is a unit of the complete data's information
        when component k has weight ``roots[k] ** 2``. Used by the accelerator.

        Parameters
        ----------
        free : ndarray, shape (n_parameters(K, D),)
        roots : ndarray, shape (K,)
        n_features : int

        Returns
        -------
        ndarray, shape (K, D, D), or (1, D, D) where components share one matrix
        """

    @abstractmethod
    def from_log_factors(self, gradient: FloatArray, roots: FloatArray) -> FloatArray:
        """Apply the adjoint of :meth:`to_log_factors`, which carries a gradient back."""

    @abstractmethod
    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Free parameters in the covariances of K components in D dimensions."""

    @abstractmethod
    def compact(self, covariances: FloatArray) -> FloatArray:
        """Return matrices of shape (K, D, D) in scikit-learn's shape for this structure."""

    @abstractmethod
    def expand(self, compact: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """Undo :meth:`compact`; also serves precisions and their Cholesky factors."""

    @abstractmethod
    def compact_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Shape of :meth:`compact`'s result."""

    @abstractmethod
    def min_count(self, n_features: int) -> float:
        """Distinct rows a component needs for its covariance to be non-singular."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
