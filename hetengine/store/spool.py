"""Turn rows into columns on disk: what arrives by row is put down by tile and taken up by column.

A tile holds some rows of X, column after column; a group of columns is then one piece of every
tile. Memory is bounded by the size of a tile and of a group, whatever the size of X.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hetengine.data.dataset import Matrix, is_dense
from hetengine.problems.dense import DenseColumns
from hetengine.problems.sparse import SparseColumns
from hetengine.store.file import raw_bytes


class DenseSpool:
    """Tiles of a dense matrix.

    Parameters
    ----------
    path : pathlib.Path
        A file to make; the caller removes it.
    dtype : numpy.dtype
        Type of a stored value.

    Attributes
    ----------
    rows : int
        Rows put down so far.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self._file = path.open("w+b")
        self._dtype = dtype
        self._tiles: list[tuple[int, int]] = []
        self.rows = 0
        self.width = 0

    def add(self, X: Matrix) -> None:
        """Put down the next rows, shape (k, P)."""
        if not is_dense(X):
            X = X.toarray()
        self._tiles.append((self._file.tell(), X.shape[0]))
        self._file.write(raw_bytes(np.ascontiguousarray(X.T, self._dtype)))
        self.rows += X.shape[0]
        self.width = X.shape[1]

    def parts(self, nbytes: int) -> Iterator[DenseColumns]:
        """Take up all columns, in groups of at most ``nbytes`` bytes, at least one column each."""
        self._file.flush()
        width = self._dtype.itemsize
        step = max(1, nbytes // max(1, self.rows * width))
        for first in range(0, self.width, step):
            last = min(self.width, first + step)
            group = np.empty((last - first, self.rows), self._dtype)
            row = 0
            for offset, rows in self._tiles:
                begin = offset + first * rows * width
                piece = _take(self._file.fileno(), begin, (last - first) * rows, self._dtype)
                group[:, row : row + rows] = piece.reshape(last - first, rows)
                row += rows
            yield DenseColumns(group)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class SparseSpool:
    """Tiles of a sparse matrix, to be taken up by column or by row.

    Parameters
    ----------
    path : pathlib.Path
        A file to make; the caller removes it.
    dtype : numpy.dtype
        Type of a stored value.
    side : {'primal', 'dual'}
        Whether features or rows are taken up.

    Attributes
    ----------
    rows : int
        Rows put down so far.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any], side: str) -> None:
        self._file = path.open("w+b")
        self._dtype = dtype
        self._by_feature = side == "primal"
        self._tiles: list[tuple[int, int, int, int]] = []
        self._counts = np.zeros(0, np.int64)
        self.rows = 0

    def add(self, X: Matrix) -> None:
        """Put down the next rows, a canonical CSR array."""
        compressed = X.tocsc() if self._by_feature else X
        lens = np.diff(compressed.indptr).astype(np.int64)
        indices = compressed.indices.astype(np.uint32)
        if self._by_feature:
            indices += np.uint32(self.rows)
            self._count(lens)
        else:
            self._counts = np.concatenate([self._counts, lens])
        place = self._file.tell()
        for part in (np.append(0, np.cumsum(lens)), indices, compressed.data.astype(self._dtype)):
            self._file.write(raw_bytes(np.ascontiguousarray(part)))
        self._tiles.append((place, lens.size, indices.size, self.rows))
        self.rows += X.shape[0]

    def parts(self, width: int, shift: int, nbytes: int) -> Iterator[SparseColumns]:
        """Take up all columns.

        Parameters
        ----------
        width : int
            Features.
        shift : int
            Number of the first feature in what was put down.
        nbytes : int
            Bytes of a group; at least one column each.
        """
        self._file.flush()
        if not self._by_feature:
            yield from self._row_parts(width, shift, nbytes)
            return
        counts = np.zeros(shift + width, np.int64)
        known = self._counts[: counts.size]
        counts[: known.size] = known
        ends = np.cumsum(counts[shift:] * (self._dtype.itemsize + 4))
        first = 0
        while first < width:
            base = int(ends[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(ends, base + nbytes, side="right")))
            yield self._gathered(shift + first, shift + last, counts)
            first = last

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _count(self, lens: NDArray[np.int64]) -> None:
        if lens.size > self._counts.size:
            self._counts = np.append(
                self._counts, np.zeros(lens.size - self._counts.size, np.int64)
            )
        self._counts[: lens.size] += lens

    def _tile(
        self, tile: tuple[int, int, int, int], first: int, last: int
    ) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[Any]]:
        """Return the ends, indices and values of the lines ``[first, last)`` of one tile."""
        place, lines, entries, _ = tile
        first, last = min(first, lines), min(last, lines)
        file = self._file.fileno()
        ends = _take(file, place + 8 * first, last - first + 1, np.dtype(np.int64))
        begin, count = int(ends[0]), int(ends[-1] - ends[0])
        at = place + 8 * (lines + 1)
        indices = _take(file, at + 4 * begin, count, np.dtype(np.uint32))
        at += 4 * entries + self._dtype.itemsize * begin
        return ends - begin, indices, _take(file, at, count, self._dtype)

    def _gathered(self, first: int, last: int, counts: NDArray[np.int64]) -> SparseColumns:
        """Join the pieces that every tile has of some features."""
        lens = counts[first:last]
        starts = np.cumsum(lens) - lens
        indices = np.empty(int(lens.sum()), np.uint32)
        values = np.empty(indices.size, self._dtype)
        filled = starts.copy()
        for tile in self._tiles:
            ends, tile_indices, tile_values = self._tile(tile, first, last)
            own = np.diff(ends)
            place = np.repeat(filled[: own.size] - ends[:-1], own) + np.arange(tile_indices.size)
            indices[place], values[place] = tile_indices, tile_values
            filled[: own.size] += own
        return SparseColumns(values, indices, starts, lens.astype(np.int32), self.rows)

    def _row_parts(self, width: int, shift: int, nbytes: int) -> Iterator[SparseColumns]:
        for tile in self._tiles:
            lines = tile[1]
            lens = self._counts[tile[3] : tile[3] + lines]
            ends = np.cumsum(lens * (self._dtype.itemsize + 4))
            first = 0
            while first < lines:
                base = int(ends[first - 1]) if first else 0
                last = max(first + 1, int(np.searchsorted(ends, base + nbytes, side="right")))
                own, indices, values = self._tile(tile, first, last)
                part = np.diff(own).astype(np.int32)
                yield SparseColumns(values, indices - np.uint32(shift), own[:-1], part, width)
                first = last


def _take(file: int, offset: int, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Read some numbers at a byte offset."""
    values = np.empty(count, dtype)
    view = raw_bytes(values)
    done = 0
    while done < len(view):
        done += os.preadv(file, [view[done:]], offset + done)
    return values
