"""svmlight files: what they hold, and every damage named with its place."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tempfile
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import dump_svmlight_file

from hetengine.data.config import DataConfig
from hetengine.data.load import load_dataset
from hetengine.data.svmlight import read_svmlight
from hetengine.errors import DataError

TEXT = "+1 1:0.5 3:2\n-1 2:-1.5\n"
DENSE = np.array([[0.5, 0, 2], [0, -1.5, 0]])


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def read(path: Path, **options):
    return read_svmlight([path], np.float64, **options)[0]


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.rstrip("\n"),
        "# a comment\n\n" + TEXT.replace("\n", " # why\n"),
        "+1 qid:3 1:0.5 3:2\n-1 qid:4 2:-1.5\n",
        "+1\t1:0.5\t3:2\n-1   2:-1.5  \n",
    ],
    ids=["plain", "crlf", "no last newline", "comments", "qid", "tabs"],
)
def test_reads_the_same_matrix(tmp_path, text):
    X, y = read(write(tmp_path / "a.svm", text))
    np.testing.assert_array_equal(X.toarray(), DENSE)
    np.testing.assert_array_equal(y, [1, -1])


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
@pytest.mark.parametrize("named", [True, False], ids=["named", "by content"])
def test_reads_compressed_files(tmp_path, suffix, pack, named):
    path = tmp_path / f"a.svm{suffix if named else ''}"
    path.write_bytes(pack(TEXT.encode()))
    X, _ = read(path)
    np.testing.assert_array_equal(X.toarray(), DENSE)


@pytest.mark.parametrize(
    ("text", "options", "columns"),
    [
        ("1 1:1 3:1\n", {}, 3),
        ("1 0:1 3:1\n", {}, 4),
        ("1 1:1 3:1\n", {"index_base": "zero"}, 4),
        ("1 1:1 3:1\n", {"columns": 9}, 9),
    ],
)
def test_base_of_the_column_numbers(tmp_path, text, options, columns):
    X, _ = read(write(tmp_path / "a.svm", text), **options)
    assert X.shape == (1, columns)
    assert X.toarray()[0, 0 if columns != 4 or "0:" in text else 1] == 1


def test_base_is_decided_for_train_and_test_together(tmp_path):
    train, test = write(tmp_path / "a", "1 1:1 2:1\n"), write(tmp_path / "b", "1 0:7\n")
    (X, _), (T, _) = read_svmlight([train, test], np.float32)
    assert X.shape == (1, 3)
    np.testing.assert_array_equal(T.toarray(), [[7, 0, 0]])


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("1 1:1\n1 1:nan\n", ":2:", "'1:nan' is not finite"),
        ("1 1:1\n\n1 2:inf\n", ":3:", "'2:inf' is not finite"),
        ("1 1:1\nnan 1:1\n", ":2:", "label 'nan' is a missing value|label 'nan' is not finite"),
        ("1 1:1\nyes 1:1\n", ":2:", "label 'yes' is not a number"),
        ("1 1:1\n1 2:x3\n", ":2:", "'2:x3' is not a number"),
        ("1 1:1\n1 2\n", ":2:", "'2' has no colon"),
        ("1 1:1\n1 -2:3\n", ":2:", "'-2:3' has column '-2'"),
        ("1 1:1\n1 3:1 2:1\n", ":2:", "'2:1' comes after column 3"),
        ("1 1:1\n1 2:1 2:1\n", ":2:", "'2:1' comes after column 2"),
        ("1 1:1\n1 99999999999:1\n", ":2:", "the highest allowed is 2147483647"),
        ("1 1:1\n1 2:\n", ":2:", "'2:' is a missing value"),
        ("1 1:1\n1 qid 1:1\n", ":2:", "'qid' has no colon; write qid:number"),
        ("1 1:1\n1 1:\u0663\n", ":2:", "is not a number"),
        ("1 1:1\n1\u00a0 1:1\n", ":2:", "label '1.*' is not a number"),
        ("1,2 1:1\n", ":1:", "label '1,2' is not a number"),
    ],
)
def test_damage_is_named_with_file_line_and_token(tmp_path, text, place, words):
    path = write(tmp_path / "bad.svm", text)
    with pytest.raises(DataError, match=words) as caught:
        read(path)
    assert f"{path}{place}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_value_too_large_for_float32_is_named(tmp_path):
    path = write(tmp_path / "a.svm", "1 1:1\n1 1:1e300\n")
    with pytest.raises(DataError, match=r":2: '1:1e300' is too large for float32; set precision"):
        read_svmlight([path], np.float32)
    assert read(path)[0].max() == 1e300


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_file_without_examples(tmp_path, text):
    with pytest.raises(DataError, match="no examples in the file"):
        read(write(tmp_path / "a.svm", text))


def test_column_zero_where_the_base_is_said_to_be_one(tmp_path):
    path = write(tmp_path / "a.svm", "1 1:1\n1 0:1\n")
    with pytest.raises(DataError, match=r":2: column 0, but data.index_base=one"):
        read(path, index_base="one")


def test_column_beyond_the_given_number_names_the_line(tmp_path):
    path = write(tmp_path / "a.svm", "1 1:1\n1 5:1\n")
    with pytest.raises(DataError, match=r"a.svm:2: .*data.columns=3; set data.columns=5"):
        read(path, columns=3)


def test_more_columns_in_test_than_in_train(tmp_path):
    train = write(tmp_path / "train.svm", "1 1:1 2:1\n")
    test = write(tmp_path / "test.svm", "1 1:1\n-1 3:1\n")
    config = DataConfig(name="svmlight", path=str(train), test_path=str(test))
    with pytest.raises(DataError, match=r"test.svm:2: .*the training file has 2"):
        load_dataset(config, np.float32, 0)


def test_fewer_columns_in_test_than_in_train_are_padded(tmp_path):
    train = write(tmp_path / "train.svm", "1 1:1 4:1\n")
    test = write(tmp_path / "test.svm", "1 1:1\n")
    config = DataConfig(name="svmlight", path=str(train), test_path=str(test))
    dataset = load_dataset(config, np.float32, 0)
    assert dataset.test is not None
    assert dataset.test.X.shape == (1, 4)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_truncated_compressed_file_is_named(tmp_path, pack):
    path = tmp_path / "a.svm.packed"
    path.write_bytes(pack(TEXT.encode() * 50)[:-12])
    with pytest.raises(DataError, match=re.escape(f"{path}: compressed file is truncated")):
        read(path)


def test_damaged_compressed_file_is_named(tmp_path):
    path = tmp_path / "a.gz"
    packed = bytearray(gzip.compress(bytes(range(256)) * 20))
    packed[20:40] = b"\xff" * 20
    path.write_bytes(packed)
    with pytest.raises(DataError, match=r"a.gz: (cannot be read|compressed file)"):
        read(path)


def test_ending_that_lies_about_the_content(tmp_path):
    with pytest.raises(DataError, match="is not gz data though its name says so"):
        read(write(tmp_path / "a.gz", TEXT))


@settings(max_examples=40)
@given(
    dense=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.integers(1, 6)),
        elements=st.one_of(
            st.just(0.0), st.floats(-1e6, 1e6, width=32).filter(lambda v: abs(v) > 1e-3)
        ),
    ),
    zero_based=st.booleans(),
)
def test_round_trip(dense, zero_based):
    y = np.arange(len(dense), dtype=float)
    buffer = io.BytesIO()
    dump_svmlight_file(dense, y, buffer, zero_based=zero_based)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.svm"
        path.write_bytes(buffer.getvalue())
        base = "zero" if zero_based else "one"
        X, labels = read_svmlight([path], np.float32, columns=dense.shape[1], index_base=base)[0]
    np.testing.assert_array_equal(X.toarray(), dense)
    np.testing.assert_array_equal(labels, y)
    assert X.has_canonical_format
    assert X.dtype == np.float32
