"""Sparse columns: values and row indices of all columns, packed one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hetengine.errors import UsageError
from hetengine.problems.dense import BLOCK_ENTRIES


@dataclass(frozen=True, slots=True, eq=False)
class SparseColumns:
    """The matrix ``A`` (d, n) stored by column, only the entries that are not zero.

    Attributes
    ----------
    values : ndarray of float32 or float64, shape (nnz,)
        Entries of column 0, then of column 1, and so on without holes.
    indices : ndarray of uint32, shape (nnz,)
        Row of each entry.
    starts : ndarray of int64, shape (n,)
        Where each column begins in ``values`` and ``indices``.
    lens : ndarray of int32, shape (n,)
        Entries of each column.
    length : int
        d, the length of one column.
    """

    values: NDArray[np.floating]
    indices: NDArray[np.uint32]
    starts: NDArray[np.int64]
    lens: NDArray[np.int32]
    length: int

    def __post_init__(self) -> None:
        ends = np.cumsum(self.lens, dtype=np.int64)
        packed = np.array_equal(self.starts, ends - self.lens)
        if not packed or (ends.size and ends[-1] != self.values.size):
            raise UsageError(
                "sparse columns must be packed, each starting where the last ended; use columns_of"
            )

    @property
    def layout(self) -> str:
        """Return ``'sparse'``."""
        return "sparse"

    @property
    def count(self) -> int:
        """Return n, the number of coordinates."""
        return self.lens.size

    @property
    def dtype(self) -> np.dtype:
        """Return the type of one stored value."""
        return self.values.dtype

    @property
    def nnz(self) -> int:
        """Return the number of stored entries."""
        return self.values.size

    @property
    def nbytes(self) -> int:
        """Return the bytes of all columns (values and indices), the sum of `column_nbytes`."""
        return self.values.nbytes + self.indices.nbytes

    def column_nbytes(self, ids: ArrayLike | None = None) -> NDArray[np.int64]:
        """Return the bytes of each column's values and indices.

        Parameters
        ----------
        ids : array_like of int, optional
            Coordinates; all by default.

        Returns
        -------
        ndarray of int64
        """
        lens = self.lens if ids is None else self.lens[np.asarray(ids, dtype=np.int64)]
        return lens.astype(np.int64) * (self.dtype.itemsize + self.indices.itemsize)

    def _blocks(self) -> Iterator[slice]:
        """Yield runs of columns of about BLOCK_ENTRIES entries each."""
        ends = self.starts + self.lens
        first = 0
        while first < self.count:
            limit = self.starts[first] + BLOCK_ENTRIES
            last = max(first + 1, int(np.searchsorted(ends, limit, side="right")))
            yield slice(first, last)
            first = last

    def _entries(self, block: slice) -> slice:
        return slice(
            self.starts[block.start], self.starts[block.stop - 1] + self.lens[block.stop - 1]
        )

    def _rows(self, block: slice) -> Any:
        """Return the block as a float64 SciPy CSR array whose row i is one column of A."""
        from scipy.sparse import csr_array

        entries = self._entries(block)
        indices = self.indices[entries]
        # SciPy knows no uint32 indices; below 2^31 the same bits are valid int32.
        small = self.length <= np.iinfo(np.int32).max
        signed = indices.view(np.int32) if small else indices.astype(np.int64)
        pointers = np.zeros(block.stop - block.start + 1, dtype=signed.dtype)
        np.cumsum(self.lens[block], out=pointers[1:])
        values = self.values[entries].astype(np.float64, copy=False)
        shape = (block.stop - block.start, self.length)
        return csr_array((values, signed, pointers), shape=shape, copy=False)

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
        result = np.empty(self.count)
        for block in self._blocks():
            result[block] = self._rows(block) @ vector
        return result

    def combine(self, alpha: ArrayLike) -> NDArray[np.float64]:
        """Return ``A alpha`` in float64, in bounded extra memory.

        Parameters
        ----------
        alpha : array_like, shape (n,)

        Returns
        -------
        ndarray of float64, shape (d,)
        """
        weights = np.asarray(alpha, dtype=np.float64)
        result = np.zeros(self.length)
        for block in self._blocks():
            if weights[block].any():
                result += self._rows(block).T @ weights[block]
        return result

    def square_norms(self) -> NDArray[np.float64]:
        """Return ``||a_i||^2`` of every column.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        result = np.zeros(self.count)
        for block in self._blocks():
            filled = np.flatnonzero(self.lens[block])
            if filled.size:
                squares = self.values[self._entries(block)].astype(np.float64) ** 2
                starts = self.starts[block][filled] - self.starts[block.start]
                result[block.start + filled] = np.add.reduceat(squares, starts)
        return result
