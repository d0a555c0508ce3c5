import csv

import numpy as np
import pytest

from gmm_em import GaussianMixtureEM
from tests.paths import DATA

REFERENCE = DATA / "mclust_loglik.csv"


def test_bic_is_minus_mclust_s(faithful, iris, galaxies):
    data = {"faithful": faithful, "iris": iris, "galaxies": galaxies}
    for row in csv.DictReader(REFERENCE.read_text().splitlines()):
        if int(row["n_components"]) > 1:
            continue
        X = data[row["dataset"]]
        model = GaussianMixtureEM(1, covariance_type=row["covariance_type"]).fit(X)
        assert model.bic(X) == pytest.approx(-float(row["bic_mclust_sign"]), abs=1e-4)


def test_definitions(faithful):
    model = GaussianMixtureEM(2, random_state=0).fit(faithful)
    total = model.mixture_.log_likelihood(faithful)
    assert model.aic(faithful) == pytest.approx(-2 * total + 22)
    assert model.bic(faithful) == pytest.approx(-2 * total + 11 * np.log(272))
    r = model.mixture_.responsibilities(faithful).max(axis=1)
    expected = model.bic(faithful) - 2 * np.log(r).sum()
    assert model.icl(faithful) == pytest.approx(expected)
    times = np.random.default_rng(0).integers(0, 3, size=272)
    repeated = np.repeat(faithful, times, axis=0)
    for criterion in (model.aic, model.bic, model.icl):
        kept = times > 0
        weighted = criterion(faithful[kept], sample_weight=times[kept])
        assert weighted == pytest.approx(criterion(repeated))
