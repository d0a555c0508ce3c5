"""Prior distributions: what they mean, and on which scale they speak."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Scale = Literal["standardised", "data"]
PerFeature = float | tuple[float, ...]

_SCALES: tuple[str, ...] = get_args(Scale)


@dataclass(frozen=True)
class LKJPrior:
    """Weakly informative prior with separate scales and correlations.

    ::

        weights              ~ Dirichlet(concentration, ..., concentration)
        means[k, d]          ~ Normal(mean_loc[d], mean_scale[d])
        sds[k, d]            ~ HalfNormal(sd_scale[d])
        correlation[k]       ~ LKJ(eta)

    all independent, the same for every component, so that the posterior is invariant to
    relabelling.

    The defaults speak of standardised data, ``z = (x - mean) / population standard deviation``, and
    are meant to rule out nonsense only. ``Dirichlet(2)`` is flat but for vanishing at an empty
    component, where every other parameter of it would be unidentified. ``Normal(0, 1)`` puts
    component means where data are. ``HalfNormal(1)`` says that no component is much wider than all
    the data together, which is true by construction, and leaves small ones free. ``LKJ(1)`` is
    uniform over correlation matrices (Lewandowski, Kurowicka & Joe 2009).

    Parameters
    ----------
    concentration : float, default 2
        Of the symmetric Dirichlet distribution; positive.
    mean_loc : float or sequence of D floats, default 0
        Centre of the component means.
    mean_scale : float or sequence of D floats, default 1
        Standard deviation of the component means around `mean_loc`; positive.
    sd_scale : float or sequence of D floats, default 1
        Scale of the half-normal distribution of the components' standard deviations; positive.
    eta : float, default 1
        LKJ shape: 1 is uniform, larger values favour weak correlations; positive. Unused for D = 1.
    scale : {"standardised", "data"}, default "standardised"
        Whether `mean_loc`, `mean_scale` and `sd_scale` speak of standardised data or are in the
        data's own units. Standardised hyperparameters make the prior depend on the data's first two
        moments; state them in the data's units where that is not wanted.

    Raises
    ------
    TypeError, ValueError
        If a hyperparameter is of the wrong type, not finite or out of range.

    References
    ----------
    Lewandowski, Kurowicka & Joe (2009), "Generating random correlation matrices based on vines and
    extended onion method", J. Multivariate Analysis 100, section 2.
    """

    concentration: float = 2.0
    mean_loc: PerFeature = 0.0
    mean_scale: PerFeature = 1.0
    sd_scale: PerFeature = 1.0
    eta: float = 1.0
    scale: Scale = "standardised"

    def __post_init__(self) -> None:
        checked = {
            "concentration": _number("concentration", self.concentration, positive=True),
            "mean_loc": _per_feature("mean_loc", self.mean_loc, positive=False),
            "mean_scale": _per_feature("mean_scale", self.mean_scale, positive=True),
            "sd_scale": _per_feature("sd_scale", self.sd_scale, positive=True),
            "eta": _number("eta", self.eta, positive=True),
        }
        if self.scale not in _SCALES:
            raise ValueError(
                f"prior's scale is {self.scale!r}; allowed are {' and '.join(map(repr, _SCALES))}"
            )
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """Return the prior as plain numbers, strings and lists, ready for TOML or JSON."""
        values = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return {"kind": "lkj", **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LKJPrior:
        """Return the prior that :meth:`to_dict` described; missing keys take their defaults.

        Raises
        ------
        ValueError
            If a key is unknown or ``kind`` is not "lkj".
        """
        given = dict(values)
        kind = given.pop("kind", "lkj")
        if kind != "lkj":
            raise ValueError(f"prior's kind is {kind!r}, but an LKJPrior is of kind 'lkj'")
        allowed = [f.name for f in fields(cls)]
        unknown = [key for key in given if key not in allowed]
        if unknown:
            raise ValueError(
                f"prior has an unknown key {unknown[0]!r}; allowed are {', '.join(allowed)}"
            )
        return cls(**given)

    def standardised(self, loc: Any, scale: Any) -> tuple[Any, Any, Any]:
        """Return ``mean_loc, mean_scale, sd_scale`` (each (D,)) as they read on standardised data.

        `loc` and `scale` (D,) are those of the standardisation. Only arithmetic is used, so that
        they may be NumPy arrays or symbolic tensors.
        """
        own = [np.asarray(v) for v in (self.mean_loc, self.mean_scale, self.sd_scale)]
        if self.scale == "standardised":
            return own[0] + 0.0 * loc, own[1] + 0.0 * loc, own[2] + 0.0 * loc
        return (own[0] - loc) / scale, own[1] / scale, own[2] / scale

    def check_width(self, n_features: int) -> None:
        """Raise ValueError if a per-feature hyperparameter has not `n_features` entries."""
        for name in ("mean_loc", "mean_scale", "sd_scale"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != n_features:
                raise ValueError(
                    f"prior's {name} has {len(value)} entries, but the data have {n_features} "
                    "features; give one number, or one for each feature"
                )

    def correlation_shapes(self, n_features: int) -> FloatArray:
        """Return the shapes ``a`` of the canonical partial correlations' ``Beta(a, a)``.

        The canonical partial correlations ``z[i, j]``, i > j, of an LKJ(eta) matrix are independent
        with ``(z + 1) / 2 ~ Beta(a, a)`` and ``a = eta + (D - 1 - j) / 2``, j counted from 1
        (Lewandowski, Kurowicka & Joe 2009, section 2.4, for the C-vine).

        Returns
        -------
        ndarray of shape (D (D - 1) / 2,)
            In row-major order of the strict lower triangle.
        """
        _, columns = np.tril_indices(n_features, -1)
        return np.asarray(self.eta + (n_features - 2.0 - columns) / 2.0, dtype=np.float64)


def _number(name: str, value: Any, *, positive: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"prior's {name} must be a number, but is {value!r}")
    number = float(value)
    if not math.isfinite(number) or (positive and number <= 0.0):
        raise ValueError(
            f"prior's {name} must be finite{' and positive' if positive else ''}, but is {value!r}"
        )
    return number


def _per_feature(name: str, value: Any, *, positive: bool) -> PerFeature:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            raise ValueError(f"prior's {name} is empty; give one number, or one for each feature")
        return tuple(_number(f"{name}[{i}]", v, positive=positive) for i, v in enumerate(value))
    return _number(name, value, positive=positive)
