"""Names of the types that all rooms share."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


IntArray = NDArray[np.int64]


Seed = int | np.random.Generator | np.random.SeedSequence | None


Second = Literal["full", "diagonal", "pooled"]
