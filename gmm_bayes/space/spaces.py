"""The unconstrained space of each kind of covariance structure."""

from __future__ import annotations

from gmm_bayes.space.decomposed import DecomposedSpace
from gmm_bayes.space.structures import Decomposed, Structure
from gmm_bayes.space.unconstrained import UnconstrainedSpace

Space = UnconstrainedSpace | DecomposedSpace


def space_of(n_components: int, n_features: int, structure: Structure) -> Space:
    """Return the space of mixtures of that structure."""
    if isinstance(structure, Decomposed):
        return DecomposedSpace(n_components, n_features, structure)
    return UnconstrainedSpace(n_components, n_features, structure)
