"""Prior distributions: what they mean, and on which scale they speak."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, multigammaln

from gmm_bayes.hyperparameters import (
    PerFeature,
    Scale,
    arguments,
    check_scale,
    number,
    per_feature,
    plain,
    scale_matrix,
)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PriorTerms:
    """One component's prior on the standardised scale, as terms that every prior here is made of.

    With s the standard deviations, m the mean, S the covariance and z the canonical partial
    correlations, the log density of (m, log s, logit((z + 1) / 2)) is::

        log_constant - sum mean_precision (m - mean_loc)**2 / 2 - sum sd_precision s**2 / 2
        + log_sd_power sum log s + sum correlation_shapes log((1 - z**2) / 4)
        - log_det_power log(det S) / 2 - tr(psi S**-1) / 2
        - kappa (m - mean_loc)' S**-1 (m - mean_loc) / 2
    """

    mean_loc: FloatArray
    mean_precision: FloatArray
    sd_precision: FloatArray
    log_sd_power: float
    kappa: float
    log_det_power: float
    psi: FloatArray
    correlation_shapes: FloatArray
    log_constant: float


class Prior(Protocol):
    """What a prior must answer; the components are independent and alike under all of them."""

    @property
    def concentration(self) -> float:
        """Of the weights' symmetric Dirichlet distribution."""
        ...

    def check_width(self, n_features: int) -> None:
        """Raise ValueError if a hyperparameter does not fit `n_features` features."""
        ...

    def terms(self, loc: FloatArray, scale: FloatArray) -> PriorTerms:
        """Return the density on data standardised by `loc` and `scale` (D,)."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists."""
        ...


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
            "concentration": number("concentration", self.concentration, positive=True),
            "mean_loc": per_feature("mean_loc", self.mean_loc, positive=False),
            "mean_scale": per_feature("mean_scale", self.mean_scale, positive=True),
            "sd_scale": per_feature("sd_scale", self.sd_scale, positive=True),
            "eta": number("eta", self.eta, positive=True),
        }
        check_scale(self.scale)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """Return the prior as plain numbers, strings and lists, ready for TOML or JSON."""
        return {"kind": "lkj", **{k: plain(v) for k, v in asdict(self).items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LKJPrior:
        """Return the prior that :meth:`to_dict` described; missing keys take their defaults.

        Raises
        ------
        ValueError
            If a key is unknown or ``kind`` is not "lkj".
        """
        return cls(**arguments(cls, "lkj", values))

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

        See :func:`partial_correlation_shapes`.
        """
        return partial_correlation_shapes(self.eta, n_features)

    def terms(self, loc: FloatArray, scale: FloatArray) -> PriorTerms:
        """Return the density on data standardised by `loc` and `scale` (D,)."""
        mean_loc, mean_scale, sd_scale = self.standardised(loc, scale)
        d = loc.size
        shapes = self.correlation_shapes(d)
        constant = (
            0.5 * d * math.log(2.0 / math.pi)
            - np.log(sd_scale).sum()
            - 0.5 * d * math.log(2.0 * math.pi)
            - np.log(mean_scale).sum()
            - betaln(shapes, shapes).sum()
        )
        return PriorTerms(
            mean_loc=mean_loc,
            mean_precision=mean_scale**-2.0,
            sd_precision=sd_scale**-2.0,
            log_sd_power=1.0,
            kappa=0.0,
            log_det_power=0.0,
            psi=np.zeros((d, d)),
            correlation_shapes=shapes,
            log_constant=float(constant),
        )


@dataclass(frozen=True)
class NIWPrior:
    """Conjugate prior: normal-inverse-Wishart components and Dirichlet weights.

    ::

        weights         ~ Dirichlet(concentration, ..., concentration)
        covariances[k]  ~ InverseWishart(nu, psi)
        means[k]        ~ Normal(mean_loc, covariances[k] / kappa)

    independent over components and the same for each. Conjugacy allows the blocked Gibbs sampler.
    Unlike :class:`LKJPrior` it vanishes at singular covariances, so the posterior is proper even
    where rows are tied.

    The defaults speak of standardised data. ``Dirichlet(2)`` as in :class:`LKJPrior`. ``nu = D +
    2`` is the vaguest integer that gives the covariance a mean, which is `psi`: components half as
    wide as all the data in every direction. ``kappa = 0.1`` then puts their means about 1.6
    standard deviations of the data around its centre, so wherever the data are.

    Parameters
    ----------
    concentration : float, default 2
        Of the symmetric Dirichlet distribution; positive.
    mean_loc : float or sequence of D floats, default 0
        Centre of the component means.
    kappa : float, default 0.1
        How many observations the prior on a mean is worth; positive.
    nu : float, optional
        Degrees of freedom, more than D - 1; ``D + 2`` by default.
    psi : float, sequence of D floats or D x D nested sequence, default 0.25
        Scale matrix: a multiple of the identity, a diagonal, or the matrix itself; positive
        definite. The mean of a covariance is ``psi / (nu - D - 1)``.
    scale : {"standardised", "data"}, default "standardised"
        Whether `mean_loc` and `psi` speak of standardised data or are in the data's own units.

    Raises
    ------
    TypeError, ValueError
        If a hyperparameter is of the wrong type, not finite or out of range.

    References
    ----------
    Gelman et al. (2013), *Bayesian Data Analysis*, 3rd ed., section 3.6.
    """

    concentration: float = 2.0
    mean_loc: PerFeature = 0.0
    kappa: float = 0.1
    nu: float | None = None
    psi: float | tuple[float, ...] | tuple[tuple[float, ...], ...] = 0.25
    scale: Scale = "standardised"

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            "concentration": number("concentration", self.concentration, positive=True),
            "mean_loc": per_feature("mean_loc", self.mean_loc, positive=False),
            "kappa": number("kappa", self.kappa, positive=True),
            "nu": None if self.nu is None else number("nu", self.nu, positive=True),
            "psi": scale_matrix(self.psi),
        }
        check_scale(self.scale)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """Return the prior as plain values, ready for TOML or JSON; an unset `nu` is left out."""
        values = {k: plain(v) for k, v in asdict(self).items() if v is not None}
        return {"kind": "niw", **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NIWPrior:
        """Return the prior that :meth:`to_dict` described; missing keys take their defaults.

        Raises
        ------
        ValueError
            If a key is unknown or ``kind`` is not "niw".
        """
        return cls(**arguments(cls, "niw", values))

    def check_width(self, n_features: int) -> None:
        """Raise ValueError if a hyperparameter does not fit `n_features` features."""
        for name in ("mean_loc", "psi"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != n_features:
                raise ValueError(
                    f"prior's {name} is for {len(value)} features, but the data have {n_features}"
                )
        if self.nu is not None and self.nu <= n_features - 1:
            raise ValueError(
                f"prior's nu must be more than D - 1 = {n_features - 1}, but is {self.nu:g}"
            )

    def standardised(self, loc: Any, scale: Any) -> tuple[Any, float, float, Any]:
        """Return ``mean_loc`` (D,), ``kappa``, ``nu`` and ``psi`` (D, D) on standardised data.

        Only arithmetic on `loc` and `scale` (D,), which may be NumPy arrays or symbolic tensors.
        """
        d = int(loc.type.shape[0]) if hasattr(loc, "type") else len(loc)
        nu = d + 2.0 if self.nu is None else self.nu
        psi = np.asarray(self.psi)
        psi = psi if psi.ndim == 2 else np.diag(np.broadcast_to(psi, d))
        if self.scale == "standardised":
            return np.asarray(self.mean_loc) + 0.0 * loc, self.kappa, nu, psi
        mean_loc = (np.asarray(self.mean_loc) - loc) / scale
        return mean_loc, self.kappa, nu, psi / (scale[:, None] * scale[None, :])

    def terms(self, loc: FloatArray, scale: FloatArray) -> PriorTerms:
        """Return the density on data standardised by `loc` and `scale` (D,)."""
        mean_loc, kappa, nu, psi = self.standardised(loc, scale)
        d = loc.size
        shapes = partial_correlation_shapes(1.0, d)
        constant = (
            0.5 * nu * np.linalg.slogdet(psi)[1]
            - 0.5 * nu * d * math.log(2.0)
            - multigammaln(0.5 * nu, d)
            + 0.5 * d * math.log(kappa / (2.0 * math.pi))
            # From covariances to log standard deviations and partial correlations: a covariance is
            # 2^D prod s^D correlations, and correlations are uniform where the shapes say so.
            + d * math.log(2.0)
            - betaln(shapes, shapes).sum()
            + _log_volume_of_correlations(d)
        )
        return PriorTerms(
            mean_loc=mean_loc,
            mean_precision=np.zeros(d),
            sd_precision=np.zeros(d),
            log_sd_power=d + 1.0,
            kappa=kappa,
            log_det_power=nu + d + 2.0,
            psi=psi,
            correlation_shapes=shapes,
            log_constant=float(constant),
        )


def prior_from_dict(values: Mapping[str, Any]) -> LKJPrior | NIWPrior:
    """Return the prior that a mapping describes: its ``kind`` is "lkj" (the default) or "niw".

    Raises
    ------
    ValueError
        If the kind or a key is unknown.
    """
    kinds: dict[str, type[LKJPrior] | type[NIWPrior]] = {"lkj": LKJPrior, "niw": NIWPrior}
    kind = values.get("kind", "lkj")
    if kind not in kinds:
        raise ValueError(f"prior's kind is {kind!r}; allowed are {', '.join(map(repr, kinds))}")
    return kinds[kind].from_dict(values)


def partial_correlation_shapes(eta: float, n_features: int) -> FloatArray:
    """Return the shapes ``a`` of the ``Beta(a, a)`` of an LKJ matrix's partial correlations.

    The canonical partial correlations ``z[i, j]``, i > j, of an LKJ(eta) matrix are independent
    with ``(z + 1) / 2 ~ Beta(a, a)`` and ``a = eta + (D - 1 - j) / 2``, j counted from 1
    (Lewandowski, Kurowicka & Joe 2009, section 2.4, for the C-vine).

    Returns
    -------
    ndarray of shape (D (D - 1) / 2,)
        In row-major order of the strict lower triangle.
    """
    _, columns = np.tril_indices(n_features, -1)
    return np.asarray(eta + (n_features - 2.0 - columns) / 2.0, dtype=np.float64)


def _log_volume_of_correlations(n_features: int) -> float:
    """Return the log of the integral of 1 over correlation matrices (same source, equation 17)."""
    left = np.arange(n_features - 1.0, 0.0, -1.0)
    half = (left + 1.0) / 2.0
    return float((left * left * math.log(2.0) + left * betaln(half, half)).sum())
