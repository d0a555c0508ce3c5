"""What free coordinates of covariance matrices answer.

The accelerator moves in coordinates in which every step gives matrices of the family. Standard
errors need the matrices' first and second derivatives by free coordinates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from gmm_em.core.types import FloatArray


class Coordinates(ABC):
    """Free coordinates about given matrices, which have the coordinates zero.

    Attributes
    ----------
    size : int
        Number of coordinates, q.
    """

    size: int

    @abstractmethod
    def factors(self, x: FloatArray) -> FloatArray:
        """Cholesky factors of the matrices at coordinates `x`.

        Parameters
        ----------
        x : ndarray, shape (q,)

        Returns
        -------
        ndarray, shape (K, D, D), or (1, D, D) where components share one matrix
        """

    @abstractmethod
    def gradient(self, x: FloatArray, excess: FloatArray) -> FloatArray:
        """Gradient of the expected log-likelihood by the coordinates.

        Parameters
        ----------
        x : ndarray, shape (q,)
        excess : ndarray, shape (K, D, D) or (1, D, D), like the factors L
            ``L^-1 S L^-T - n I`` with scatters S and counts n, where the gradient by a matrix is
            ``L^-T excess L^-1 / 2``.

        Returns
        -------
        ndarray, shape (q,)
        """


class NaturalCoordinates(Coordinates):
    """Coordinates with first and second derivatives of the matrices at zero."""

    @abstractmethod
    def tangent(self) -> FloatArray:
        """Differentiate the matrices by the coordinates at zero, shape (K, D, D, q)."""

    @abstractmethod
    def bend(self, slopes: FloatArray) -> FloatArray:
        """Differentiate ``sum(slopes * matrices)`` twice at zero, shape (q, q).

        Parameters
        ----------
        slopes : ndarray, shape (K, D, D)
            Symmetric matrices.
        """
