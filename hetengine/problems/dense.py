"""Dense columns: one contiguous row of memory per coordinate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hetengine.errors import UsageError

#: Entries converted to float64 at a time, so that float32 data never needs a float64 copy.
BLOCK_ENTRIES = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class DenseValues:
    """Every entry of a matrix ``A`` (d, n), in whichever order.

    Attributes
    ----------
    values : ndarray of float32 or float64
        C-contiguous, of two dimensions.
    """

    values: NDArray[np.floating]

    @property
    def layout(self) -> str:
        """Return ``'dense'``."""
        return "dense"

    @property
    def dtype(self) -> np.dtype:
        """Return the type of one stored value."""
        return self.values.dtype

    @property
    def nnz(self) -> int:
        """Return the number of stored entries, n times d."""
        return self.values.size

    @property
    def nbytes(self) -> int:
        """Return the bytes of all entries."""
        return self.values.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class DenseColumns(DenseValues):
    """The matrix ``A`` (d, n) stored by column: row ``i`` of ``values`` is ``a_i``.

    Attributes
    ----------
    values : ndarray of float32 or float64, shape (n, d)
        C-contiguous.
    """

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or not self.values.flags.c_contiguous:
            raise UsageError(
                f"dense columns of shape {self.values.shape} must be a C-contiguous (n, d) array; "
                "use columns_of"
            )

    @property
    def count(self) -> int:
        """Return n, the number of coordinates."""
        return self.values.shape[0]

    @property
    def length(self) -> int:
        """Return d, the length of one column."""
        return self.values.shape[1]

    def column_nbytes(self, ids: ArrayLike | None = None) -> NDArray[np.int64]:
        """Return the bytes each column takes where it lies.

        Parameters
        ----------
        ids : array_like of int, optional
            Coordinates; all by default.

        Returns
        -------
        ndarray of int64
        """
        count = self.count if ids is None else np.size(ids)
        return np.full(count, self.length * self.dtype.itemsize, dtype=np.int64)

    def _blocks(self, count: int) -> Iterator[slice]:
        step = max(1, BLOCK_ENTRIES // max(1, self.length))
        return (slice(first, min(first + step, count)) for first in range(0, count, step))

    def dot(self, w: ArrayLike) -> NDArray[np.float64]:
        """Return ``A^T w`` in float64, in bounded extra memory.

        Parameters
        ----------
        w : array_like, shape (d,)

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        vector = np.asarray(w, dtype=np.float64)
        if self.dtype == np.float64:
            return self.values @ vector
        result = np.empty(self.count)
        for block in self._blocks(self.count):
            result[block] = self.values[block].astype(np.float64) @ vector
        return result

    def combine(self, alpha: ArrayLike) -> NDArray[np.float64]:
        """Return ``A alpha`` in float64, reading only the columns whose weight is not zero.

        Parameters
        ----------
        alpha : array_like, shape (n,)

        Returns
        -------
        ndarray of float64, shape (d,)
        """
        weights = np.asarray(alpha, dtype=np.float64)
        used = np.flatnonzero(weights)
        if self.dtype == np.float64 and used.size == self.count:
            return weights @ self.values
        result = np.zeros(self.length)
        for block in self._blocks(used.size):
            ids = used[block]
            result += weights[ids] @ self.values[ids].astype(np.float64, copy=False)
        return result

    def square_norms(self) -> NDArray[np.float64]:
        """Return ``||a_i||^2`` of every column.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        result = np.empty(self.count)
        for block in self._blocks(self.count):
            values = self.values[block].astype(np.float64, copy=False)
            result[block] = np.einsum("ij,ij->i", values, values)
        return result
