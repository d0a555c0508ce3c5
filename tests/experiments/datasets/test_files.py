import errno
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.config.data import FileData
from experiments.core.errors import UsageError
from experiments.core.seeds import stream
from experiments.core.words import some
from experiments.datasets.delimited import counts_rows
from experiments.datasets.files import read_table
from experiments.datasets.load import load_dataset


def test_numeric_columns_of_a_csv_are_used_and_others_are_named(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,name,b\n1,x,2.5\n3,y,4.5\n")
    table = read_table(path)
    assert table.names == ("a", "b")
    assert table.left_out == ("name",)
    assert table.X.tolist() == [[1.0, 2.5], [3.0, 4.5]]
    assert read_table(path, ["b"]).X.tolist() == [[2.5], [4.5]]


def test_a_csv_with_byte_order_mark_quotes_and_spaces_is_read(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b'\xef\xbb\xbf"a", b\r\n1, 2\r\n3, 4\r\n')
    table = read_table(path)
    assert table.names == ("a", "b")
    assert table.X.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_a_parquet_table_is_read(tmp_path):
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": ["x", "y"], "d": [True, False]})
    frame.to_parquet(tmp_path / "rows.parquet")
    table = read_table(tmp_path / "rows.parquet")
    assert table.names == ("a", "b")
    assert table.left_out == ("c", "d")
    assert table.X.tolist() == [[1.0, 0.5], [2.0, 1.5]]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
def test_an_npy_array_is_read_and_its_columns_can_be_named(tmp_path, dtype):
    array = np.arange(6).reshape(3, 2).astype(dtype)
    np.save(tmp_path / "rows.npy", array)
    table = read_table(tmp_path / "rows.npy")
    assert np.array_equal(table.X, array)
    assert table.X.dtype == np.float64
    assert table.names == ("x1", "x2")
    assert np.array_equal(read_table(tmp_path / "rows.npy", ["x2"]).X, array[:, [1]])


def test_a_float64_npy_array_stays_on_disk(tmp_path):
    np.save(tmp_path / "rows.npy", np.arange(6.0).reshape(3, 2))
    X = read_table(tmp_path / "rows.npy").X
    assert isinstance(X if isinstance(X, np.memmap) else X.base, np.memmap)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("rows.csv", b"a,b\n1,2\n,4\n", r"row 2, column 'a' is nan"),
        ("rows.csv", b"a,b\n1,2\ninf,4\n", r"row 2, column 'a' is inf"),
        ("rows.csv", b"", r"the file is empty"),
        ("rows.csv", b"a,b\n", r"no (rows|numeric column)"),
        ("rows.csv", b"a\nx\ny\n", r"no numeric column"),
        ("rows.csv", b"a,b\n1,2\n1,2,3\n", r"not a table"),
        ("rows.csv", b"a,b\n1,2,3\n4,5,6\n", r"row 1 has 3 values, allowed is 2"),
        ("rows.csv", b"a,b\n1,2\n3\n", r"row 2, column 'b' is nan"),
        ("rows.csv", b"a,b,a\n1,2,3\n", r"2 columns are called 'a'"),
        ("rows.csv", b"1,2\n3,4\n", r"first line holds numbers, allowed is a header line"),
        ("rows.csv", b"\xff\xfe\x00\x01", r"not a table"),
        (
            "rows.csv",
            b"PK\x03\x04\x14\x00\x06\x00\x08\x00",
            r"not a table|row 1|no rows|no numeric",
        ),
        ("rows.npy", b"not an array", r"not a readable \.npy"),
        ("rows.npy", b"\x93NUMPY\x01\x00", r"not a readable \.npy"),
        ("rows.npy", b"", r"not a readable \.npy"),
        ("rows.parquet", b"a,b\n1,2\n", r"not a readable Parquet file"),
        ("rows.parquet", b"", r"not a readable Parquet file"),
        ("rows.txt", b"1 2", r"the first line holds numbers, allowed is a header line"),
        ("rows.csv", "größe,b\n1,2\n".encode("latin-1"), r"not UTF-8 text \(byte 2\)"),
        ("rows.csv", "a,b\n1,2\n".encode("utf-16"), r"not UTF-8 text \(byte 0\)"),
        ("rows.xlsx", b"PK", r"ends in '\.xlsx', allowed is \.csv, \.tsv, \.txt, \.parquet, \.npy"),
    ],
)
def test_an_unusable_file_is_told_in_one_line(tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageError, match=expected) as caught:
        read_table(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_or_a_folder_is_told(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError, match="no such data file"):
        read_table(tmp_path / "gone.csv")
    with pytest.raises(UsageError, match="is a folder, allowed is a file"):
        read_table(tmp_path / "folder.csv")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.csv", "a,b\n1.5,-2\n3,4.25\n"),
        ("rows.csv", "a;b\n1,5;-2\n3;4,25\n"),
        ("rows.csv", "a;b\n1.5;-2\n3;4.25\n"),
        ("rows.csv", '"a";"b"\n"1,5";"-2"\n"3";"4,25"\n'),
        ("rows.csv", "a|b\n1.5|-2\n3|4.25\n"),
        ("rows.tsv", "a\tb\n1.5\t-2\n3\t4.25\n"),
        ("rows.txt", "a b\n1.5 -2\n3   4.25\n"),
        ("rows.txt", "  a    b\n1.5   -2\n3.0   4.25\n"),
        ("rows.csv", "\n\na,b\n\n1.5,-2\n3,4.25\n\n"),
    ],
)
def test_separators_and_decimal_commas_are_told_from_the_file(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    table = read_table(path)
    assert table.names == ("a", "b")
    assert table.X.tolist() == [[1.5, -2.0], [3.0, 4.25]]


def test_names_may_hold_other_separators(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('"length; in mm","weight,\nin \x1b[31mg"\n1,2\n3,4\n')
    assert read_table(path).names == ("length; in mm", "weight, in [31mg")


def test_a_nameless_column_of_row_numbers_is_left_out(tmp_path):
    frame = pd.DataFrame({"a": np.linspace(0, 1, 12), "b": np.linspace(2, 1, 12) ** 2})
    frame.to_csv(tmp_path / "rows.csv")
    table = read_table(tmp_path / "rows.csv")
    assert table.names == ("a", "b")
    assert table.left_out == ("(row numbers)",)


def test_what_may_surprise_is_said(tmp_path):
    lines = [f"{i + 1},{'?' if i == 3 else i / 7},x{i},{(i * 5) % 11}" for i in range(20)]
    path = tmp_path / "rows.csv"
    path.write_text("id,length,name,width\n" + "\n".join(lines) + "\n")
    table = read_table(path)
    assert table.names == ("id", "width")
    assert table.left_out == ("length ('?' in row 4 is no number)", "name")
    assert table.counting == ("id",)
    note = load_dataset(FileData(source="file", path=str(path)), "rows", stream(0, "data")).note
    assert note == (
        "columns used: id, width; left out: length ('?' in row 4 is no number), name; id only "
        "counts the rows: name the columns to use if that is no measurement"
    )
    chosen = FileData(source="file", path=str(path), columns=["id", "width"])
    assert load_dataset(chosen, "rows", stream(0, "data")).note == ""


def test_a_column_too_narrow_for_a_double_is_told(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a\n" + "\n".join(f"{i}e-300" for i in range(1, 30)) + "\n")
    with pytest.raises(UsageError, match=r"column 'a' varies by 2\.8e-299 only"):
        load_dataset(FileData(source="file", path=str(path)), "rows", stream(0, "data"))


def test_complex_numbers_are_refused(tmp_path):
    np.save(tmp_path / "rows.npy", np.ones((3, 2)) + 1j)
    with pytest.raises(UsageError, match="not numbers"):
        read_table(tmp_path / "rows.npy")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npy"])
def test_a_file_that_may_not_be_read_is_told(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"rows{suffix}"
    path.write_text("a,b\n1,2\n3,5\n")

    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    for target in ("pathlib.Path.open", "pyarrow.parquet.ParquetFile", "numpy.load"):
        monkeypatch.setattr(target, refuse)
    with pytest.raises(UsageError, match=r"not a .*: .*Permission denied") as caught:
        read_table(path)
    assert "\n" not in str(caught.value)


def test_a_single_column_is_data_with_one_feature(tmp_path):
    (tmp_path / "rows.csv").write_text("velocity\n1.5\n2\n-3e1\n")
    table = read_table(tmp_path / "rows.csv")
    assert table.names == ("velocity",)
    assert table.X.tolist() == [[1.5], [2.0], [-30.0]]
    np.save(tmp_path / "rows.npy", np.array([[1.0], [2.0]]))
    assert read_table(tmp_path / "rows.npy").X.shape == (2, 1)


def test_a_truncated_parquet_file_is_told(tmp_path):
    whole, cut = tmp_path / "whole.parquet", tmp_path / "cut.parquet"
    pd.DataFrame({"a": np.arange(1000.0)}).to_parquet(whole)
    for kept in (0.5, 0.99):
        content = whole.read_bytes()
        cut.write_bytes(content[: int(kept * len(content))])
        with pytest.raises(UsageError, match=r"cut\.parquet: not a readable Parquet file"):
            read_table(cut)


def test_duplicate_columns_of_a_parquet_file_are_told(tmp_path):
    table = pa.table([pa.array([1.0]), pa.array([2.0])], names=["a", "a"])
    pq.write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(UsageError, match="2 columns are called 'a'"):
        read_table(tmp_path / "rows.parquet")


def test_an_npy_array_of_another_shape_or_kind_is_told(tmp_path):
    path = tmp_path / "rows.npy"
    for array, expected in (
        (np.arange(3.0), "an array of 1 dimensions"),
        (np.array([["a", "b"]]), "not numbers"),
        (np.empty((0, 2)), "no rows"),
        (np.array([[1.0, np.nan]]), "row 1, column 'x2' is nan"),
    ):
        np.save(path, array)
        with pytest.raises(UsageError, match=expected):
            read_table(path)


def test_a_truncated_npy_array_and_an_archive_are_told(tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, np.zeros((100, 2)))
    os.truncate(path, 1000)
    with pytest.raises(UsageError, match=r"not a readable \.npy array"):
        read_table(path)
    with path.open("wb") as file:
        np.savez(file, a=np.zeros((2, 2)))
    with pytest.raises(UsageError, match="an archive of arrays"):
        read_table(path)


def test_pickled_arrays_are_never_loaded(tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError, match="not a readable"):
        read_table(path)


def test_huge_files_are_refused_before_they_are_read(tmp_path):
    table = tmp_path / "rows.csv"
    table.write_text("a,b\n1,2\n")
    os.truncate(table, 1 << 41)
    with pytest.raises(UsageError, match=r"would need about \d+ GB of memory.*\.npy"):
        read_table(table)
    array = tmp_path / "rows.npy"
    np.lib.format.open_memmap(array, mode="w+", dtype=np.int8, shape=(1 << 41, 1))
    with pytest.raises(UsageError, match=r"would need about \d+ GB of memory"):
        read_table(array)


def test_a_huge_parquet_file_is_refused_before_it_is_read(tmp_path, monkeypatch):
    """Columns of one value each take no room on disk, and all of it in memory."""
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"a": np.arange(100_000.0), "b": 0.0}).to_parquet(path)
    needed = 8 * 2 * 100_000
    monkeypatch.setattr("experiments.core.sizes.free_memory", lambda: needed)
    assert read_table(path).X.shape == (100_000, 2)
    monkeypatch.setattr("experiments.core.sizes.free_memory", lambda: needed - 1)
    with pytest.raises(UsageError, match=r"rows\.parquet: would need about 0\.0016 GB of memory"):
        read_table(path)


@pytest.mark.parametrize("columns", [None, ["b"]])
def test_a_parquet_file_without_rows_is_told(tmp_path, columns):
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"a": [], "b": []}, dtype=float).to_parquet(path)
    with pytest.raises(UsageError, match=r"rows\.parquet: no rows, allowed is at least one"):
        read_table(path, columns)


def test_a_parquet_file_without_columns_is_told(tmp_path):
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"name": ["x", "y"]}).to_parquet(path)
    with pytest.raises(UsageError, match=r"rows\.parquet: no numeric column"):
        read_table(path)


def test_wrong_columns_are_named(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,name\n1,x\n")
    with pytest.raises(UsageError, match="no column 'c', allowed is a, name"):
        read_table(path, ["c"])
    with pytest.raises(UsageError, match=r"column 'name' holds text \('x'\)"):
        read_table(path, ["name"])
    with pytest.raises(UsageError, match="2 columns are called 'a'"):
        read_table(path, ["a", "a"])


def test_missing_values_of_a_file_are_kept_where_asked_for(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n,4\n3,\n")
    assert np.isnan(read_table(path, missing=True).X).sum() == 2
    path.write_text("a,b\n1,\n2,\n")
    with pytest.raises(UsageError, match="column 'b' has no value at all"):
        read_table(path, missing=True)


def test_a_constant_column_is_told(tmp_path):
    from experiments.config.data import FileData

    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n1,4\n1,6\n")
    data = FileData(source="file", path=str(path))
    with pytest.raises(UsageError, match=r"rows\.csv: column 'a' is 1 in every row"):
        load_dataset(data, "x", stream(0, "data"))
    chosen = load_dataset(data.model_copy(update={"columns": ["b"]}), "x", stream(0, "data"))
    assert chosen.X.shape == (3, 1)


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        (range(10), True), (range(1, 11), True), (range(9), False), (range(2, 12), False),
        ([*range(9), 8], False), ([float(i) for i in range(10)], True), (["1"] * 10, False),
    ],
)  # fmt: skip
def test_ten_values_that_count_the_rows_are_told(values, counts):
    assert counts_rows(pd.Series(values)) is counts


def test_of_many_names_the_first_are_written():
    names = [f"n{i}" for i in range(14)]
    assert some(names[:12]) == ", ".join(names[:12])
    assert some(names[:13]) == f"{', '.join(names[:12])} and 1 more"
    assert some(names) == f"{', '.join(names[:12])} and 2 more"
