"""Whether the rows of each component have the shape of a Gaussian.

Replicated data are drawn from the fitted mixture, and the same numbers are computed of them and of
the data: Gelman, Meng & Stern (1996) call this a realised discrepancy. Of the rows of a component,
weighted by its responsibilities, centred by their own mean and whitened by their own covariance, in
replicates as in the data, the numbers are

- skewness: length of the mean of z |z|², which is zero for a Gaussian (Mardia 1970, *Biometrika*
  57, 519-530);
- heavy and light: mean of |z|⁴ over D (D + 2), which is one, if it is larger or smaller (Mardia);
- peak and flat: the largest and the smallest mean of z⁴ / 3 along the D axes, which is one, too. A
  component that covers two clusters is flat;
- tail: the largest |z|².

The axes are those of that covariance in units in which that of the whole mixture is the
identity, so that nothing depends on the units or the directions in which features were measured.

Each is measured from its mean over replicates in their standard deviations. The largest of all is
judged by the largest of all in the replicates, so that many components give no more false alarms
than one. Replicates are not fitted again; only their means and covariances are their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from experiments.core.types import FloatArray
from experiments.values.checks import ShapeValues
from gmm_em import Mixture

N_REPLICATES = 300
"""Replicated data sets."""
MOST_ROWS = 5000
"""Of more rows so many are looked at, evenly through the data."""
FEWEST_ROWS = 20
"""Fewer rows than this have no shape that could be told."""
WIDTH_OF_NORMAL = 1.2816
"""Standard deviations between the median of a normal distribution and its quantile of 90 %."""
_NO_WIDTH = 1e-13
"""A direction in which a component's rows have so little of its widest variance has no shape."""
CHECKS = ("skewness", "heavy", "light", "peak", "flat", "tail")


def check_shape(
    mixtures: Sequence[Mixture], X: FloatArray, seed: np.random.SeedSequence
) -> ShapeValues | None:
    """Compare skewness, kurtosis and tails of the components' rows with those of replicates.

    Parameters
    ----------
    mixtures : sequence of Mixture
        A point estimate, or posterior draws; replicates are drawn from them in turn.
    X : ndarray of shape (n_samples, n_features)
        Rows with a missing value are left out.
    seed : numpy.random.SeedSequence

    Returns
    -------
    ShapeValues or None
        None where there are fewer than `FEWEST_ROWS` whole rows.
    """
    whole = X[~np.isnan(X).any(axis=1)]
    if len(whole) < FEWEST_ROWS:
        return None
    rows = whole[np.linspace(0, len(whole) - 1, min(MOST_ROWS, len(whole))).astype(int)]
    rng = np.random.default_rng(seed)
    measured = [_Checks.of(mixture, rows) for mixture in mixtures]
    repeated = np.stack(
        [
            _Checks.of(mixture, mixture.sample(len(rows), rng)[0]).values
            for mixture in (mixtures[i % len(mixtures)] for i in range(N_REPLICATES))
        ]
    )
    mean, sd = repeated.mean(axis=0), repeated.std(axis=0, ddof=1)
    usable = sd > 0
    if not usable.any():
        return None
    scale = np.where(usable, sd, np.inf)
    found = (np.mean([one.values for one in measured], axis=0) - mean) / scale
    usual = ((repeated - mean) / scale).max(axis=(1, 2))
    # The upper half of the worst checks alone gives their spread: it is longer than the lower one,
    # and a few extreme replicates do not move it.
    middle, high = np.quantile(usual, [0.5, 0.9])
    component, worst = np.unravel_index(int(found.argmax()), found.shape)
    return ShapeValues(
        distance=float((found.max() - middle) / (high - middle) * WIDTH_OF_NORMAL),
        probability=float((1 + (usual >= found.max()).sum()) / (1 + len(usual))),
        worst=CHECKS[worst],
        component=int(component) + 1,
    )


@dataclass(frozen=True)
class _Checks:
    """The numbers of each component, shape (K, 6), of which large ones are bad.

    They are logarithms, for ratios vary more evenly so.
    """

    values: FloatArray

    @classmethod
    def of(cls, mixture: Mixture, rows: FloatArray) -> _Checks:
        shares = mixture.responsibilities(rows).T
        whole = mixture.covariance
        found: list[list[float]] = []
        for share in shares:
            z = _whitened(rows, share, whole)
            found.append([0.0] * len(CHECKS) if z is None else _of_component(z, share))
        return cls(np.array(found))


def _whitened(rows: FloatArray, share: FloatArray, whole: FloatArray) -> FloatArray | None:
    """Return rows in units in which those of a component have mean zero and covariance one.

    Directions in which they have no width, as where a column is a sum of others, are left out.
    None where they are too few to have a covariance, or all equal.
    """
    total = float(share.sum())
    if total < rows.shape[1] + 2:
        return None
    centred = rows - share @ rows / total
    variances, axes = eigh((share * centred.T) @ centred / total, whole)
    wide = variances > _NO_WIDTH * max(variances[-1], 0.0)
    if not wide.any():
        return None
    return np.asarray(centred @ axes[:, wide] / np.sqrt(variances[wide]))


def _of_component(z: FloatArray, share: FloatArray) -> list[float]:
    """Return the numbers of whitened rows of shape (n, D) with weights of shape (n,)."""
    total = max(float(share.sum()), np.finfo(float).tiny)
    squares = z * z
    lengths = squares.sum(axis=1)
    skewness = float(np.linalg.norm((share * lengths) @ z) / total)
    kurtosis = share @ (squares * squares) / (3.0 * total) + np.finfo(float).tiny
    n_features = z.shape[1]
    overall = share @ lengths**2 / (n_features * (n_features + 2) * total) + np.finfo(float).tiny
    return [
        float(np.log1p(skewness)),
        float(np.log(overall)),
        -float(np.log(overall)),
        float(np.log(kurtosis.max())),
        -float(np.log(kurtosis.min())),
        float(np.log1p((share * lengths).max())),
    ]
