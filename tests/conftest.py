import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from gmm_em import Mixture
from tests.browser.found import ABSENT, NAMES
from tests.paths import DATA

# A job in the background may have been told to ignore interrupts, and would tell its children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run; --hypothesis-profile=default looks for others.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


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
