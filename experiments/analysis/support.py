"""How many rows the parameters and the components of a fit rest on."""

from __future__ import annotations

from experiments.core.types import FloatArray
from experiments.values.checks import SupportValues
from gmm_em import Mixture
from gmm_em.e_step import observed
from gmm_em.parameter_names import ParameterLayout

FEWEST_ROWS = 8
"""A component should rest on so many rows at least, and on one for each of its parameters."""


def support(mixture: Mixture, X: FloatArray, layout: ParameterLayout) -> SupportValues:
    """Count rows against parameters.

    Parameters
    ----------
    mixture : Mixture
        The estimate, or the posterior mean where there is no estimate.
    X : ndarray of shape (n_samples, n_features)
        The rows fitted, NaN where a value is missing.
    layout : ParameterLayout
        Which parameters are free.
    """
    rows = observed.responsibilities(mixture, X).sum(axis=0)
    own = parameters_of_one(layout)
    enough = max(FEWEST_ROWS, own)
    return SupportValues(
        n_parameters=layout.n_free,
        rows_per_parameter=len(X) / layout.n_free,
        component_rows=rows.tolist(),
        component_parameters=own,
        components_support=(rows / enough).tolist(),
    )


def parameters_of_one(layout: ParameterLayout) -> int:
    """Count a component's weight, its mean and the free entries of its own covariance."""
    one = ParameterLayout(1, layout.n_features, layout.covariance_type)
    # A covariance that all components share is none of its own. A single weight is not free.
    covariance = 0 if layout.shared else one.n_free - layout.n_features
    return 1 + layout.n_features + covariance
