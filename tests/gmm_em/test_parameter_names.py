import re

import numpy as np
import pytest

from gmm_em.covariance.registry import STRUCTURES
from gmm_em.inference.parameter_arrays import ParameterArrays
from gmm_em.parameter_names import ParameterLayout, ParameterName, all_names

KINDS = sorted(STRUCTURES)


def written(names):
    return [str(name) for name in names]


def test_all_names_of_two_components_with_two_features():
    assert written(all_names(2, 2)) == [
        "weight[1]",
        "weight[2]",
        "mean[1, 1]",
        "mean[1, 2]",
        "mean[2, 1]",
        "mean[2, 2]",
        "covariance[1, 1, 1]",
        "covariance[1, 2, 1]",
        "covariance[1, 2, 2]",
        "covariance[2, 1, 1]",
        "covariance[2, 2, 1]",
        "covariance[2, 2, 2]",
    ]


@pytest.mark.parametrize(
    ("kind", "covariances"),
    [
        ("full", ["1, 1, 1", "1, 2, 1", "1, 2, 2", "2, 1, 1", "2, 2, 1", "2, 2, 2"]),
        ("tied", ["1, 1, 1", "1, 2, 1", "1, 2, 2"]),
        ("diag", ["1, 1, 1", "1, 2, 2", "2, 1, 1", "2, 2, 2"]),
        ("spherical", ["1, 1, 1", "2, 1, 1"]),
    ],
)
def test_free_names_of_each_structure(kind, covariances):
    names = written(ParameterLayout(2, 2, kind).names)
    assert names[:6] == written(all_names(2, 2))[:6]
    assert names[6:] == [f"covariance[{entry}]" for entry in covariances]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (2, 1), (3, 2), (4, 5)])
def test_free_names_are_some_of_all_names_in_their_order(kind, shape):
    layout = ParameterLayout(*shape, kind)
    places = {name: place for place, name in enumerate(all_names(*shape))}
    found = [places[name] for name in layout.names]
    assert found == sorted(set(found))
    structure = STRUCTURES[kind]
    n_components, n_features = shape
    free = n_components - 1 + n_components * n_features + structure.n_parameters(*shape)
    assert layout.n_free == free


def test_full_covariances_leave_every_entry_free():
    assert list(ParameterLayout(3, 4).names) == list(all_names(3, 4))


@pytest.mark.parametrize("kind", KINDS)
def test_values_stand_in_the_order_of_the_names(rng, kind):
    arrays = ParameterArrays(
        rng.normal(size=(5, 3)), rng.normal(size=(5, 3, 2)), rng.normal(size=(5, 3, 2, 2))
    )
    layout = ParameterLayout(3, 2, kind)
    values = layout.values(arrays)
    assert values.shape == (5, len(layout.names))
    for name, column in zip(layout.names, values.T, strict=True):
        np.testing.assert_array_equal(name.value(arrays), column)
        # The machine name, read as a person would, finds the same number.
        array = {"weight": arrays.weights, "mean": arrays.means}.get(name.kind, arrays.covariances)
        index = tuple(int(number) - 1 for number in re.findall(r"\d+", str(name)))
        np.testing.assert_array_equal(array[(slice(None), *index)], column)


def test_labels():
    features = ["eruptions", "waiting"]
    covariance = ParameterName("covariance", 1, (1, 0))
    variance = ParameterName("covariance", 1, (1, 1))
    full, tied = ParameterLayout(2, 2), ParameterLayout(2, 2, "tied")
    assert full.label(ParameterName("weight", 0), features) == "1"
    assert full.label(ParameterName("mean", 0, (1,)), features) == "1, waiting"
    assert full.label(covariance, features) == "2, waiting, eruptions"
    assert full.label(covariance) == "2, x2, x1"
    assert tied.label(covariance, features) == "all, waiting, eruptions"
    assert tied.label(ParameterName("mean", 1, (0,)), features) == "2, eruptions"
    assert ParameterLayout(1, 2, "tied").label(covariance.of_component(0)) == "1, x2, x1"
    assert ParameterLayout(2, 2, "diag").label(variance, features) == "2, waiting, waiting"
    assert ParameterLayout(2, 2, "spherical").label(variance, features) == "2, every feature"
    one = ParameterName("covariance", 0, (0, 0))
    assert ParameterLayout(2, 1, "spherical").label(one, ["waiting"]) == "1, waiting, waiting"


def test_a_name_moves_to_another_component():
    name = ParameterName("covariance", 0, (2, 1))
    assert str(name.of_component(6)) == "covariance[7, 3, 2]"
    assert name.of_component(0) == name
    assert len({name, name.of_component(0), name.of_component(1)}) == 2
