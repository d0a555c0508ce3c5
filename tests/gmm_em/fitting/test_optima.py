"""The fits of mclust 6 to real data: no default fit is lower where mclust's has enough rows."""

import csv

import numpy as np
import pytest

from gmm_em import GaussianMixtureEM
from tests.paths import DATA, ROOT

SHIPPED = ("iris", "faithful")
TABLE = list(csv.DictReader((DATA / "optima" / "mclust.csv").read_text().splitlines()))


def read(name):
    folder = ROOT / "experiments" / "data" if name in SHIPPED else DATA / "optima"
    columns = range(4) if name == "iris" else None
    return np.loadtxt(folder / f"{name}.csv", delimiter=",", skiprows=1, usecols=columns, ndmin=2)


def rows_of(name):
    n_features = read(name).shape[1]
    return [
        row
        for row in TABLE
        if row["dataset"] == name
        and int(row["n_components"]) <= 4
        and float(row["smallest_component_rows"]) >= n_features + 2
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({row["dataset"] for row in TABLE}))
def test_no_default_fit_is_below_mclust(name):
    X = read(name)
    for row in rows_of(name):
        model = GaussianMixtureEM(
            int(row["n_components"]), covariance_type=row["covariance_type"], random_state=0
        ).fit(X)
        assert model.log_likelihood_ >= float(row["log_likelihood"]) - 1e-4, row
