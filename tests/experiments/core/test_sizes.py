import numpy as np
import pytest

from experiments.core import sizes
from experiments.core.errors import UsageError


def test_an_array_of_doubles_needs_what_numpy_gives_it():
    assert sizes.of_doubles(300, 7) == np.zeros((300, 7)).nbytes
    assert sizes.of_doubles() == 8


def test_what_exceeds_the_memory_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(sizes, "free_memory", lambda: 4_000_000_000)
    sizes.refuse_beyond_memory(4_000_000_000, "data.csv", "a smaller table")
    with pytest.raises(UsageError) as caught:
        sizes.refuse_beyond_memory(9_000_000_000, "data.csv", "a smaller table")
    assert str(caught.value) == (
        "data.csv: would need about 9 GB of memory and 4 GB are free, allowed is a smaller table"
    )


def test_this_machine_has_memory():
    assert sizes.physical_memory() > 10_000_000


def test_less_is_free_than_the_machine_has():
    assert 0 < sizes.free_memory() < sizes.physical_memory()


def test_a_control_group_may_leave_less(tmp_path, monkeypatch):
    monkeypatch.setattr(sizes, "GROUP", tmp_path)
    monkeypatch.setattr(sizes, "physical_memory", lambda: 10**12)
    monkeypatch.setattr(sizes, "MEMINFO", tmp_path / "meminfo")
    assert sizes.free_memory() == 10**12
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:   7000000 kB\n")
    assert sizes.free_memory() == 7_168_000_000
    for name, text in (
        ("memory.max", "3000\n"),
        ("memory.current", "2500\n"),
        ("memory.stat", "anon 2400\nfile 100\n"),
    ):
        (tmp_path / name).write_text(text)
    assert sizes.free_memory() == 600
    (tmp_path / "memory.max").write_text("max\n")
    assert sizes.free_memory() == 7_168_000_000


def test_a_size_beyond_writing_is_not_written():
    assert sizes.in_gigabytes(10**4000) == "more than 1000000000 GB"
    assert sizes.in_gigabytes(1_500_000_000) == "1.5 GB"
