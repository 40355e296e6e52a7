"""The matrix of a problem where the data lie by row: one copy serves both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from hetengine.errors import UsageError
from hetengine.problems.dense import BLOCK_ENTRIES, DenseColumns
from hetengine.problems.shape import ShapeColumns
from hetengine.problems.sparse import SparseColumns
from hetengine.problems.transposed import TransposedColumns

Vector = NDArray[np.float64]
Rows: TypeAlias = DenseColumns | TransposedColumns | SparseColumns | ShapeColumns


@dataclass(frozen=True, slots=True, eq=False)
class RowMatrix:
    """The matrix ``A`` (d, n) of either side over rows of examples, which are not copied.

    On the dual side ``A = [X 1]^T``, on the primal side ``A = R [X 1]``, with the column of ones
    only where a constant is fitted and ``R = diag(root)`` only where examples have weights. Solvers
    that pass over rows read `rows`; the methods are the float64 reference.

    Attributes
    ----------
    rows : DenseColumns or TransposedColumns or SparseColumns or ShapeColumns
        The examples, one contiguous row (N, P) or list of entries each, or dense and by feature;
        sizes only for dry runs.
    side : {'primal', 'dual'}
        Whether coordinates are features or examples.
    constant : bool
        Whether a constant feature follows the others.
    root : ndarray of float64, shape (N,), or None
        Square roots of the example weights; primal side only.
    """

    rows: Rows
    side: str
    constant: bool = False
    root: Vector | None = None

    @property
    def layout(self) -> str:
        """Return ``'dense'`` or ``'sparse'``."""
        return self.rows.layout

    @property
    def examples(self) -> int:
        """Return N."""
        return self.rows.count

    @property
    def features(self) -> int:
        """Return P, without the constant."""
        return self.rows.length

    @property
    def count(self) -> int:
        """Return n, the number of coordinates."""
        return self.examples if self.side == "dual" else self.features + self.constant

    @property
    def length(self) -> int:
        """Return d, the length of one column."""
        return self.examples if self.side == "primal" else self.features + self.constant

    @property
    def dtype(self) -> np.dtype:
        """Return the type of one stored value."""
        return self.rows.dtype

    @property
    def nnz(self) -> int:
        """Return the number of stored entries."""
        return self.rows.nnz

    @property
    def nbytes(self) -> int:
        """Return the bytes of the rows."""
        return self.rows.nbytes

    def dot(self, w: ArrayLike) -> Vector:
        """Return ``A^T w`` in float64.

        Parameters
        ----------
        w : array_like, shape (d,)

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        vector = np.asarray(w, dtype=np.float64)
        if self.side == "dual":
            return self._scores(vector)
        return self._sums(vector if self.root is None else self.root * vector)

    def combine(self, alpha: ArrayLike) -> Vector:
        """Return ``A alpha`` in float64.

        Parameters
        ----------
        alpha : array_like, shape (n,)

        Returns
        -------
        ndarray of float64, shape (d,)
        """
        weights = np.asarray(alpha, dtype=np.float64)
        if self.side == "dual":
            return self._sums(weights)
        scores = self._scores(weights)
        return scores if self.root is None else self.root * scores

    def square_norms(self) -> Vector:
        """Return ``||a_i||^2`` of every column.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        if self.side == "dual":
            return self.rows.square_norms() + self.constant
        squares = np.ones(self.examples) if self.root is None else self.root**2
        total = _combined_squares(self.rows, squares)
        return np.append(total, squares.sum()) if self.constant else total

    def _scores(self, coef: Vector) -> Vector:
        scores = self.rows.dot(coef[: self.features])
        return scores + coef[-1] if self.constant else scores

    def _sums(self, weights: Vector) -> Vector:
        total = self.rows.combine(weights)
        return np.append(total, weights.sum()) if self.constant else total


def _combined_squares(rows: Rows, weights: Vector) -> Vector:
    """Add up squared entries, in bounded extra memory."""
    if isinstance(rows, TransposedColumns):
        return rows.combine_squares(weights)
    if isinstance(rows, SparseColumns):
        values = rows.values**2
        squared = SparseColumns(values, rows.indices, rows.starts, rows.lens, rows.length)
        return squared.combine(weights)
    if isinstance(rows, ShapeColumns):
        return rows.combine(weights)
    examples, width = rows.values.shape
    total = np.zeros(width)
    step = max(1, BLOCK_ENTRIES // max(1, width))
    for first in range(0, examples, step):
        block = rows.values[first : first + step].astype(np.float64)
        total += weights[first : first + step] @ (block * block)
    return total


def rows_of(
    X: Any,
    side: str,
    dtype: DTypeLike,
    constant: bool = False,
    root: Vector | None = None,
    by_feature: bool = False,
) -> RowMatrix:
    """Take the data as they lie by row.

    Parameters
    ----------
    X : ndarray (N, P) or SciPy sparse array (N, P)
        Used as it lies in C order or CSR and of the asked dtype; copied otherwise.
    side : {'primal', 'dual'}
    dtype : float32 or float64
    constant : bool
        Whether a constant feature follows the others.
    root : ndarray of float64, shape (N,), optional
        Square roots of the example weights.
    by_feature : bool
        Whether data in Fortran order are used as they lie as well: for solvers that go through all
        examples in turn and pick none.

    Returns
    -------
    RowMatrix

    Raises
    ------
    UsageError
        If the dtype or the size cannot be represented, or X lies in a store.
    """
    from hetengine.problems.matrix import columns_of

    if by_feature and isinstance(X, np.ndarray) and X.dtype == dtype and X.flags.fnc:
        return RowMatrix(TransposedColumns(X.T), side, constant, root)
    rows = columns_of(X, "dual", dtype)
    if not isinstance(rows, DenseColumns | SparseColumns):
        raise UsageError("a column store cannot be read by row; type solver.selection=gap")
    return RowMatrix(rows, side, constant, root)
