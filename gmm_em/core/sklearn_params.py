"""scikit-learn's conventions for an estimator's parameters, shared by the estimators."""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gmm_em.core.html import table


class SklearnParams:
    """Read, set and show the parameters of a constructor, as scikit-learn's estimators do.

    The constructor of a class that inherits from this one stores every parameter, unchanged, in
    an attribute of the same name. `get_params` and `set_params` are then what
    ``sklearn.base.clone``, ``GridSearchCV`` and ``Pipeline`` call. scikit-learn itself is not
    imported, except by `__sklearn_tags__`, which only scikit-learn calls.

    Attributes
    ----------
    feature_names_in_ : ndarray of str, shape (D,)
        Column names of the data of the last fit; only where all of them were strings.
    """

    feature_names_in_: NDArray[np.object_]

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        """Return the constructor's parameters with their defaults, in its order."""
        parameters = inspect.signature(cls).parameters
        return {name: parameter.default for name, parameter in parameters.items()}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's parameters by name.

        Parameters
        ----------
        deep : bool, default True
            Has no effect, because no parameter is an estimator. scikit-learn passes it.

        Returns
        -------
        dict of str to object
        """
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the constructor by name.

        Parameters
        ----------
        **params : object
            New values. They are checked by `fit`, like those that the constructor gets.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a name is unknown. No parameter is changed then.
        """
        names = sorted(self._defaults())
        for name in params:
            if name not in names:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self}: there is no parameter "
                    f"{name!r}. Valid parameters are: {names}."
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        shown = [
            f"{name}={getattr(self, name)!r}"
            for name, default in self._defaults().items()
            # The texts are compared, because arrays have no single answer to `==`.
            if getattr(self, name) is not default and repr(getattr(self, name)) != repr(default)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __sklearn_tags__(self) -> Any:
        """Describe the estimator to scikit-learn, which alone calls this."""
        # gmm_em does not depend on scikit-learn: who calls this method has loaded it already.
        from sklearn.utils import InputTags, Tags, TargetTags  # noqa: PLC0415 - optional package

        return Tags(
            estimator_type="density_estimator",
            target_tags=TargetTags(required=False),
            input_tags=InputTags(allow_nan=self._accepts_nan()),
            array_api_support=self._computes_elsewhere(),
        )

    def _computes_elsewhere(self) -> bool:
        """Return whether arrays of other libraries than NumPy are answered in kind."""
        return False

    def _accepts_nan(self) -> bool:
        """Return whether `fit` takes rows with missing values."""
        return False

    def _set_feature_names(self, names: NDArray[np.object_] | None) -> None:
        """Keep the column names of the data of this fit, and forget those of the last one."""
        self.__dict__.pop("feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names

    def _feature_names(self) -> list[str] | None:
        """Return the column names of the last fit's data, or None where they are not known."""
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else [str(name) for name in names]

    def _parameters_html(self) -> str:
        """Return the parameters as an HTML table: what a notebook shows before the fit."""
        rows = [[name, repr(value)] for name, value in self.get_params().items()]
        return table(f"{self!r}, not fitted", ("parameter", "value"), rows)
