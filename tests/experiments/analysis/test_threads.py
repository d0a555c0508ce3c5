"""A comparison has the same numbers with any number of threads."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from experiments.analysis.distances import DensityComparison
from experiments.core.progress import silent
from experiments.engines.registry import make_engine
from tests.conftest import random_mixture

# Each engine; more than 10 000 rows, of which BLAS would share a sum among its threads.
RUN = """
import json
from experiments.config import load_config
from experiments.api.run import compare_config

config = load_config("quickstart", [
    "n_components=2", "data.n_samples=12_000", "data.n_test=12_000",
    'engines=["em", "bayes", "sklearn", "sklearn-bayes", "kmeans"]',
    "em.n_init=1", "em.n_bootstrap=2", "bayes.draws=30", "bayes.tune=20", "bayes.chains=2",
    'bayes.sampler="gibbs"', 'bayes.prior={kind="niw"}',
])
print(json.dumps(json.loads(compare_config(config).to_json())))
"""


def numbers(value, path=""):
    """Everything in a comparison by its place, but for what the clock says."""
    if isinstance(value, dict):
        items = [(key, inner) for key, inner in value.items() if "seconds" not in key]
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        return {path: value}
    return {k: v for key, inner in items for k, v in numbers(inner, f"{path}.{key}").items()}


@pytest.mark.slow
def test_a_comparison_has_the_same_numbers_with_one_thread_and_with_two():
    found = []
    for n in ("1", "2"):
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), n)
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", RUN],
            capture_output=True, text=True, check=True, env={**os.environ, **threads},
        )  # fmt: skip
        found.append(numbers(json.loads(done.stdout)))
    one, two = found
    assert len(one) > 500
    assert {path for path in one if one[path] != two[path]} == set()
    assert one.keys() == two.keys()


@pytest.mark.parametrize("n_features", [1, 2, 12])
def test_distances_of_densities_have_the_same_numbers_with_one_thread_and_with_two(rng, n_features):
    one, other = (random_mixture(rng, 3, n_features) for _ in range(2))
    found = []
    for n in (1, 2):
        with threadpool_limits(n):
            found.append(DensityComparison(one, 20_000, 5).distances(other))
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["kmeans", "sklearn"])
def test_scikit_learn_has_the_same_numbers_with_one_thread_and_with_two(rng, name):
    X, _ = random_mixture(rng, 3, 2).sample(20_000, 1)
    # Made first: a library that comes with it later would not know of the limits.
    engine = make_engine(name, {"n_init": 1})
    found = []
    for n in (1, 2):
        with threadpool_limits(n):
            fit = engine.fit(X, 3, np.random.SeedSequence(0), silent)
        found.append((fit.mixture, fit.diagnostics))
    assert found[0] == found[1]
