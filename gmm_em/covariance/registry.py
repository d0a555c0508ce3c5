"""The structures by name.

A new structure needs two things here: its import, and its place in the tuple.
"""

from __future__ import annotations

from collections.abc import Sequence

from gmm_em.covariance.base import CovarianceStructure
from gmm_em.covariance.diagonal import Diagonal
from gmm_em.covariance.eei import EqualDiagonal
from gmm_em.covariance.eev import Rotated
from gmm_em.covariance.eii import EqualSpherical
from gmm_em.covariance.eve import EqualVolumeCommonAxes
from gmm_em.covariance.evi import EqualVolumeDiagonal
from gmm_em.covariance.evv import EqualVolume
from gmm_em.covariance.full import Full
from gmm_em.covariance.spherical import Spherical
from gmm_em.covariance.tied import Tied
from gmm_em.covariance.vee import Proportional
from gmm_em.covariance.vei import ProportionalDiagonal
from gmm_em.covariance.vev import EqualShape
from gmm_em.covariance.vve import OwnVariancesCommonAxes

# Those of scikit-learn first, then the others in mclust's order.
STRUCTURES: dict[str, CovarianceStructure] = {
    structure.name: structure
    for structure in (
        Full(),
        Tied(),
        Diagonal(),
        Spherical(),
        EqualSpherical(),
        EqualDiagonal(),
        ProportionalDiagonal(),
        EqualVolumeDiagonal(),
        Proportional(),
        EqualVolumeCommonAxes(),
        OwnVariancesCommonAxes(),
        Rotated(),
        EqualShape(),
        EqualVolume(),
    )
}

# mclust's names of those that have scikit-learn's: the name given is the name reported.
SYNONYMS: dict[str, CovarianceStructure] = {
    structure.mclust_name: structure.called(structure.mclust_name)
    for structure in STRUCTURES.values()
    if structure.mclust_name and structure.mclust_name != structure.name
}

# Every name that is accepted.
NAMES = (*STRUCTURES, *SYNONYMS)

# Those that scikit-learn has, by its names, and by all names.
SKLEARN_NAMES = ("full", "tied", "diag", "spherical")
NAMES_OF_SKLEARN_S = (*SKLEARN_NAMES, *SYNONYMS)


def get_structure(covariance_type: str | CovarianceStructure) -> CovarianceStructure:
    """Return the structure of that name; a structure object is returned as it is."""
    if isinstance(covariance_type, CovarianceStructure):
        return covariance_type
    try:
        return (STRUCTURES | SYNONYMS)[covariance_type]
    except (KeyError, TypeError):
        names = ", ".join(repr(name) for name in NAMES)
        raise ValueError(
            f"covariance_type must be one of {names}, got {covariance_type!r}"
        ) from None


def first_of_family(names: Sequence[str], n_features: int) -> dict[str, str]:
    """Return for each name the first of `names` that stands for the same family of matrices.

    These are two names of one structure, and with one feature the names of several: there are no
    shapes and no orientations, so that a variance is common to all components or each has its own.
    """
    firsts: dict[str | int, str] = {}
    return {name: firsts.setdefault(_family(name, n_features), name) for name in names}


def _family(name: str, n_features: int) -> str | int:
    structure = get_structure(name)
    if n_features == 1:
        return structure.n_parameters(2, 1)
    return structure.mclust_name or structure.name


def sklearn_name(name: str) -> str:
    """Return scikit-learn's name of a structure that it has, of which `name` is any name."""
    letters = get_structure(name).mclust_name
    return next(own for own in SKLEARN_NAMES if STRUCTURES[own].mclust_name == letters)
