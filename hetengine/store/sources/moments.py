"""Mean and deviation of every column, of rows that come block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hetengine.data.dataset import Matrix, is_dense

Vector = NDArray[np.float64]


class Moments:
    """Running moments of columns, zeros included; blocks may be narrower than the widest one.

    Means and centred squares of blocks are joined pairwise (T. F. Chan, G. H. Golub and R. J.
    LeVeque, Algorithms for computing the sample variance, The American Statistician, 1983).

    Attributes
    ----------
    rows : int
        Rows taken in so far.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._mean = np.zeros(0)
        self._squares = np.zeros(0)
        self._lowest = np.zeros(0)
        self._highest = np.zeros(0)

    def add(self, X: Matrix) -> None:
        """Take in the next rows.

        Parameters
        ----------
        X : ndarray or csr_array, shape (k, columns)
            With at least one row.
        """
        rows = X.shape[0]
        mean, squares, lowest, highest = _of_dense(X) if is_dense(X) else _of_sparse(X)
        width = max(mean.size, self._mean.size)
        mean, squares, lowest, highest = (_wide(a, width) for a in (mean, squares, lowest, highest))
        ours, own_squares = _wide(self._mean, width), _wide(self._squares, width)
        total = self.rows + rows
        apart = mean - ours
        self._mean = ours + apart * (rows / total)
        self._squares = own_squares + squares + np.square(apart) * (self.rows * rows / total)
        if self.rows:
            lowest = np.minimum(lowest, _wide(self._lowest, width))
            highest = np.maximum(highest, _wide(self._highest, width))
        self._lowest, self._highest, self.rows = lowest, highest, total

    def result(self) -> tuple[Vector, Vector]:
        """Return mean and population standard deviation; 1 for a constant column.

        Returns
        -------
        mean, deviation : ndarray of float64, shape (columns,)
        """
        deviation = np.sqrt(self._squares / max(self.rows, 1))
        constant = (self._lowest == self._highest) | (deviation == 0)
        return self._mean, np.where(constant, 1.0, deviation)


def _wide(vector: Vector, width: int) -> Vector:
    """Append zeros: what narrower rows hold in the columns they do not have."""
    return np.pad(vector, (0, width - vector.size))


def _of_dense(X: Matrix) -> tuple[Vector, Vector, Vector, Vector]:
    """Return mean, centred squares, minimum and maximum of each column."""
    mean = X.sum(axis=0, dtype=np.float64) / X.shape[0]
    squares = np.square(X - mean).sum(axis=0)
    return mean, squares, X.min(axis=0).astype(np.float64), X.max(axis=0).astype(np.float64)


def _of_sparse(X: Matrix) -> tuple[Vector, Vector, Vector, Vector]:
    rows, columns = X.shape
    values = X.data.astype(np.float64)
    stored = np.bincount(X.indices, minlength=columns)
    mean = np.bincount(X.indices, values, minlength=columns) / rows
    squares = np.bincount(X.indices, np.square(values - mean[X.indices]), minlength=columns)
    squares += (rows - stored) * np.square(mean)
    empty = np.where(stored < rows, 0.0, np.inf)
    lowest, highest = empty.copy(), -empty
    np.minimum.at(lowest, X.indices, values)
    np.maximum.at(highest, X.indices, values)
    return mean, squares, lowest, highest
