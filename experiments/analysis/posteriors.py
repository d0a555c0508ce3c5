"""Posteriors of several programs beside each other, and whether they agree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from experiments.analysis.energy import energy_test
from experiments.analysis.thresholds import THRESHOLDS
from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.core.types import FloatArray
from experiments.core.words import listed
from experiments.engines.contract import Fit
from experiments.values.posteriors import PosteriorPairValues
from gmm_bayes import MixtureDraws, ModelInNumbers, relabel
from gmm_em import Mixture
from gmm_em.parameter_names import ParameterLayout, ParameterName

# Draws of each posterior between which distances are taken: all pairs of twice as many.
MOST_DRAWS = 200
# Effective draws for each draw that is kept, so that those kept are nearly independent.
EFFECTIVE_PER_KEPT = 2.0


@dataclass(frozen=True)
class PosteriorPair:
    """How far two posteriors are apart that were meant to be one.

    Attributes
    ----------
    names : tuple of str
        The two engines.
    parameters : tuple of str
        The free parameters that vary.
    z : ndarray of shape (n_parameters,)
        Differences of the posterior means, in Monte Carlo standard errors of both.
    shifts : ndarray of shape (n_parameters,)
        The same in posterior standard deviations.
    energy_distance : float
        Between the joint distributions of all parameters in pooled standard deviations (Székely &
        Rizzo 2013, equation 6.1); may be negative, since it is estimated without bias.
    p_value : float
        Share of random divisions of the draws whose energy distance is as large.
    same_model : bool
        Whether both are known to be posteriors of one model under one prior; otherwise of one of
        them the model is not known.
    """

    names: tuple[str, str]
    parameters: tuple[str, ...]
    z: FloatArray
    shifts: FloatArray
    energy_distance: float
    p_value: float
    same_model: bool = False

    @property
    def max_abs_z(self) -> float:
        """The largest difference of means, in Monte Carlo standard errors."""
        return float(np.abs(self.z).max())

    @property
    def worst(self) -> int:
        """The place of the parameter whose means differ most."""
        return int(np.abs(self.z).argmax())

    @cached_property
    def p_value_of_means(self) -> float:
        """Largest share of cases in which means of equal posteriors would differ as much.

        Dependent errors have a smaller one (Šidák 1967, *Journal of the American Statistical
        Association* 62, 626-633).
        """
        one = 2.0 * ndtr(-self.max_abs_z)
        return float(-math.expm1(len(self.z) * math.log1p(-min(one, 1.0 - 1e-16))))

    @property
    def probability(self) -> float:
        """Largest share of cases in which equal posteriors would look so different.

        By means or by draws, whichever is smaller, twice because there are two tests.
        """
        return min(1.0, 2.0 * min(self.p_value_of_means, self.p_value))

    def to_values(self) -> PosteriorPairValues:
        """Return the pair as plain values, for a file."""
        return PosteriorPairValues(
            first=self.names[0],
            second=self.names[1],
            same_model=self.same_model,
            n_parameters=len(self.z),
            max_abs_z=self.max_abs_z,
            worst_parameter=self.parameters[self.worst],
            shift=float(self.shifts[self.worst]),
            energy_distance=self.energy_distance,
            energy_probability=self.p_value,
            probability=self.probability,
        )

    @property
    def agree(self) -> bool:
        """Whether neither the means nor the draws tell the two apart."""
        return THRESHOLDS["posteriors"].level(self.probability) != "fail"


@dataclass(frozen=True)
class ModelsApart:
    """Two posteriors that were not meant to be one, which are not compared.

    Attributes
    ----------
    names : tuple of str
        The two engines.
    differences : tuple of str
        In what their models differ.
    same_model : bool
        Whether both are known to state one model under one prior, so that a difference is an error
        of a program.
    """

    names: tuple[str, str]
    differences: tuple[str, ...]
    same_model: bool = False


@dataclass(frozen=True)
class PosteriorsCompared:
    """Every two of several posteriors; as text, one sentence for each thing found.

    Attributes
    ----------
    pairs : tuple of PosteriorPair
        Every two whose models are not known to differ.
    titles : mapping of str to str
        What each engine is called.
    apart : tuple of ModelsApart
        Every two whose models are known to differ.
    """

    pairs: tuple[PosteriorPair, ...]
    titles: Mapping[str, str]
    apart: tuple[ModelsApart, ...] = ()

    @property
    def agree(self) -> bool:
        """Whether the largest difference between any two is one that equal posteriors have."""
        return THRESHOLDS["posteriors"].level(self.probability) != "fail"

    @property
    def probability(self) -> float:
        """Chance of a difference as large as the largest of all pairs, if each were of equals.

        It is 0 where two that state one model do not draw the same parameters.
        """
        if any(pair.same_model for pair in self.apart):
            return 0.0
        least = min((pair.probability for pair in self.pairs), default=1.0)
        return min(1.0, len(self.pairs) * least)

    @property
    def worst(self) -> PosteriorPair:
        """The pair that differs most; there must be one."""
        return min(self.pairs, key=lambda pair: (pair.probability, -pair.max_abs_z))

    def only(self, names: set[str]) -> PosteriorsCompared:
        """Return what was found of some of the engines."""
        return PosteriorsCompared(
            tuple(pair for pair in self.pairs if names.issuperset(pair.names)),
            {name: title for name, title in self.titles.items() if name in names},
            tuple(pair for pair in self.apart if names.issuperset(pair.names)),
        )

    def __str__(self) -> str:
        """Return whether the posteriors agree, and which are not compared."""
        parts = [not_compared(self.titles, pair) for pair in self.apart]
        if self.pairs:
            parts.insert(0, agreement(self) if self.agree else difference(self))
        return " ".join(parts)


def agreement(found: PosteriorsCompared) -> str:
    """Say that posteriors agree, of which there are two or more that are compared."""
    named = {name for pair in found.pairs for name in pair.names}
    titles = [title for name, title in found.titles.items() if name in named]
    pair = max(found.pairs, key=lambda pair: pair.max_abs_z)
    return (
        f"{listed(titles)} agree on all {len(pair.z)} parameters to within "
        f"{pair.max_abs_z:.1f} Monte Carlo errors."
    )


def difference(found: PosteriorsCompared, label: str = "", *, sure: bool = True) -> str:
    """Say how the two posteriors differ that differ most.

    Parameters
    ----------
    found : PosteriorsCompared
        With a pair at least.
    label : str, optional
        What people call the parameter whose means differ most.
    sure : bool, default True
        Whether chance is ruled out.
    """
    pair = found.worst
    said = listed([found.titles[name] for name in pair.names])
    said += f" {'do' if sure else 'may'} not draw the same posterior"
    energy = f"an energy distance of {pair.energy_distance:.2g} (p = {pair.p_value:.2g})"
    if pair.p_value_of_means <= pair.p_value:
        return (
            f"{said}: {label or pair.parameters[pair.worst]} differs by {pair.max_abs_z:.1f} Monte "
            f"Carlo errors, which are {abs(pair.shifts[pair.worst]):.2g} posterior sd, and the "
            f"draws have {energy}."
        )
    return (
        f"{said}: the means of all {len(pair.z)} parameters agree to within {pair.max_abs_z:.1f} "
        f"Monte Carlo errors, but the draws have another spread or shape, {energy}."
    )


def not_compared(titles: Mapping[str, str], pair: ModelsApart) -> str:
    """Say why two posteriors are not compared."""
    if pair.same_model:
        return (
            f"{listed([titles[name] for name in pair.names])} do not draw the same posterior, "
            f"though both state one model under one prior ({listed(pair.differences)})."
        )
    return (
        f"{listed([titles[name] for name in pair.names])} are posteriors of different models "
        f"({listed(pair.differences)}), and are not compared."
    )


def compare_posteriors(
    fits: Mapping[str, Fit], covariance_type: str = "full", seed: int = 0
) -> PosteriorsCompared:
    """Compare every two posteriors among fits of the same data, with components in one order.

    Two whose `Fit.model` differ, such as by a hyperparameter of the prior, are named and not
    compared. The labels of the draws of each two are aligned anew, to one mixture for both, so that
    draws which could be read in two ways are read in one.

    Parameters
    ----------
    fits : mapping of str to Fit
        `Comparison.fits`, for example. Those without draws are left out.
    covariance_type : str, default "full"
        Which parameters are free.
    seed : int, default 0
        Of the permutations for the energy distance.

    Returns
    -------
    PosteriorsCompared

    Raises
    ------
    UsageError
        If fewer than two of them have draws.
    """
    drawn = {name: fit.draws for name, fit in fits.items() if fit.draws is not None}
    if len(drawn) < 2:
        raise UsageError(
            f"{len(drawn)} of {len(fits)} fits have posterior draws, allowed is 2 or more"
        )
    titles = {name: fits[name].title or name for name in drawn}
    pairs: list[PosteriorPair] = []
    apart: list[ModelsApart] = []
    for names in combinations(drawn, 2):
        models = [fits[name].model for name in names]
        if differences := _differences(*models):
            apart.append(ModelsApart(names, differences))
            continue
        free, both = _free_parameters([drawn[name] for name in names], covariance_type)
        if differences := _fixed_in_one([titles[name] for name in names], free, both):
            apart.append(ModelsApart(names, differences, None not in models))
            continue
        rng = np.random.default_rng(stream(seed, f"energy distance {names[0]} {names[1]}"))
        pairs.append(_pair(names, free, both, None not in models, rng))
    return PosteriorsCompared(tuple(pairs), titles, tuple(apart))


def _differences(one: ModelInNumbers | None, other: ModelInNumbers | None) -> tuple[str, ...]:
    return () if one is None or other is None else tuple(one.differences_from(other))


def _free_parameters(
    draws: list[MixtureDraws], covariance_type: str
) -> tuple[list[str], list[FloatArray]]:
    """Return the names of the free parameters, and their draws (C, S, n) under both posteriors."""
    layout = ParameterLayout(draws[0].n_components, draws[0].n_features, covariance_type)
    # The last weight is what the others leave.
    last = ParameterName("weight", layout.n_components - 1)
    free = [name for name in layout.names if name != last]
    both = [
        np.stack([name.value(each) for name in free], axis=-1) for each in _in_one_labelling(draws)
    ]
    return list(map(str, free)), both


def _fixed_in_one(titles: list[str], free: list[str], both: list[FloatArray]) -> tuple[str, ...]:
    """Say which parameters the draws of one hold at a value where those of the other do not.

    Where one program draws a parameter and another one fixes it, their models differ.
    """
    one, other = (np.ptp(values, axis=(0, 1)) == 0.0 for values in both)
    if (one & other).all():
        return ("no parameter varies in either",)
    elsewhere = one & other & (both[0][0, 0] != both[1][0, 0])
    return tuple(
        f"{who} {_first_and_number(free, fixed)} at {where}"
        for fixed, who, where in (
            (one & ~other, f"{titles[0]} keeps", "one value"),
            (other & ~one, f"{titles[1]} keeps", "one value"),
            (elsewhere, "they keep", "different values"),
        )
        if fixed.any()
    )


def _first_and_number(names: list[str], chosen: NDArray[np.bool_]) -> str:
    """Name the first of the chosen parameters, and say how many more there are."""
    places = np.flatnonzero(chosen)
    first, more = names[places[0]], len(places) - 1
    return f"{first} and {more} more" if more else first


def _pair(
    names: tuple[str, str],
    free: list[str],
    both: list[FloatArray],
    same_model: bool,
    rng: np.random.Generator,
) -> PosteriorPair:
    spread = np.sqrt(np.mean([values.var(axis=(0, 1)) for values in both], axis=0))
    varies = np.flatnonzero(np.max([np.ptp(values, axis=(0, 1)) for values in both], axis=0))
    scaled = [values[..., varies] / spread[varies] for values in both]
    errors = [_errors(values) for values in scaled]
    means = [values.mean(axis=(0, 1)) for values in scaled]
    shifts = means[1] - means[0]
    kept = [_independent(*each) for each in zip(scaled, errors, strict=True)]
    distance, p_value = energy_test(kept[0], kept[1], rng)
    parameters = tuple(free[i] for i in varies)
    z = shifts / np.hypot(*errors)
    return PosteriorPair(names, parameters, z, shifts, distance, p_value, same_model)


def _in_one_labelling(draws: list[MixtureDraws]) -> list[MixtureDraws]:
    """Align the labels of two posteriors to the mixture half-way between their means."""
    if draws[0].n_components == 1:
        return draws
    one, other = (each.mean() for each in draws)
    pivot = Mixture(
        0.5 * (one.weights + other.weights),
        0.5 * (one.means + other.means),
        0.5 * (one.covariances + other.covariances),
    )
    return [relabel(each, pivot)[0] for each in draws]


def _errors(values: FloatArray) -> FloatArray:
    """Return the Monte Carlo standard error of every mean; `values` are (C, S, n_parameters)."""
    from arviz_stats.base import array_stats  # noqa: PLC0415 - ArviZ takes half a second

    series = np.moveaxis(values, -1, 0)
    return np.array([array_stats.mcse(s, method="mean", chain_axis=0, draw_axis=1) for s in series])


def _independent(values: FloatArray, errors: FloatArray) -> FloatArray:
    """Return draws so far apart that they are nearly independent, at most `MOST_DRAWS`.

    They are as many as the parameter with the largest error has effective draws for.
    """
    flat = values.reshape(-1, values.shape[-1])
    effective = float((flat.var(axis=0) / errors**2).min())
    n_kept = int(min(MOST_DRAWS, len(flat), max(2.0, effective / EFFECTIVE_PER_KEPT)))
    return np.asarray(flat[np.linspace(0, len(flat) - 1, n_kept).astype(int)])
