"""Rows of a memory map: the ones asked for, and other views left alone."""

import numpy as np
import pytest

from gmm_em.rows.memory_maps import pick, release


@pytest.fixture
def rows(tmp_path, rng):
    """A file of more rows than are read at a time, and what it holds."""
    values = rng.normal(size=(1000, 3))
    np.save(tmp_path / "rows.npy", values)
    return np.load(tmp_path / "rows.npy", mmap_mode="r"), values


@pytest.mark.parametrize(
    "index",
    [
        slice(None), slice(None, None, 3), slice(5, 700, 2), slice(-300, None),
        np.array([0, 2, 999]), np.arange(0, 1000, 3), np.array([], dtype=int),
    ],
)  # fmt: skip
def test_chosen_rows_are_those_of_the_array(rows, index):
    mapped, values = rows
    found = pick(mapped, index)
    assert not isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, values[index])
    np.testing.assert_array_equal(pick(values, index), values[index])


def test_whole_numbers_become_floats(tmp_path):
    np.save(tmp_path / "whole.npy", np.arange(12).reshape(4, 3))
    found = pick(np.load(tmp_path / "whole.npy", mmap_mode="r"), slice(1, None, 2))
    assert found.dtype == np.float64
    assert found.tolist() == [[3.0, 4.0, 5.0], [9.0, 10.0, 11.0]]


def test_released_rows_can_be_read_again(rows):
    mapped, values = rows
    for part in (mapped, mapped[100:200], mapped[:0], mapped[:, 1], mapped[::2], values, None):
        release(part)
    np.testing.assert_array_equal(mapped, values)


def test_changes_of_a_private_map_are_kept(tmp_path):
    """Giving pages back would throw changes away that are in memory only."""
    np.save(tmp_path / "rows.npy", np.zeros((100_000, 3)))
    private = np.load(tmp_path / "rows.npy", mmap_mode="c")
    private[:] = 1.0
    release(private)
    assert (private == 1.0).all()
