"""CSV files: separators, headers, and damage named with line and column."""

from __future__ import annotations

import bz2
import gzip
import lzma

import numpy as np
import pytest

from hetengine.data import table
from hetengine.data.config import DataConfig
from hetengine.data.load import load_dataset
from hetengine.data.table import read_csv
from hetengine.errors import DataError

TEXT = "1,2.5,-1\n3,4,1\n"
X_EXPECTED = [[1, 2.5], [3, 4]]


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.rstrip("\n"),
        TEXT.replace(",", ";"),
        TEXT.replace(",", "\t"),
        TEXT.replace(",", " "),
        TEXT.replace(",", " , "),
        "a,b,y\n" + TEXT,
        '"a","b","y"\n' + TEXT,
        ",b,\n" + TEXT,
        "# note\n\n" + TEXT + "\n# end\n",
        "\ufeff" + TEXT,
        '"1","2.5","-1"\n3,4,1\n',
    ],
    ids=[
        *("plain", "crlf", "no last newline", "semicolon", "tab", "space", "padded"),
        *("header", "quoted header", "partly named", "comments", "bom", "quoted numbers"),
    ],
)
def test_reads_the_same_table(tmp_path, text):
    X, y = read_csv(write(tmp_path / "a.csv", text), np.float32)
    np.testing.assert_array_equal(X, np.array(X_EXPECTED, np.float32))
    np.testing.assert_array_equal(y, [-1, 1])
    assert X.dtype == np.float32
    assert X.flags.c_contiguous


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_reads_compressed_files(tmp_path, pack):
    path = tmp_path / "a.csv.packed"
    path.write_bytes(pack(TEXT.encode()))
    np.testing.assert_array_equal(read_csv(path, np.float64)[0], X_EXPECTED)


@pytest.mark.parametrize(("target", "expected"), [(0, [1, 3]), (1, [2.5, 4]), (-3, [1, 3])])
def test_target_column(tmp_path, target, expected):
    path = write(tmp_path / "a.csv", TEXT)
    X, y = read_csv(path, np.float64, target_column=target)
    np.testing.assert_array_equal(y, expected)
    assert X.shape == (2, 2)


def test_blocks_of_lines_join_seamlessly(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "BLOCK_CELLS", 9)
    values = np.arange(30.0).reshape(10, 3)
    path = write(tmp_path / "a.csv", "\n".join(",".join(map(str, row)) for row in values))
    X, y = read_csv(path, np.float64)
    np.testing.assert_array_equal(np.column_stack([X, y]), values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2,3\n1,2\n", r"a.csv:2: 2 cells where the first line has 3"),
        ("1,2,3\n1,2,3,4\n", r"a.csv:2: 4 cells where the first line has 3"),
        ("1,2,3\n1,abc,3\n", r"a.csv:2:2: 'abc' is not a number"),
        ("1,2,3\n1,,3\n", r"a.csv:2:2: '' is a missing value"),
        ("1,2,3\n1,NA,3\n", r"a.csv:2:2: 'NA' is a missing value"),
        ("1,2,3\n1,nan,3\n", r"a.csv:2:2: 'nan' is not finite"),
        ("1,2,3\n\n# c\n-inf,2,3\n", r"a.csv:4:1: '-inf' is not finite"),
        ("1,2,3\n1,2,nan\n", r"a.csv:2:3: 'nan' is not finite"),
        ("1,2,3\n1,1_000,3\n", r"a.csv:2:2: '1_000' is not a number"),
        ("age,pay,y\n1,x,3\n", r"a.csv:2:2: 'x' \(column 'pay'\) is not a number"),
        ("1,2,3\n1e300,2,3\n", r"a.csv:2:1: '1e300' is too large for float32; set precision"),
        ("1,oops,3\n1,2,3\n", r"a.csv:1:2: 'oops' is not a number; if .*data.header=yes"),
        ("a,b,c\n", r"a.csv: only a header line"),
        ("", r"a.csv: no lines of numbers"),
        ("1\n2\n", r"a.csv: 1 column; need at least one feature beside the label"),
    ],
)
def test_damage_is_named(tmp_path, text, words):
    with pytest.raises(DataError, match=words) as caught:
        read_csv(write(tmp_path / "a.csv", text), np.float32)
    assert "\n" not in str(caught.value)


def test_lines_of_a_later_block_with_another_length(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "BLOCK_CELLS", 3)
    with pytest.raises(DataError, match=r"a.csv:2: 2 cells"):
        read_csv(write(tmp_path / "a.csv", "1,2,3\n1,2\n"), np.float64)


def test_bytes_that_are_not_utf8(tmp_path):
    with pytest.raises(DataError, match=r"a.csv:2:1: .*is not a number"):
        read_csv(write(tmp_path / "a.csv", "1,2\n\u00e9,3\n", "latin-1"), np.float64)


def test_long_cells_are_cut_in_messages(tmp_path):
    with pytest.raises(DataError) as caught:
        read_csv(write(tmp_path / "a.csv", f"1,2\n{'x' * 200_000},3\n"), np.float64)
    assert len(str(caught.value)) < 300


def test_header_said_to_be_absent(tmp_path):
    path = write(tmp_path / "a.csv", "a,b\n1,2\n")
    with pytest.raises(DataError, match=r"a.csv:1:1: 'a' is not a number"):
        read_csv(path, np.float64, header="no")


def test_header_of_numbers(tmp_path):
    path = write(tmp_path / "a.csv", "2019,2020\n1,2\n")
    assert read_csv(path, np.float64, header="yes")[0].shape == (1, 1)


def test_target_column_that_does_not_exist(tmp_path):
    path = write(tmp_path / "a.csv", TEXT)
    with pytest.raises(
        DataError, match=r"data.target_column=3, but there are 3 columns; .*-3 to 2"
    ):
        read_csv(path, np.float64, target_column=3)


def test_truncated_file_is_named(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(TEXT.encode() * 100)[:-10])
    with pytest.raises(DataError, match=r"a.csv.gz: compressed file is truncated"):
        read_csv(path, np.float64)


@pytest.mark.parametrize("text", ["1,2\n", "1,2,3,4\n"])
def test_test_table_with_other_columns(tmp_path, text):
    train, test = write(tmp_path / "a.csv", TEXT), write(tmp_path / "b.csv", text)
    config = DataConfig(name="csv", path=str(train), test_path=str(test))
    with pytest.raises(DataError, match=r"b: \d columns, but the training set has 2"):
        load_dataset(config, np.float32, 0)
