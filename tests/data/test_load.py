"""Configuration, bundled sets, preprocessing, and the data sets beside the checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import StandardScaler

from hetengine.data.config import BUNDLED, NAMES, DataConfig
from hetengine.data.load import load_dataset, shape_of
from hetengine.errors import DataError, UsageError


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_adult_is_the_default_and_brings_its_test_set():
    adult = load_dataset(DataConfig(), np.float32, 0)
    assert (adult.name, adult.rows, adult.columns, adult.nnz) == ("adult", 32561, 123, 451592)
    assert np.unique(adult.y, return_counts=True)[1].tolist() == [24720, 7841]
    assert adult.test is not None
    assert (adult.test.rows, adult.test.columns, adult.test.nnz) == (16281, 123, 225731)
    assert adult.X.dtype == np.float32
    assert adult.X.has_canonical_format


@pytest.mark.parametrize("name", BUNDLED)
def test_sets_of_scikit_learn_load_dense(name):
    dataset = load_dataset(DataConfig(name=name), np.float64, 0)
    assert isinstance(dataset.X, np.ndarray)
    assert dataset.X.dtype == np.float64
    assert len(dataset.y) == dataset.rows > 100


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"name": "adlt"}, "data.name='adlt'; did you mean 'adult'\\?"),
        ({"name": "a9a"}, "data.name='a9a'; .*allowed: adult, svmlight"),
        ({"name": "svmlight"}, "data=svmlight needs data.path; add data.path=VALUE"),
        ({"name": "sparse_powerlaw", "rows": 1, "columns": 1}, "needs data.density"),
        ({"path": "x.svm"}, "data.path=x.svm does nothing with data=adult"),
        ({"name": "csv", "path": "x", "index_base": "one"}, "data.index_base=one does nothing"),
        ({"name": "csv", "path": "x", "header": "maybe"}, "data.header='maybe'; .*auto, yes, no"),
        ({"layout": "dens"}, "did you mean 'dense'"),
        ({"threshold": float("nan")}, "data.threshold=nan must be finite"),
        ({"name": "npz", "path": "x", "test_target_path": "y"}, "without data.test_path"),
        ({"name": "shape", "rows": 1, "columns": 1}, "data=shape holds sizes only .*mode=dry"),
        ({"name": "shape", "rows": 0, "columns": 1}, "data.rows=0 must be at least 1"),
        ({"name": "shape", "rows": 1, "columns": 1, "density": 0.0}, "data.density=0.0 must be"),
        ({"name": "dense_correlated", "rows": 1, "columns": 1, "correlation": 1.0}, "below 1"),
    ],
)
def test_wrong_use_is_refused_before_any_file_is_opened(keys, words):
    with pytest.raises(UsageError, match=words) as caught:
        load_dataset(DataConfig(**keys), np.float32, 0)
    assert not isinstance(caught.value, DataError)


def test_missing_file_says_what_to_type(tmp_path):
    write(tmp_path / "train.svm", "1 1:1\n")
    path = str(tmp_path / "trian.svm")
    with pytest.raises(DataError, match=r"trian.svm does not exist; did you mean .*train.svm\?"):
        load_dataset(DataConfig(name="svmlight", path=path), np.float32, 0)
    with pytest.raises(DataError, match=r"no/such does not exist; looked in .*type data.path=FILE"):
        load_dataset(DataConfig(name="csv", path="no/such"), np.float32, 0)
    with pytest.raises(DataError, match=r"is a folder"):
        load_dataset(DataConfig(name="csv", path=str(tmp_path)), np.float32, 0)


def test_all_zero_file_is_refused(tmp_path):
    path = write(tmp_path / "a.svm", "1 1:0\n-1\n")
    with pytest.raises(DataError, match=r"a: every entry of X is zero"):
        load_dataset(DataConfig(name="svmlight", path=path), np.float32, 0)


def test_shape_of_needs_no_data():
    assert shape_of(DataConfig(name="shape", rows=10**9, columns=10**6)) == (10**9, 10**6, 1.0)
    assert shape_of(DataConfig(name="shape", rows=5, columns=8, density=0.5)) == (5, 8, 0.5)
    powerlaw = DataConfig(name="sparse_powerlaw", rows=5, columns=8, density=0.3)
    assert shape_of(powerlaw) == (5, 8, 2 / 8)
    with pytest.raises(UsageError, match=r"the size of data=adult is known only after loading"):
        shape_of(DataConfig())


def test_every_name_has_a_default_that_is_valid_or_says_what_it_needs():
    for name in NAMES:
        config = DataConfig(name=name)
        if name in ("adult", *BUNDLED):
            assert load_dataset(config, np.float32, 0).rows
        else:
            with pytest.raises(UsageError, match=f"data={name} needs data"):
                load_dataset(config, np.float32, 0)


@pytest.fixture
def dense_files(tmp_path):
    rng = np.random.default_rng(0)
    tables = [rng.normal(1e3, [1, 10, 0.1, 1], (n, 4)) for n in (30, 11)]
    for table in tables:
        table[:, 1] = 7.25  # a constant column
    paths = [str(tmp_path / name) for name in ("train.npy", "test.npy")]
    for path, table in zip(paths, tables, strict=True):
        np.save(path, table)
    return paths, tables


@pytest.mark.parametrize(("dtype", "atol"), [(np.float64, 1e-9), (np.float32, 1e-2)])
def test_standardize_dense_learns_from_the_training_rows(dense_files, dtype, atol):
    (path, test_path), (train, test) = dense_files
    config = DataConfig(name="npy", path=path, test_path=test_path, standardize=True)
    dataset = load_dataset(config, dtype, 0)
    scaler: Any = StandardScaler().fit(train[:, :3])
    np.testing.assert_allclose(dataset.X, scaler.transform(train[:, :3]), atol=atol)
    assert dataset.test is not None
    np.testing.assert_allclose(dataset.test.X, scaler.transform(test[:, :3]), atol=atol)
    np.testing.assert_array_equal(dataset.X[:, 1], 0)
    assert dataset.X.dtype == dtype


@pytest.fixture
def sparse_files(tmp_path):
    rng = np.random.default_rng(1)
    counts = [rng.poisson(0.5, (n, 6)).astype(float) for n in (40, 15)]
    counts[0][:, 4] = 0
    counts[0][3] = 0
    paths = [str(tmp_path / name) for name in ("train.npz", "test.npz")]
    for path, X in zip(paths, counts, strict=True):
        S = sp.csr_array(X)
        parts = {"data": S.data, "indices": S.indices, "indptr": S.indptr, "shape": S.shape}
        np.savez(path, **parts, y=np.arange(len(X)))
    return paths, [sp.csr_matrix(X) for X in counts]


def test_tfidf_and_unit_rows_are_those_of_scikit_learn(sparse_files):
    (path, test_path), (train, test) = sparse_files
    config = DataConfig(name="npz", path=path, test_path=test_path, tfidf=True, normalize=True)
    dataset = load_dataset(config, np.float64, 0)
    model: Any = TfidfTransformer().fit(train)
    assert dataset.test is not None
    for got, raw in ((dataset.X, train), (dataset.test.X, test)):
        np.testing.assert_allclose(got.toarray(), model.transform(raw).toarray(), rtol=1e-12)


def test_standardize_sparse_scales_only(sparse_files):
    (path, test_path), (train, test) = sparse_files
    config = DataConfig(name="npz", path=path, test_path=test_path, standardize=True)
    dataset = load_dataset(config, np.float64, 0)
    model: Any = StandardScaler(with_mean=False).fit(train)
    assert dataset.test is not None
    for got, raw in ((dataset.X, train), (dataset.test.X, test)):
        np.testing.assert_allclose(got.toarray(), model.transform(raw).toarray(), rtol=1e-12)
    assert dataset.nnz == train.nnz


def test_layout_and_unit_rows_of_a_dense_matrix(sparse_files):
    (path, _), (train, _) = sparse_files
    config = DataConfig(name="npz", path=path, layout="dense", normalize=True)
    dense = load_dataset(config, np.float32, 0).X
    assert isinstance(dense, np.ndarray)
    lengths = np.linalg.norm(dense, axis=1)
    np.testing.assert_allclose(lengths[lengths > 0], 1, rtol=1e-6)
    assert np.flatnonzero(lengths == 0).tolist() == np.flatnonzero(train.getnnz(1) == 0).tolist()
    iris = load_dataset(DataConfig(name="iris", layout="sparse"), np.float32, 0)
    assert sp.issparse(iris.X)


def test_tfidf_of_a_dense_matrix_is_refused():
    with pytest.raises(UsageError, match=r"iris is dense; set data.tfidf=false"):
        load_dataset(DataConfig(name="iris", tfidf=True), np.float32, 0)


def test_threshold_cuts_train_and_test(sparse_files):
    (path, test_path), _ = sparse_files
    config = DataConfig(name="npz", path=path, test_path=test_path, threshold=9)
    dataset = load_dataset(config, np.float32, 0)
    np.testing.assert_array_equal(dataset.y, np.where(np.arange(40) > 9, 1, -1))
    assert dataset.test is not None
    assert dataset.test.y.sum() == 5 - 10


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "file", "rows", "columns", "nnz"),
    [
        ("svmlight", "classification/a9a.bz2", 32561, 123, 451592),
        ("svmlight", "gene-expression/leukemia.bz2", 72, 7129, None),
        ("csv", "regression/pol.csv.gz", 15000, 26, 15000 * 26),
    ],
)
def test_sets_beside_the_checkout(shared, name, file, rows, columns, nnz):
    dataset = load_dataset(DataConfig(name=name, path=str(shared / "data" / file)), np.float32, 0)
    assert (dataset.rows, dataset.columns) == (rows, columns)
    assert dataset.nnz == nnz if nnz else 0.99 < dataset.nnz / (rows * columns) < 1
    assert dataset.name == Path(file).name.partition(".")[0]


@pytest.mark.shared
def test_imdb_beside_the_checkout(shared):
    path = str(shared / "data" / "text" / "imdb_train.svm.bz2")
    dataset = load_dataset(DataConfig(name="svmlight", path=path, threshold=5), np.float32, 0)
    assert (dataset.rows, dataset.columns, dataset.nnz) == (24996, 44760, 3401166)
    assert dataset.y.sum() == 0
