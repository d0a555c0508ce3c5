"""Covariance structures: what each leaves free, and its M-step.

A structure says which second moments it needs, turns them into covariance matrices, counts its
free parameters, and knows the compact shape in which scikit-learn stores its matrices. Code that
works with covariances asks a structure, and never compares its name.

To add a structure, write a module beside this one with a subclass of `CovarianceStructure`, and
name the class in :mod:`gmm_em.covariance.registry`. A subclass of
:class:`gmm_em.covariance.log_linear.LogLinear` or :class:`gmm_em.covariance.decomposed.Decomposed`
has most of the answers already.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from gmm_em.core.types import FloatArray, Second
from gmm_em.covariance.coordinates import Coordinates, NaturalCoordinates
from gmm_em.covariance.layout import reduce_second


class CovarianceStructure(ABC):
    """One family of constraints on the covariance matrices.

    Attributes
    ----------
    name : str
        The name used in ``covariance_type``.
    mclust_name : str
        Three letters for volume, shape and orientation: E for equal in all components, V for
        varying, I for the identity. Empty for a structure that mclust does not have.
    second : {"full", "diagonal", "pooled"}
        The second moments its M-step needs: a matrix per component, the diagonal per component,
        or one matrix summed over components.
    common_scale : bool
        Whether rescaling features one by one would leave the family.
    separate : bool
        Whether a component's matrix follows from its own count and scatter only, so that the
        components of several mixtures can be given to `covariances` as if they were one's.
        A class has to say so itself; it is not inherited.
    exchangeable : bool
        Whether the family is the same after features have changed places. The accelerator's
        coordinates are then made in an order that does not depend on the order of the features.
        A class has to say so itself; it is not inherited.
    """

    name: str
    mclust_name: ClassVar[str] = ""
    second: ClassVar[Second]
    common_scale: ClassVar[bool] = False
    separate: ClassVar[bool] = False
    exchangeable: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take these two from no parent: a class that changes the M-step may not be so."""
        super().__init_subclass__(**kwargs)
        cls.separate = bool(cls.__dict__.get("separate", False))
        cls.exchangeable = bool(cls.__dict__.get("exchangeable", False))

    def called(self, name: str) -> Self:
        """Return the same structure under another name, which results then report."""
        other = copy.copy(self)
        other.name = name
        return other

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

    def improved(
        self, counts: FloatArray, scatter: FloatArray, total: float, current: FloatArray
    ) -> FloatArray:
        """Maximise as :meth:`covariances` does, with nothing worse than `current` as the result.

        The two differ for a structure whose M-step has several local maxima: this one climbs from
        `current`, so that EM never lowers its objective.

        Parameters
        ----------
        counts, scatter, total
            As for :meth:`covariances`.
        current : ndarray, shape (K, D, D)
            Matrices of the family.
        """
        return self.covariances(counts, scatter, total)

    @abstractmethod
    def basis(self, n_features: int) -> FloatArray:
        """Entries of one lower triangle as linear functions of as few numbers as possible.

        The columns span the smallest linear space that has the family's matrices in it.
        Shape (D (D + 1) / 2, q); entries row by row.
        """

    @abstractmethod
    def coordinates(self, covariances: FloatArray, roots: FloatArray) -> Coordinates:
        """Free coordinates of matrices close to given ones, for the accelerator.

        Parameters
        ----------
        covariances : ndarray, shape (K, D, D)
            Matrices of the family, which have the coordinates zero.
        roots : ndarray, shape (K,)
            A unit step is about a unit of the complete data's information, per row, where
            component k has weight ``roots[k] ** 2``.
        """

    @property
    def correlated(self) -> bool:
        """Whether entries off the diagonal are free."""
        # Of two features, three entries of a matrix are free where it is not diagonal.
        return bool(self.basis(2).shape[1] == 3)

    def natural(self, covariances: FloatArray) -> NaturalCoordinates | None:
        """Free coordinates for the information matrix, about given matrices (K, D, D).

        None where the numbers that `basis` multiplies are free in every component, or, with
        ``second = "pooled"``, free and common to all components.
        """
        return None

    @abstractmethod
    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Free parameters in the covariances of K components in D dimensions."""

    def compact(self, covariances: FloatArray) -> FloatArray:
        """Return matrices (K, D, D) in scikit-learn's shape for this structure.

        They are returned as they are, unless a structure that scikit-learn has says otherwise.
        """
        return covariances

    def expand(self, compact: FloatArray, n_components: int, n_features: int) -> FloatArray:
        """Undo :meth:`compact`; also serves precisions and their Cholesky factors."""
        return compact

    def compact_shape(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Shape of :meth:`compact`'s result."""
        return (n_components, n_features, n_features)

    @abstractmethod
    def min_count(self, n_features: int) -> float:
        """Distinct rows a component needs for its covariance to be non-singular."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
