"""Where each column of a store lies, and the blocks whose checksums are kept.

Columns lie one after another without holes. A block is a run of columns of about a megabyte: the
unit of checksums, and of the first read of anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hetengine.store.header import Header

BLOCK_BYTES = 1 << 20
"""Bytes after which the next column begins a new block."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockTable:
    """The directory of a store's columns.

    Attributes
    ----------
    count, length : int
        Columns, and the length of one.
    widths : tuple of int
        Bytes of one entry in each file that holds columns.
    lens : ndarray of int32, shape (n,), or None
        Entries of each column; None where all have ``length``.
    starts : ndarray of int64, shape (n + 1,), or None
        Entries before each column, and in all; None where that is arithmetic.
    firsts : ndarray of int64, shape (blocks + 1,)
        First column of each block, and n.
    checksums : ndarray of uint32, shape (blocks, files)
        CRC-32 of each block in each file.
    """

    count: int
    length: int
    widths: tuple[int, ...]
    lens: NDArray[np.int32] | None
    starts: NDArray[np.int64] | None
    firsts: NDArray[np.int64]
    checksums: NDArray[np.uint32]

    @classmethod
    def of(
        cls,
        header: Header,
        lens: NDArray[np.int32] | None,
        firsts: NDArray[np.int64],
        checksums: NDArray[np.uint32],
    ) -> BlockTable:
        """Lay the columns of a header out.

        Parameters
        ----------
        header : Header
        lens : ndarray of int32, shape (n,), or None
            Of a sparse store.
        firsts, checksums : ndarray
            As kept in ``blocks.npy``.
        """
        starts = None
        if lens is not None:
            starts = np.zeros(lens.size + 1, np.int64)
            np.cumsum(lens, out=starts[1:])
        widths = tuple(width for _, width in header.streams)
        return cls(header.count, header.length, widths, lens, starts, firsts, checksums)

    @property
    def blocks(self) -> int:
        """Return how many blocks there are."""
        return self.firsts.size - 1

    def entries_before(self, columns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many entries lie before each of the listed columns; n means all."""
        return columns * self.length if self.starts is None else self.starts[columns]

    def span(self, stream: int, first: int, last: int) -> tuple[int, int]:
        """Return byte offset and bytes of the columns ``[first, last)`` in one file."""
        begin, end = self.entries_before(np.array([first, last], np.int64)).tolist()
        width = self.widths[stream]
        return begin * width, (end - begin) * width

    def block_of(self, columns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the block each of the listed columns is in."""
        return np.searchsorted(self.firsts, columns, side="right") - 1
