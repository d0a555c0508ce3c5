import numpy as np
import pytest

from gmm_em import Mixture
from tests.gmm_em.libraries import LIBRARIES
from tests.paths import ROOT


def read_data(name):
    path = ROOT / "experiments" / "data" / f"{name}.csv"
    columns = range(4) if name == "iris" else None
    X = np.loadtxt(path, delimiter=",", skiprows=1, usecols=columns, ndmin=2)
    # The mclust reference is in 1000 km/s.
    return X / 1000 if name == "galaxies" else X


@pytest.fixture(scope="session")
def faithful():
    return read_data("faithful")


@pytest.fixture(scope="session")
def iris():
    return read_data("iris")


@pytest.fixture(scope="session")
def galaxies():
    return read_data("galaxies")


def random_mixture(n_components, n_features, seed=0, spread=3.0):
    """The mixtures of the project's measurements: random means and factors."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(n_components, n_features)) * spread
    weights = rng.dirichlet(np.full(n_components, 5.0))
    noise = rng.normal(size=(n_components, n_features, n_features))
    factors = np.tril(0.3 * noise) + np.eye(n_features)
    return Mixture(weights, means, factors @ factors.transpose(0, 2, 1))


@pytest.fixture
def make_mixture():
    return random_mixture


@pytest.fixture(params=sorted(LIBRARIES))
def there(request):
    """What makes an array of another library of one of NumPy."""
    return LIBRARIES[request.param]
