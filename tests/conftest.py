import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from threadpoolctl import LibController, ThreadpoolController

from gmm_em import Mixture
from tests.browser.found import ABSENT, NAMES
from tests.paths import DATA

# A job in the background may have been told to ignore interrupts, and would tell its children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run; --hypothesis-profile=default looks for others.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--order-seed", type=int, help="run the tests in a random order that this number fixes"
    )


# Seeds of the random orders of tests/test_order.py. The processes of a run read the same.
ORDERS = "GMM_COMPARE_ORDERS"


def pytest_configure(config: pytest.Config) -> None:
    os.environ.setdefault(ORDERS, " ".join(str(random.randrange(10_000)) for _ in range(5)))


def pytest_report_header(config: pytest.Config) -> list[str]:
    seed = config.getoption("order_seed")
    own = [] if seed is None else [f"order of these tests: --order-seed {seed}"]
    return [*own, f"random orders among the slow tests: {ORDERS}='{os.environ[ORDERS]}'"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffle the files, and the tests of each: a fixture of a file is made once in any order."""
    seed = config.getoption("order_seed")
    if seed is not None:
        items[:] = shuffled(items, seed)


def shuffled(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    places = random.Random(seed)
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    order = list(files.values())
    places.shuffle(order)
    for inside in order:
        places.shuffle(inside)
    return [item for inside in order for item in inside]


class ThreadLimits:
    """How many threads each library of this process may use."""

    def __init__(self) -> None:
        self._n_modules = 0
        self._libraries: list[LibController] = []

    def now(self) -> dict[str, int]:
        # Looking for libraries takes milliseconds: only where an import may have brought one.
        if len(sys.modules) != self._n_modules:
            self._n_modules = len(sys.modules)
            self._libraries = ThreadpoolController().lib_controllers
        return {library.filepath: library.get_num_threads() for library in self._libraries}

    def restore(self, before: dict[str, int]) -> None:
        for library in self._libraries:
            if library.filepath in before:
                library.set_num_threads(before[library.filepath])


LIMITS = ThreadLimits()
BEFORE = pytest.StashKey[dict[str, int]]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    item.stash[BEFORE] = LIMITS.now()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Refuse a test that leaves another number of threads to those after it."""
    yield
    before, after = item.stash[BEFORE], LIMITS.now()
    changed = {path: after[path] for path in before if after.get(path) != before[path]}
    if changed:
        LIMITS.restore(before)
        pytest.fail(f"left {changed} threads, had {before}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if ABSENT:
        terminalreporter.write_line(
            f"browser tests were not run: none of {', '.join(NAMES)} is on PATH", yellow=True
        )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261121)


@pytest.fixture
def reference_data() -> Path:
    return DATA


def random_mixture(rng: np.random.Generator, n_components: int, n_features: int) -> Mixture:
    """A mixture with Dirichlet weights, means a few units apart and Wishart-like covariances."""
    factors = np.tril(0.4 * rng.normal(size=(n_components, n_features, n_features)))
    factors += np.eye(n_features) * rng.uniform(0.5, 1.5, size=(n_components, 1, 1))
    return Mixture(
        rng.dirichlet(np.full(n_components, 5.0)),
        2.5 * rng.normal(size=(n_components, n_features)),
        factors @ factors.transpose(0, 2, 1),
    )
