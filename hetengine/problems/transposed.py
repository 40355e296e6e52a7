"""Dense examples that lie by feature, as data frames and arrays in Fortran order hold them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hetengine.problems.dense import BLOCK_ENTRIES, DenseColumns, DenseValues


@dataclass(frozen=True, slots=True, eq=False)
class TransposedColumns(DenseValues):
    """The matrix ``A`` (d, n) stored by row: row ``j`` of ``values`` holds entry j of all columns.

    Attributes
    ----------
    values : ndarray of float32 or float64, shape (d, n)
        C-contiguous.
    """

    @property
    def count(self) -> int:
        """Return n, the number of coordinates."""
        return self.values.shape[1]

    @property
    def length(self) -> int:
        """Return d, the length of one column."""
        return self.values.shape[0]

    def dot(self, w: ArrayLike) -> NDArray[np.float64]:
        """Return ``A^T w`` in float64, reading only the rows whose weight is not zero.

        Parameters
        ----------
        w : array_like, shape (d,)

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        return DenseColumns(self.values).combine(w)

    def combine(self, alpha: ArrayLike) -> NDArray[np.float64]:
        """Return ``A alpha`` in float64, in bounded extra memory.

        Parameters
        ----------
        alpha : array_like, shape (n,)

        Returns
        -------
        ndarray of float64, shape (d,)
        """
        return DenseColumns(self.values).dot(alpha)

    def square_norms(self) -> NDArray[np.float64]:
        """Return ``||a_i||^2`` of every column.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        result = np.zeros(self.count)
        for block in self._blocks():
            result += np.einsum("ij,ij->j", block, block)
        return result

    def combine_squares(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what `combine` does of the squared entries.

        Parameters
        ----------
        weights : ndarray of float64, shape (n,)

        Returns
        -------
        ndarray of float64, shape (d,)
        """
        return np.concatenate([(block * block) @ weights for block in self._blocks()])

    def _blocks(self) -> Iterator[NDArray[np.float64]]:
        step = max(1, BLOCK_ENTRIES // max(1, self.count))
        for first in range(0, self.length, step):
            yield self.values[first : first + step].astype(np.float64, copy=False)
