"""Densities that compiled code finds by their addresses."""

import pickle

import numpy as np
import pytest

from gmm_bayes import InverseWishartPrior, VolumeShapePrior
from gmm_bayes.density.by_address import address_of, set_address
from gmm_bayes.density.log_posterior import LogPosterior
from gmm_bayes.density.packed import packed_log_density
from gmm_bayes.space.structures import get_structure

KINDS = [("full", InverseWishartPrior()), ("VEE", VolumeShapePrior())]


@pytest.fixture(params=KINDS, ids=[name for name, _ in KINDS])
def target(request):
    covariance_type, prior = request.param
    X = np.random.default_rng(0).normal(size=(20, 2))
    return LogPosterior(X, 2, prior, get_structure(covariance_type))


def forget_addresses():
    for place in range(2):
        set_address(place, 0)


@pytest.fixture(autouse=True)
def restored():
    before = [address_of(place) for place in range(2)]
    yield
    for place, address in enumerate(before):
        set_address(place, address)


def test_a_density_that_is_not_loaded_is_refused(target):
    theta, packed = np.zeros(target.space.size), target.packed
    forget_addresses()
    with pytest.raises(RuntimeError, match="not loaded"):
        packed_log_density(theta, packed, np.empty_like(theta))


def test_only_the_density_that_is_needed_is_loaded(target):
    forget_addresses()
    again = LogPosterior(target.X, 2, target.prior, target.structure)
    again(np.zeros(again.space.size))
    assert [address_of(place) != 0 for place in range(2)] == [
        not again.structure.decomposed,
        again.structure.decomposed,
    ]


def test_a_posterior_from_another_process_finds_its_density(target):
    theta = np.full(target.space.size, 0.1)
    expected, slopes = target(theta)
    stored = pickle.dumps(target)
    forget_addresses()
    found, found_slopes = pickle.loads(stored)(theta)
    assert found == expected
    np.testing.assert_array_equal(found_slopes, slopes)
