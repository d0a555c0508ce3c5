"""The structures by name.

A new structure needs two things here: its import, and its place in the tuple.
"""

from __future__ import annotations

from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.diagonal import Diagonal
from gmm_em.covariance.full import Full
from gmm_em.covariance.spherical import Spherical
from gmm_em.covariance.tied import Tied

STRUCTURES: dict[str, CovarianceStructure] = {
    structure.name: structure for structure in (Full(), Tied(), Diagonal(), Spherical())
}


def get_structure(covariance_type: str | CovarianceStructure) -> CovarianceStructure:
    """Return the structure of that name; a structure object is returned as it is."""
    if isinstance(covariance_type, CovarianceStructure):
        return covariance_type
    try:
        return STRUCTURES[covariance_type]
    except (KeyError, TypeError):
        raise ValueError(
            f"covariance_type must be one of {sorted(STRUCTURES)}, got {covariance_type!r}"
        ) from None
