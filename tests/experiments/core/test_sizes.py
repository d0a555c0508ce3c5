import numpy as np
import pytest

from experiments.core import sizes
from experiments.core.errors import UsageError


def test_an_array_of_doubles_needs_what_numpy_gives_it():
    assert sizes.of_doubles(300, 7) == np.zeros((300, 7)).nbytes
    assert sizes.of_doubles() == 8


def test_what_exceeds_the_memory_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(sizes, "physical_memory", lambda: 4_000_000_000)
    sizes.refuse_beyond_memory(4_000_000_000, "data.csv", "a smaller table")
    with pytest.raises(UsageError) as caught:
        sizes.refuse_beyond_memory(9_000_000_000, "data.csv", "a smaller table")
    assert str(caught.value) == (
        "data.csv: would need about 9 GB of memory and there are 4, allowed is a smaller table"
    )


def test_this_machine_has_memory():
    assert sizes.physical_memory() > 10_000_000
