"""Names of types, and constants, that all rooms share."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

IntArray = NDArray[np.int64]

# Positions in an array.
IndexArray = NDArray[np.intp]

# What numpy.random.default_rng starts from.
Seed = int | np.random.Generator | np.random.SeedSequence | None

# The second moments that the M-step of a covariance structure needs: a matrix per component, the
# diagonal per component, or one matrix summed over components.
Second = Literal["full", "diagonal", "pooled"]

# The constant of a normal log-density, per feature, is -1/2 of this.
LOG_2PI = float(np.log(2.0 * np.pi))
