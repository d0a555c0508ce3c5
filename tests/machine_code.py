"""Compile what most tests of posteriors need, once, before several processes would each do it.

``python -m tests.machine_code`` makes small fits that together reach most compiled loops of
gmm_bayes. Numba keeps their machine code on disk, where the processes that run the tests find it.
The first test that needs another loop compiles it.
"""

import numpy as np

from gmm_bayes import GaussianMixtureBayes, GaussianMixtureUnknownK, HierarchicalPrior, NIWPrior

SMALL = {"draws": 30, "tune": 30, "chains": 2, "random_state": 0, "progressbar": False}
FITS = (
    {"covariance_type": "full"},
    {"covariance_type": "VEI"},
    {"sampler": "smc"},
    {"sampler": "gibbs", "prior": NIWPrior()},
    {"sampler": "gibbs", "prior": HierarchicalPrior()},
    {"sampler": "gibbs", "missing": "mar"},
    {"missing": "mar"},
)


def main() -> None:
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(30, 2)), rng.normal(4.0, 1.0, size=(30, 2))])
    holes = X.copy()
    holes[0, 0] = np.nan
    for settings in FITS:
        rows = holes if "missing" in settings else X
        GaussianMixtureBayes(2, **SMALL, **settings).fit(rows)
    GaussianMixtureUnknownK(**SMALL).fit(X)


if __name__ == "__main__":
    main()
