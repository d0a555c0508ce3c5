import numpy as np
import pytest

from gmm_em import select


def test_select_chooses_the_smallest(faithful):
    selection = select(faithful, range(1, 4), ["full", "tied"], random_state=0, n_init=6)
    table = selection.table()
    assert len(table) == 6
    chosen = [row for row in table if row["chosen"]]
    assert len(chosen) == 1
    assert chosen[0]["bic"] == min(row["bic"] for row in table)
    # mclust's choice among these, too.
    assert (selection.best.n_components, selection.best.covariance_type) == (3, "tied")
    assert "* tied" in str(selection)
    assert select(faithful, [1, 2], "full", criterion="icl").best.n_components == 2


def test_models_that_cannot_be_fitted_are_kept_with_their_reason():
    X = np.random.default_rng(0).normal(size=(12, 8))
    selection = select(X, [1, 3], ["full", "spherical"], random_state=0, n_init=3)
    refused = [c for c in selection.candidates if c.reason]
    assert [(c.n_components, c.covariance_type) for c in refused] == [(3, "full")]
    assert np.isnan(refused[0].bic)
    assert "refused" in str(selection)


def test_bad_options_are_refused(faithful):
    with pytest.raises(ValueError, match="criterion"):
        select(faithful, criterion="best")
    with pytest.raises(ValueError, match="must not be empty"):
        select(faithful, [])
