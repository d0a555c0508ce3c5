"""Fit an array of your own by EM and by Bayes, and read whether the two agree.

python examples/compare_two_fits.py
"""

import numpy as np

from experiments import compare

# Two groups of rows. Put your own array here, one row for each observation.
rng = np.random.default_rng(0)
left = rng.normal([0.0, 0.0], 1.0, size=(120, 2))
right = rng.normal([4.0, 1.0], 0.7, size=(80, 2))
X = np.concatenate([left, right])

# Gibbs is the quickest sampler here, and needs the conjugate prior. The default is NUTS.
settings = {"sampler": "gibbs", "prior": {"kind": "niw"}}
comparison = compare(X, n_components=2, seed=1, bayes=settings)

print(comparison.table().round(2).to_string())
for finding in comparison.verdict:
    print(f"{finding.level}: {finding.text}")
print("Report:", comparison.report("two-fits.html"))
