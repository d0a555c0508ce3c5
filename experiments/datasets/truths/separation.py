"""How far apart components stand, in units of their own width."""

from __future__ import annotations

import numpy as np

from gmm_em import Mixture


def c_separation(mixture: Mixture) -> float:
    """Return the largest c for which every two components are c-separated.

    Two components are c-separated where
    ``|mean_i - mean_j| >= c sqrt(D max(l_i, l_j))`` with l the largest eigenvalue of a covariance
    (Dasgupta 1999, *Learning mixtures of Gaussians*, definition 1). Two spheres of c = 2 hardly
    touch in many dimensions; with c = 1 they overlap noticeably in few.

    Raises
    ------
    ValueError
        If there is only one component.
    """
    if mixture.n_components < 2:
        raise ValueError("one component is separated from nothing, allowed are two and more")
    gaps = np.linalg.norm(mixture.means[:, None] - mixture.means, axis=-1)
    widths = np.linalg.eigvalsh(mixture.covariances)[:, -1]
    units = np.sqrt(mixture.n_features * np.maximum(widths[:, None], widths))
    pairs = np.triu_indices(mixture.n_components, k=1)
    return float((gaps / units)[pairs].min())
