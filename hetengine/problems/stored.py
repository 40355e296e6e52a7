"""Columns that lie in a store: what problems are built from and solvers plan with.

The numbers stay on disk. Products with a whole vector read the store piece by piece through one
landing area; training reads through the devices of its machine instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hetengine.problems.dense import DenseColumns
from hetengine.problems.sparse import SparseColumns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hetengine.store.plan import Piece
    from hetengine.store.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class StoredColumns:
    """The matrix ``A`` (d, n) in a column store.

    Attributes
    ----------
    store : Store
        Where it lies.
    """

    store: Store

    @property
    def layout(self) -> str:
        """Return ``'dense'`` or ``'sparse'``."""
        return self.store.header.layout

    @property
    def count(self) -> int:
        """Return n, the number of coordinates."""
        return self.store.header.count

    @property
    def length(self) -> int:
        """Return d, the length of one column."""
        return self.store.header.length

    @property
    def dtype(self) -> np.dtype:
        """Return the type of one stored value."""
        return np.dtype(self.store.header.dtype)

    @property
    def nnz(self) -> int:
        """Return the number of stored entries."""
        return self.store.header.nnz

    @property
    def nbytes(self) -> int:
        """Return the bytes of all columns on disk."""
        return self.store.header.nbytes

    @property
    def lens(self) -> NDArray[np.int32]:
        """Return the entries of each column; equal ones share their memory."""
        lens = self.store.table.lens
        return np.broadcast_to(np.int32(self.length), self.count) if lens is None else lens

    def column_nbytes(self, ids: ArrayLike | None = None) -> NDArray[np.int64]:
        """Return the bytes of each column.

        Parameters
        ----------
        ids : array_like of int, optional
            Coordinates; all by default.

        Returns
        -------
        ndarray of int64
        """
        lens = self.lens if ids is None else self.lens[np.asarray(ids, dtype=np.int64)]
        return lens.astype(np.int64) * sum(self.store.table.widths)

    def square_norms(self) -> NDArray[np.float64]:
        """Return ``||a_i||^2`` of every column, as computed when the store was written.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        return self.store.square_norms

    def dot(self, w: ArrayLike) -> NDArray[np.float64]:
        """Return ``A^T w`` in float64; reads the store unless the header knows the answer.

        Parameters
        ----------
        w : array_like, shape (d,)

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        vector = np.asarray(w, dtype=np.float64)
        if self.store.header.side == "primal":
            known = self.store.known_product(vector)
            if known is not None:
                return known
        result = np.empty(self.count)
        for (first, last), part in self.passes(np.arange(self.count)):
            result[first:last] = part.dot(vector)
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
        if self.store.header.side == "dual":
            known = self.store.known_product(weights)
            if known is not None:
                return known
        result = np.zeros(self.length)
        for (first, last), part in self.passes(np.flatnonzero(weights)):
            result += part.combine(weights[first:last])
        return result

    def passes(
        self, ids: NDArray[np.int64]
    ) -> Iterator[tuple[tuple[int, int], DenseColumns | SparseColumns]]:
        """Read columns run by run through one landing area.

        Parameters
        ----------
        ids : ndarray of int64
            Wanted columns, ascending.

        Yields
        ------
        (first, last) : tuple of int
            Columns of the run; others than the wanted may be among them.
        columns : DenseColumns or SparseColumns
            Valid until the next one is asked for.
        """
        area = self.store.landing_area()
        for piece in self.store.plan(ids):
            self.store.files.read(piece, area)
            yield from zip(piece.runs, self.parts(piece, area), strict=True)

    def parts(
        self, piece: Piece, area: NDArray[np.uint8]
    ) -> list[DenseColumns] | list[SparseColumns]:
        """Return the columns of each run of a landed piece.

        Parameters
        ----------
        piece : Piece
            What was read.
        area : ndarray of uint8
            Where it landed.
        """
        found = self.arrays(piece, area)
        if self.layout == "dense":
            return [DenseColumns(*arrays) for arrays in found]
        return [
            SparseColumns(values, indices, starts, lens, self.length)
            for values, indices, starts, lens in found
        ]

    def arrays(self, piece: Piece, area: NDArray[np.uint8]) -> list[tuple[np.ndarray, ...]]:
        """Return the leading kernel arguments of each run of a landed piece.

        Parameters
        ----------
        piece : Piece
            What was read.
        area : ndarray of uint8
            Where it landed.

        Returns
        -------
        list of tuple of ndarray
            ``(values (k, d),)``, or ``(values, indices, starts, lens)`` with starts from 0.
        """
        table = self.store.table
        found: list[tuple[np.ndarray, ...]] = []
        for (first, last), places in zip(piece.runs, piece.places, strict=True):
            parts = []
            kinds = (self.dtype, np.dtype(np.uint32))[: len(places)]
            for stream, (place, kind) in enumerate(zip(places, kinds, strict=True)):
                _, nbytes = table.span(stream, first, last)
                parts.append(area[place : place + nbytes].view(kind))
            if table.starts is None or table.lens is None:
                found.append((parts[0].reshape(last - first, self.length),))
            else:
                starts = table.starts[first:last] - table.starts[first]
                found.append((*parts, starts, table.lens[first:last]))
        return found
