"""Posteriors of several programs against each other, as plain values."""

from __future__ import annotations

from pydantic import FiniteFloat

from experiments.values.base import Value


class PosteriorPairValues(Value):
    """How far two posteriors are apart that were meant to be one."""

    first: str
    """Name of an engine."""
    second: str
    """Name of the other."""
    same_model: bool
    """Whether both are known to be posteriors of one model under one prior; otherwise of one of
    them the model is not known."""
    n_parameters: int
    """Free parameters that vary."""
    max_abs_z: FiniteFloat
    """Largest difference of posterior means, in Monte Carlo standard errors of both."""
    worst_parameter: str
    """Where it is; components and features from 1."""
    shift: FiniteFloat
    """The same difference in posterior standard deviations, second - first."""
    energy_distance: FiniteFloat
    """Between the joint draws of all parameters, in pooled standard deviations."""
    energy_probability: FiniteFloat
    """Share of random divisions of the draws whose energy distance is as large."""
    probability: FiniteFloat
    """Chance that equal posteriors look so different, by means or by draws."""
