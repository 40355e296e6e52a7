"""npy and npz files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from hetengine.data.config import DataConfig
from hetengine.data.dataset import FloatType
from hetengine.data.load import load_dataset
from hetengine.errors import DataError, UsageError

DENSE = np.array([[1.0, 0, 2], [0, 3, 0], [4, 0, 5]])
Y = np.array([1.0, -1, 1])


def load(name, dtype: FloatType = np.float64, **paths: Path):
    keys: dict[str, Any] = {key: str(path) for key, path in paths.items()}
    return load_dataset(DataConfig(name=name, **keys), dtype, 0)


def save(path, array):
    np.save(path, array)
    return path


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int16, np.bool_])
def test_npy_with_a_file_of_labels(tmp_path, kind):
    X, y = save(tmp_path / "X.npy", DENSE.astype(kind)), save(tmp_path / "y.npy", Y)
    dataset = load("npy", np.float32, path=X, target_path=y)
    np.testing.assert_array_equal(dataset.X, DENSE.astype(kind).astype(np.float32))
    np.testing.assert_array_equal(dataset.y, Y)
    assert dataset.X.dtype == np.float32
    assert dataset.name == "X"


def test_npy_takes_its_last_column_without_labels(tmp_path):
    dataset = load("npy", path=save(tmp_path / "t.npy", np.asfortranarray(DENSE)))
    np.testing.assert_array_equal(dataset.X, DENSE[:, :2])
    np.testing.assert_array_equal(dataset.y, [2, 0, 5])
    assert dataset.X.flags.f_contiguous  # as it came: passes read either order


def test_npz_dense_with_weights(tmp_path):
    np.savez(tmp_path / "a.npz", X=DENSE, y=Y, weights=[1, 2, 0])
    dataset = load("npz", path=tmp_path / "a.npz")
    assert isinstance(dataset.X, np.ndarray)
    np.testing.assert_array_equal(dataset.weights, [1, 2, 0])


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr"])
def test_npz_as_scipy_writes_it(tmp_path, kind):
    sp.save_npz(tmp_path / "a.npz", sp.coo_array(DENSE).asformat(kind))
    y = save(tmp_path / "y.npy", Y)
    dataset = load("npz", np.float32, path=tmp_path / "a.npz", target_path=y)
    np.testing.assert_array_equal(dataset.X.toarray(), DENSE)
    assert dataset.X.format == "csr"


def test_npz_of_the_parts_of_a_csr_matrix(tmp_path):
    S = sp.csr_array(DENSE)
    parts = {"data": S.data, "indices": S.indices, "indptr": S.indptr, "shape": S.shape}
    np.savez(tmp_path / "a.npz", **parts, y=Y)
    np.testing.assert_array_equal(load("npz", path=tmp_path / "a.npz").X.toarray(), DENSE)


def test_test_set_of_npz_is_padded_or_refused(tmp_path):
    np.savez(tmp_path / "a.npz", **parts_of(DENSE), y=Y)
    np.savez(tmp_path / "b.npz", **parts_of(DENSE[:, :2]), y=Y)
    padded = load("npz", path=tmp_path / "a.npz", test_path=tmp_path / "b.npz").test
    assert padded is not None
    assert padded.X.shape == (3, 3)
    with pytest.raises(DataError, match=r"a: 3 columns, but the training set has 2"):
        load("npz", path=tmp_path / "b.npz", test_path=tmp_path / "a.npz")


def parts_of(dense):
    S = sp.csr_array(dense)
    return {"data": S.data, "indices": S.indices, "indptr": S.indptr, "shape": S.shape}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"X": DENSE}, "no member 'y'"),
        ({"y": Y}, "members y; need X and y, or data, indices, indptr, shape and y"),
        ({"X": DENSE, "y": Y[:2]}, "2 labels for 3 rows"),
        ({"X": DENSE * np.nan, "y": Y}, r"X\[0, 0\] is nan"),
        ({"X": DENSE, "y": [1, np.inf, 0]}, r"y\[1\] is inf"),
        ({"X": DENSE, "y": Y, "weights": [1, -1, 1]}, r"weights\[1\] is -1.0; .*at least 0"),
        ({"X": DENSE.astype(str), "y": Y}, "need real numbers"),
        ({"X": DENSE.astype(object), "y": Y}, "not a readable .npz file"),
        ({**parts_of(DENSE), "indices": np.array([0, 2, 1, 0, 9]), "y": Y}, "a.npz: .*indices"),
        ({**parts_of(DENSE), "data": np.ones(2), "y": Y}, "a.npz: "),
    ],
)
def test_damaged_members(tmp_path, members, words):
    np.savez(tmp_path / "a.npz", **members)
    with pytest.raises(DataError, match=words):
        load("npz", path=tmp_path / "a.npz")


@pytest.mark.parametrize(("name", "cut"), [("npy", 20), ("npz", 60)])
def test_truncated_files(tmp_path, name, cut):
    path = tmp_path / f"a.{name}"
    if name == "npy":
        np.save(path, DENSE)
    else:
        np.savez(path, X=DENSE, y=Y)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match=rf"a.{name}: not a readable .{name} file"):
        load(name, path=path)


def test_damaged_npy_header(tmp_path):
    path = save(tmp_path / "a.npy", DENSE)
    path.write_bytes(path.read_bytes().replace(b"(3, 3)", b"((3, 3"))
    with pytest.raises(DataError, match=r"a.npy: not a readable .npy file"):
        load("npy", path=path)


def test_files_of_another_kind(tmp_path):
    np.savez(tmp_path / "a.npz", X=DENSE, y=Y)
    np.save(tmp_path / "a.npy", DENSE)
    (tmp_path / "a.txt").write_text("1 2 3")
    with pytest.raises(DataError, match=r"not a .npy file; it is a .npz file, use data=npz"):
        load("npy", path=tmp_path / "a.npz")
    with pytest.raises(DataError, match=r"not a .npz file; it is a .npy file, use data=npy"):
        load("npz", path=tmp_path / "a.npy")
    with pytest.raises(DataError, match=r"a.txt: not a .npy file"):
        load("npy", path=tmp_path / "a.txt")


def test_python_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError, match=r"not a readable .npy file"):
        load("npy", path=tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("weights", "words"),
    [([1.0, 2], "2 weights for 3 rows"), ([0.0, 0, 0], "every weight is 0")],
)
def test_weights_file(tmp_path, weights, words):
    table = save(tmp_path / "t.npy", DENSE)
    bad = save(tmp_path / "w.npy", weights)
    with pytest.raises(DataError, match=f"w.npy: {words}"):
        load("npy", path=table, weights_path=bad)
    good = save(tmp_path / "good.npy", [1, 2, 3])
    np.testing.assert_array_equal(load("npy", path=table, weights_path=good).weights, [1, 2, 3])


def test_labels_of_the_test_set_must_come_from_somewhere(tmp_path):
    table, y = save(tmp_path / "t.npy", DENSE), save(tmp_path / "y.npy", Y)
    with pytest.raises(UsageError, match=r"need data.test_target_path"):
        load("npy", path=table, target_path=y, test_path=table)
    assert load("npy", path=table, target_path=y, test_path=table, test_target_path=y).test
