"""BLAS is held to one thread, given back, and leaves no trace in the numbers."""

import os
import subprocess
import sys
import threading

import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from gmm_em.core.threads import run_all, single_threaded_blas

# With more than 10 000 rows BLAS shares a sum among its threads.
NUMBERS = """
import numpy as np
from gmm_em import Mixture, bootstrap, expect, fit_em, score, standard_errors
from gmm_em.inference.criteria import icl

rng = np.random.default_rng(1)
mixture = Mixture([0.3, 0.7], [[0.0, 0.0], [2.0, 1.0]], [np.eye(2), [[2.0, 0.5], [0.5, 1.0]]])
X, _ = mixture.sample(30_000, 3)
weight = rng.uniform(0.5, 1.5, len(X))
moments = expect(mixture, X, weight)
values = [X.sum(), mixture.log_likelihood(X, weight), score(mixture, moments).means]
values += [icl(0.0, 1, mixture.responsibilities(X), weight)]
for method in ("information", "sandwich"):
    found = standard_errors(X, mixture, sample_weight=weight, method=method)
    values += [found.means, found.covariances]
for kind in ("full", "spherical"):
    fit = fit_em(X, 2, covariance_type=kind, n_init=1, max_iter=5, random_state=0)
    values += [fit.mixture.means, fit.mixture.covariances, fit.log_likelihood]
wide = rng.normal(size=(6_000, 24)) + 2 * rng.normal(size=(4, 24))[rng.integers(4, size=6_000)]
fit = fit_em(wide, 4, init_params="random", n_init=2, max_iter=8, random_state=0)
values += [fit.mixture.means, fit.mixture.covariances, fit.log_likelihood]
values += [bootstrap(X, mixture, n_bootstrap=2, random_state=0).means]
for value in values:
    print(*(float(x).hex() for x in np.ravel(value)))
"""


def blas_threads():
    return {
        library.filepath: library.get_num_threads()
        for library in ThreadpoolController().lib_controllers
        if library.user_api == "blas"
    }


@pytest.fixture
def two_threads():
    with threadpool_limits(2, user_api="blas"):
        yield


@pytest.mark.usefixtures("two_threads")
def test_every_blas_is_held_and_given_back():
    before = blas_threads()
    assert len(before) >= 1
    with single_threaded_blas() as available:
        assert available == 2
        assert set(blas_threads().values()) == {1}
        with single_threaded_blas() as inside:
            assert inside == 2
        assert set(blas_threads().values()) == {1}
    assert blas_threads() == before


@pytest.mark.usefixtures("two_threads")
def test_an_error_gives_it_back_too_and_a_decorated_function_holds_it():
    before = blas_threads()

    @single_threaded_blas()
    def fail():
        assert set(blas_threads().values()) == {1}
        raise KeyError("made")

    for _ in range(2):
        with pytest.raises(KeyError, match="made"):
            fail()
        assert blas_threads() == before


@pytest.mark.usefixtures("two_threads")
def test_the_last_of_several_threads_gives_it_back():
    before = blas_threads()
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with single_threaded_blas():
            inside.set()
            leave.wait(10)

    other = threading.Thread(target=hold)
    other.start()
    assert inside.wait(10)
    with single_threaded_blas():
        pass
    assert set(blas_threads().values()) == {1}
    leave.set()
    other.join()
    assert blas_threads() == before


def test_all_items_are_done_and_the_first_error_is_raised():
    done = []
    run_all(done.append, range(20), 3)
    assert sorted(done) == list(range(20))

    def fail(item):
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item 0"):
        run_all(fail, range(1), 3)


def test_numbers_do_not_depend_on_the_threads_of_blas():
    printed = [
        subprocess.run(
            [sys.executable, "-c", NUMBERS], capture_output=True, text=True, check=True,
            env={**os.environ, "OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": n},
        ).stdout
        for n in ("1", "2", "3")
    ]  # fmt: skip
    assert len(printed[0].splitlines()) == 18
    assert printed[1] == printed[0]
    assert printed[2] == printed[0]
