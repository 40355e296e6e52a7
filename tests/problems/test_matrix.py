from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from hetengine.errors import UsageError
from hetengine.problems import DenseColumns, ShapeColumns, SparseColumns, columns_of, dense, sparse

SHAPES = [(7, 5), (5, 7), (1, 4), (4, 1), (1, 1)]


def example(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=shape) * (rng.random(shape) < 0.6)
    X[:, 0] *= shape[1] == 1  # an empty column, unless it is the only one
    return X


@pytest.fixture(params=[1 << 20, 6])
def _block(request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "BLOCK_ENTRIES", request.param)
    monkeypatch.setattr(sparse, "BLOCK_ENTRIES", request.param)


@pytest.mark.usefixtures("_block")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("side", ["primal", "dual"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", ["dense", "csr", "csc", "matrix"])
@pytest.mark.parametrize("extra", [False, True])
def test_products_and_norms_equal_numpy(shape, side, dtype, form, extra) -> None:
    X = example(shape).astype(dtype)
    append = np.linspace(1, 2, shape[0]).astype(dtype) if extra else None
    whole = X if append is None else np.column_stack([X, append])
    A = (whole if side == "primal" else whole.T).astype(np.float64)
    make = {"dense": np.asarray, "csr": scipy.sparse.csr_array, "csc": scipy.sparse.csc_array}
    given = make.get(form, scipy.sparse.csr_matrix)(X)
    columns = columns_of(given, side, dtype, append=append)
    rng = np.random.default_rng(1)
    w, alpha = rng.normal(size=A.shape[0]), rng.normal(size=A.shape[1])
    for weights in (alpha, alpha * (rng.random(alpha.size) < 0.5), 0 * alpha):
        np.testing.assert_allclose(columns.combine(weights), A @ weights, atol=1e-12)
    np.testing.assert_allclose(columns.dot(w), A.T @ w, atol=1e-12)
    np.testing.assert_allclose(columns.square_norms(), (A * A).sum(axis=0), atol=1e-12)
    assert (columns.length, columns.count) == A.shape
    assert columns.dtype == dtype
    assert columns.dot(w).dtype == columns.combine(alpha).dtype == np.float64


@pytest.mark.parametrize("side", ["primal", "dual"])
@pytest.mark.parametrize("given", [np.asarray, scipy.sparse.csr_array])
def test_row_scale_scales_rows_but_not_the_appended_column(side, given) -> None:
    X, scale, extra = example((6, 4)), np.arange(1.0, 7.0), np.full(6, 9.0)
    columns = columns_of(given(X), side, np.float64, append=extra, row_scale=scale)
    whole = np.column_stack([X * scale[:, None], extra])
    A = whole if side == "primal" else whole.T
    np.testing.assert_allclose(columns.combine(np.ones(columns.count)), A.sum(axis=1))
    np.testing.assert_allclose(columns.dot(np.ones(columns.length)), A.sum(axis=0))


@pytest.mark.parametrize(("side", "order"), [("dual", "C"), ("primal", "F")])
def test_data_that_already_lie_right_are_not_copied(side: str, order) -> None:
    X = np.array(example((6, 4)), order=order)
    columns = columns_of(X, side, np.float64)
    assert isinstance(columns, DenseColumns)
    assert np.shares_memory(columns.values, X)
    assert columns.values.flags.c_contiguous


@pytest.mark.parametrize(("side", "form"), [("dual", "csr"), ("primal", "csc")])
def test_sparse_data_that_already_lie_right_are_not_copied(side: str, form: str) -> None:
    X = scipy.sparse.csr_array(example((6, 4))).asformat(form)
    columns = columns_of(X, side, np.float64)
    assert isinstance(columns, SparseColumns)
    assert np.shares_memory(columns.values, X.data)
    assert np.shares_memory(columns.indices, X.indices)
    assert columns.indices.dtype == np.uint32
    assert columns.starts.dtype == np.int64
    assert columns.lens.dtype == np.int32


def test_the_users_sparse_array_is_left_alone() -> None:
    X = scipy.sparse.csr_array(
        (np.array([1.0, 2.0, 4.0]), np.array([1, 1, 0]), np.array([0, 3])), shape=(1, 2)
    )
    columns = columns_of(X, "dual", np.float64)
    assert X.nnz == 3
    assert columns.nnz == 2
    np.testing.assert_array_equal(columns.combine([1.0]), [4.0, 3.0])


@pytest.mark.parametrize("given", [np.asarray, scipy.sparse.csr_array])
def test_column_nbytes_sum_to_nbytes(given) -> None:
    columns = columns_of(given(example((6, 4))), "primal", np.float32)
    assert (
        columns.column_nbytes(np.arange(4)).sum() == columns.nbytes == columns.column_nbytes().sum()
    )
    assert columns.column_nbytes([2, 1]).dtype == np.int64
    assert columns.column_nbytes(np.empty(0, dtype=int)).shape == (0,)


@pytest.mark.parametrize(
    ("X", "side", "dtype", "match"),
    [
        (np.ones((2, 2)), "primary", np.float32, "did you mean 'primal'"),
        (np.ones((2, 2)), "dual", np.float16, "float32, float64"),
        (np.ones((2, 0)), "dual", np.float32, "at least 1 x 1"),
        (np.ones(3), "dual", np.float32, "rows x columns"),
    ],
)
def test_what_cannot_be_laid_out_is_refused(X, side, dtype, match) -> None:
    with pytest.raises(UsageError, match=match):
        columns_of(X, side, dtype)


def test_rows_beyond_uint32_are_refused() -> None:
    empty = scipy.sparse.csr_array((1, 2**32), dtype=np.float32)
    with pytest.raises(UsageError, match="4294967295"):
        columns_of(empty, "dual", np.float32)


def test_rows_beyond_int32_are_handled() -> None:
    length = 2**31 + 5
    wide = scipy.sparse.csr_array(
        (np.ones(1, np.float32), np.array([length - 1]), np.array([0, 1])), shape=(1, length)
    )
    columns = columns_of(wide, "dual", np.float32)
    assert isinstance(columns, SparseColumns)
    assert columns.indices[0] == length - 1
    assert columns.square_norms() == [1.0]


def test_columns_that_are_not_packed_are_refused() -> None:
    with pytest.raises(UsageError, match="packed"):
        SparseColumns(
            np.ones(3), np.zeros(3, np.uint32), np.array([0, 2]), np.array([1, 1], np.int32), 4
        )
    with pytest.raises(UsageError, match="C-contiguous"):
        DenseColumns(np.ones((3, 2)).T)


def test_shape_columns_have_sizes_and_refuse_numbers() -> None:
    thin = ShapeColumns(10, 1000, np.dtype(np.float32), 0.01)
    full = ShapeColumns(10, 1000, np.dtype(np.float32))
    assert (thin.layout, thin.nnz, thin.nbytes) == ("sparse", 100, 800)
    assert (full.layout, full.nnz, full.nbytes) == ("dense", 10_000, 40_000)
    assert thin.column_nbytes([3]).tolist() == [80]
    assert thin.column_nbytes().sum() == thin.nbytes
    assert thin.square_norms().tolist() == [10.0] * 10
    with pytest.raises(UsageError, match="mode=dry"):
        thin.dot(np.zeros(1000))
    with pytest.raises(UsageError, match="mode=dry"):
        thin.combine(np.zeros(10))


@pytest.mark.parametrize(("count", "density"), [(0, 1.0), (3, 0.0), (3, 1.5)])
def test_impossible_shapes_are_refused(count: int, density: float) -> None:
    with pytest.raises(UsageError):
        ShapeColumns(count, 4, np.dtype(np.float32), density)
