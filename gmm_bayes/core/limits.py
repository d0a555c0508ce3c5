"""Every threshold by which a posterior is judged, and sizes beyond which work is put off."""

from __future__ import annotations

MAX_R_HAT = 1.01
"""R-hat above this means that chains disagree.

Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), section 4.
"""

SEPARATE_MODES_R_HAT = 1.2
"""R-hat of the log-likelihood above this means that chains live in different modes.

The log-likelihood does not depend on labels, so no relabelling brings such chains together.
"""

MIN_ESS_PER_CHAIN = 100
"""Fewer bulk or tail effective draws per chain than this are too few; four chains need 400.

Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), section 4.
"""

MIN_BFMI = 0.3
"""E-BFMI below this means that resampling the momentum explores the energy too slowly.

Betancourt (2016).
"""

MAX_DIVERGENT_SHARE = 0.0
"""Share of divergent transitions above which draws are not trusted.

Each divergence may mean that a part of the posterior was left out.
"""

MAX_CUT_SHORT_SHARE = 0.05
"""Share of trajectories cut short by ``max_treedepth`` above which sampling is inefficient."""

MIN_MODE_MASS = 0.01
"""A mode is reported where it has this share of the draws, or of the posterior by Laplace."""

UNVISITED_MASS = 0.1
"""Share of the posterior, by Laplace, that a mode which no chain visited must have to matter."""

MAX_PARETO_K = 0.7
"""Importance ratios with a Pareto-k above this have no mean that a simulation can estimate.

Vehtari, Simpson, Gelman, Yao & Gabry (2024).
"""

MAX_DRIFT = 0.1
"""Largest change, in posterior standard deviations, of a variational parameter between the last two
quarters of ADVI's path. Above, the optimiser has not converged."""

MAX_POINTWISE = 50_000_000
"""Largest pointwise log-likelihood and largest replicated data set kept, in doubles (400 MB)."""
