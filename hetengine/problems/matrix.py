"""One matrix interface: the columns ``a_i`` of ``A``, dense, sparse or sizes only."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hetengine.errors import UsageError, did_you_mean
from hetengine.problems.dense import DenseColumns
from hetengine.problems.row_matrix import RowMatrix
from hetengine.problems.shape import ShapeColumns
from hetengine.problems.sparse import SparseColumns
from hetengine.problems.stored import StoredColumns

__all__ = [
    "Columns",
    "DenseColumns",
    "Matrix",
    "RowMatrix",
    "ShapeColumns",
    "SparseColumns",
    "StoredColumns",
    "columns_of",
]

#: What users hand in: an ndarray (N, P), any SciPy sparse array or matrix, or an open store.
Matrix: TypeAlias = Any

#: What solvers work on.
Columns: TypeAlias = DenseColumns | SparseColumns | ShapeColumns | StoredColumns | RowMatrix

_MOST_ROWS = np.iinfo(np.uint32).max
_MOST_ENTRIES = np.iinfo(np.int32).max


def columns_of(
    X: Matrix,
    side: str,
    dtype: DTypeLike,
    append: NDArray[np.floating] | None = None,
    row_scale: NDArray[np.floating] | None = None,
) -> DenseColumns | SparseColumns | StoredColumns:
    """Lay the data out by coordinate.

    The primal side has one column per feature (``A = X``), the dual side one per example
    (``A = X^T``). Data that already lie right (dual: C order or CSR; primal: Fortran order or CSC,
    of the asked dtype) are used as they are, not copied.

    Parameters
    ----------
    X : ndarray (N, P) or SciPy sparse array (N, P) or Store
        Examples by features; a store has been laid out when it was written.
    side : {'primal', 'dual'}
    dtype : float32 or float64
        Type of the stored values.
    append : ndarray, shape (N,), optional
        One more column of X, put last: on the primal side the intercept's coordinate, on the dual
        side one more entry of every example.
    row_scale : ndarray, shape (N,), optional
        Factor for every row of X (never of ``append``).

    Returns
    -------
    DenseColumns or SparseColumns or StoredColumns

    Raises
    ------
    UsageError
        If the side, the dtype or the size cannot be represented.
    """
    if side not in ("primal", "dual"):
        raise UsageError(f"side={side!r}; {did_you_mean(side, ('primal', 'dual'))}")
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise UsageError(f"precision {kind} is not supported; allowed: float32, float64")
    if len(X.shape) != 2 or min(X.shape) < 1:
        raise UsageError(f"data of shape {X.shape} must be rows x columns, at least 1 x 1")
    if hasattr(X, "stored_columns"):
        constant, weighted = append is not None, row_scale is not None
        return X.stored_columns(side, kind, constant=constant, weighted=weighted)
    if hasattr(X, "tocsc"):
        return _sparse(X, side, kind, append, row_scale)
    return DenseColumns(_dense(np.asarray(X), side, kind, append, row_scale))


def _dense(
    X: NDArray[Any],
    side: str,
    dtype: np.dtype,
    append: NDArray[np.floating] | None,
    row_scale: NDArray[np.floating] | None,
) -> NDArray[np.floating]:
    across = X.T if side == "primal" else X
    if append is None and row_scale is None:
        return np.ascontiguousarray(across, dtype=dtype)
    rows, features = X.shape
    total = features + (append is not None)
    values = np.empty((total, rows) if side == "primal" else (rows, total), dtype=dtype)
    by_row = values.T if side == "primal" else values
    if row_scale is None:
        by_row[:, :features] = X
    else:
        np.multiply(X, row_scale[:, None], out=by_row[:, :features], casting="unsafe")
    if append is not None:
        by_row[:, features] = append
    return values


def _sparse(
    X: Matrix,
    side: str,
    dtype: np.dtype,
    append: NDArray[np.floating] | None,
    row_scale: NDArray[np.floating] | None,
) -> SparseColumns:
    compressed = X.tocsc() if side == "primal" else X.tocsr()
    if not compressed.has_canonical_format:
        compressed = compressed.copy()
        compressed.sum_duplicates()
    data = compressed.data.astype(dtype, copy=False)
    if row_scale is not None:
        data = (data * _entry_scale(compressed, side, row_scale)).astype(dtype)
    length, lens = compressed.shape[0 if side == "primal" else 1], np.diff(compressed.indptr)
    indices = compressed.indices
    if append is not None:
        add = _append_column if side == "primal" else _append_entries
        data, indices, lens = add(data, indices, lens, np.asarray(append, dtype=dtype), length)
        length += side == "dual"
    return _packed(data, indices, lens, int(length))


def _entry_scale(compressed: Matrix, side: str, row_scale: NDArray[Any]) -> NDArray[Any]:
    if side == "primal":
        return row_scale[compressed.indices]
    return np.repeat(row_scale, np.diff(compressed.indptr))


def _append_column(data: Any, indices: Any, lens: Any, column: Any, length: int) -> tuple:
    """Add one full column at the end."""
    rows = np.arange(length, dtype=indices.dtype)
    return np.append(data, column), np.append(indices, rows), np.append(lens, length)


def _append_entries(data: Any, indices: Any, lens: Any, column: Any, length: int) -> tuple:
    """Add one entry, in a new last row, to every column."""
    ends = np.cumsum(lens)
    return np.insert(data, ends, column), np.insert(indices, ends, length), lens + 1


def _packed(data: Any, indices: Any, lens: Any, length: int) -> SparseColumns:
    longest = int(lens.max(initial=0))
    if length > _MOST_ROWS or longest > _MOST_ENTRIES:
        raise UsageError(
            f"a sparse matrix with columns of length {length} and up to {longest} entries is "
            f"too large; allowed: {_MOST_ROWS} and {_MOST_ENTRIES} entries; use the other side"
        )
    # Row indices are never negative, so the bits of int32 are valid uint32: no copy.
    unsigned = indices.view(np.uint32) if indices.dtype == np.int32 else indices.astype(np.uint32)
    lens = lens.astype(np.int32)
    starts = np.cumsum(lens, dtype=np.int64) - lens
    return SparseColumns(data, unsigned, starts, lens, length)
