"""Marginal and conditional distributions of a fit, whose features may be named."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from gmm_em.core.conditioning import feature_indices, given_values
from gmm_em.core.sklearn_params import SklearnParams
from gmm_em.mixture import Mixture


class FeatureParts(SklearnParams):
    """An estimator that leaves its estimate in ``mixture_``, and the names of the columns."""

    mixture_: Mixture

    @abstractmethod
    def _check_fitted(self) -> Any:
        """Raise NotFittedError before the first fit."""

    def marginal(self, features: int | str | Iterable[int | str]) -> Mixture:
        """Distribution of some of the features, of the mixture in ``mixture_``.

        Parameters
        ----------
        features : int, str or iterable of them
            Positions from 0, or names of columns where `fit` was given a data frame.

        Returns
        -------
        Mixture
            Of these features, in the order given: see :meth:`gmm_em.Mixture.marginal`.

        Raises
        ------
        ValueError
            If no feature is given, one is given twice, or there is no such feature.
        """
        self._check_fitted()
        mixture = self.mixture_
        places = feature_indices(features, mixture.n_features, self._feature_names())
        return mixture.marginal(places.tolist())

    def conditional(self, given: Mapping[int, float] | Mapping[str, float]) -> Mixture:
        """Distribution of the other features where some have known values, of ``mixture_``.

        Parameters
        ----------
        given : mapping of int or str to float
            The known values, by position from 0 or by name where `fit` was given a data frame.

        Returns
        -------
        Mixture
            Of the features not given, in their order: see :meth:`gmm_em.Mixture.conditional`.

        Raises
        ------
        TypeError
            If `given` is no mapping.
        ValueError
            If `given` is empty, has all features or one that there is not, or a value is not
            finite.
        """
        self._check_fitted()
        mixture = self.mixture_
        return mixture.conditional(given_values(given, mixture.n_features, self._feature_names()))
