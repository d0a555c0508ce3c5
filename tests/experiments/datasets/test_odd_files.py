"""Files that hold no numbers where numbers are expected, or claim what is not so."""

import os

import numpy as np
import pandas as pd
import pytest

from experiments.core.errors import UsageError
from experiments.datasets.files import read_table


@pytest.mark.parametrize("kind", ["datetime64[D]", "timedelta64[s]", "U8", "S8"])
def test_dates_durations_and_texts_in_an_array_are_no_numbers(tmp_path, kind):
    path = tmp_path / "rows.npy"
    np.save(path, np.arange(12).reshape(6, 2).astype(kind))
    with pytest.raises(UsageError, match="not numbers"):
        read_table(path)


def test_dates_and_durations_in_parquet_are_left_out(tmp_path):
    path = tmp_path / "rows.parquet"
    when = pd.date_range("2020-01-01", periods=6)
    columns = {"a": np.arange(6.0) ** 2, "when": when, "lasted": when - when[0], "ok": [True] * 6}
    pd.DataFrame(columns).to_parquet(path)
    found = read_table(path)
    assert (found.names, found.left_out) == (("a",), ("when", "lasted", "ok"))
    for name in ("when", "lasted", "ok"):
        with pytest.raises(UsageError, match=f"column '{name}' holds text"):
            read_table(path, [name])


def test_lines_that_end_in_a_separator_have_no_more_columns(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b,\n1,2,\n3,5,\n")
    assert read_table(path).names == ("a", "b")
    path.write_text("a,b,\n1,2,x\n3,5,\n")
    assert read_table(path).left_out == ("Unnamed: 2",)


def test_a_text_among_numbers_is_a_doubt_with_its_row(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b,c\n1,2,x\n3,n.a.?,y\n4,6,z\n5,7,w\n")
    found = read_table(path)
    assert found.names == ("a",)
    assert found.doubts == ("Column 'b' is left out: 'n.a.?' in row 2 is no number.",)
    assert read_table(path, ["a"]).doubts == ()


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "rows.csv")
    with pytest.raises(UsageError, match="is no regular file"):
        read_table(tmp_path / "rows.csv")


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-12, 2), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 400 + ", 2), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True, 2), }",
        "(" * 4000 + ")" * 4000,
        "-" * 4000 + "1",
    ],
)
def test_a_crafted_header_is_told(tmp_path, header):
    text = header.encode() + b"\n"
    path = tmp_path / "rows.npy"
    path.write_bytes(b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text + bytes(192))
    with pytest.raises(UsageError, match=r"rows\.npy"):
        read_table(path)


def test_ten_thousand_columns_are_read(tmp_path):
    path = tmp_path / "rows.csv"
    lines = [",".join(f"column{i}" for i in range(20_000)), ",".join(["1.5"] * 20_000)]
    path.write_text("\n".join(lines) + "\n")
    assert read_table(path).X.shape == (1, 20_000)
