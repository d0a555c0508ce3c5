import numpy as np
import pytest
from numpy.typing import NDArray

from gmm_bayes import GaussianMixtureBayes, MixtureDraws
from gmm_em import Mixture
from tests.paths import SHIPPED_DATA

DATA = SHIPPED_DATA


@pytest.fixture(scope="session")
def faithful() -> NDArray[np.float64]:
    return np.loadtxt(DATA / "faithful.csv", delimiter=",", skiprows=1)


@pytest.fixture(scope="session")
def galaxies() -> NDArray[np.float64]:
    """Velocities in 1000 km/s, shape (82, 1)."""
    return np.loadtxt(DATA / "galaxies.csv", delimiter=",", skiprows=1)[:, None] / 1000.0


@pytest.fixture(scope="session")
def two_clusters() -> NDArray[np.float64]:
    truth = Mixture([0.35, 0.65], [[0.0, 0.0], [3.0, 4.0]], [np.eye(2), [[1.0, 0.5], [0.5, 2.0]]])
    return truth.sample(120, 7)[0]


@pytest.fixture(scope="session")
def fitted(two_clusters: NDArray[np.float64]) -> GaussianMixtureBayes:
    model = GaussianMixtureBayes(2, draws=300, tune=300, chains=2, random_state=3)
    return model.fit(two_clusters)


@pytest.fixture
def draws(rng: np.random.Generator) -> MixtureDraws:
    return random_draws(rng, n_chains=2, n_draws=5, n_components=3, n_features=2)


def random_draws(
    rng: np.random.Generator, n_chains: int, n_draws: int, n_components: int, n_features: int
) -> MixtureDraws:
    shape = (n_chains, n_draws, n_components)
    factors = np.tril(rng.normal(size=(*shape, n_features, n_features))) * 0.3
    factors += np.eye(n_features)
    return MixtureDraws(
        rng.dirichlet(np.full(n_components, 3.0), size=shape[:2]),
        rng.normal(size=(*shape, n_features)) * 2.0,
        factors @ np.swapaxes(factors, -1, -2),
    )
