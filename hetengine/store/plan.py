"""Which bytes to read for a set of columns, cut into pieces that fit a landing area.

Neighbouring columns are read in one request, and so are columns with a hole between them that is
cheaper to read than to leave out. A block that nobody has verified yet is read as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hetengine.store.blocks import BlockTable

ALIGNMENT = 4096
"""What reads past the page cache must be aligned to, in the file and in memory."""

AREA_BYTES = 4 << 20
"""Usual size of a landing area: large enough for the full rate of a solid-state disk."""

HOLE_BYTES = 64 << 10
"""A hole up to this size is read: another request would take longer."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Aligned bytes of one file, and where they land.

    Attributes
    ----------
    stream : int
        Number of the file.
    offset, nbytes : int
        What is read.
    place : int
        Offset in the landing area.
    """

    stream: int
    offset: int
    nbytes: int
    place: int


@dataclass(frozen=True, slots=True)
class Check:
    """A block that a piece holds as a whole and that has to be verified.

    Attributes
    ----------
    stream, block : int
        Numbers of the file and of the block.
    offset, nbytes : int
        Where it lies in the file.
    place : int
        Where it lands.
    """

    stream: int
    block: int
    offset: int
    nbytes: int
    place: int


@dataclass(frozen=True, slots=True)
class Piece:
    """One filling of a landing area.

    Attributes
    ----------
    runs : tuple of (int, int)
        Columns ``[first, last)`` of each run, ascending.
    places : tuple of tuple of int
        For each run and file, where its first column lands.
    extents : tuple of Extent
        What to read.
    checks : tuple of Check
        What to verify.
    nbytes : int
        Bytes of all extents.
    """

    runs: tuple[tuple[int, int], ...]
    places: tuple[tuple[int, ...], ...]
    extents: tuple[Extent, ...]
    checks: tuple[Check, ...]
    nbytes: int

    @property
    def columns(self) -> NDArray[np.int64]:
        """Return all columns of the piece, ascending."""
        return np.concatenate([np.arange(first, last) for first, last in self.runs])


def area_bytes(table: BlockTable) -> int:
    """Return a size of landing areas that any block or column fits.

    Parameters
    ----------
    table : BlockTable
        Of the store.
    """
    entries = np.diff(table.entries_before(table.firsts))
    largest = int(entries.max(initial=0)) * sum(table.widths)
    return max(AREA_BYTES, _padded(largest, table))


def plan_reads(
    table: BlockTable,
    columns: NDArray[np.int64],
    verified: NDArray[np.bool_],
    area: int,
) -> Iterator[Piece]:
    """Cut the reading of some columns into pieces.

    Parameters
    ----------
    table : BlockTable
        Of the store.
    columns : ndarray of int64
        What is wanted, ascending, each once.
    verified : ndarray of bool, shape (blocks,)
        Blocks that have been read as a whole and found right; those that a piece will verify are
        marked as soon as it is handed out.
    area : int
        Bytes of a landing area, at least `area_bytes`.

    Yields
    ------
    Piece
        In ascending order; together they hold the wanted columns and maybe others.
    """
    if columns.size == 0:
        return
    first, last, fresh = _units(table, columns, verified)
    begin, end = table.entries_before(first), table.entries_before(last)
    bytes_per_entry = sum(table.widths)
    alone = (end - begin) * bytes_per_entry + 2 * ALIGNMENT * len(table.widths)
    hole = np.append(0, begin[1:] - end[:-1])
    joined = hole * bytes_per_entry <= HOLE_BYTES
    joined[0] = False
    cost = np.where(joined, (end - begin + hole) * bytes_per_entry, alone)
    total = np.cumsum(cost)
    at = 0
    while at < first.size:
        room = total[at] + area - alone[at]
        until = max(at + 1, int(np.searchsorted(total, room, side="right")))
        part = slice(at, until)
        verified[fresh[part][fresh[part] >= 0]] = True
        yield _piece(table, first[part], last[part], fresh[part], joined[part])
        at = until


def _padded(nbytes: int, table: BlockTable) -> int:
    """Return room for some bytes of columns however they are aligned."""
    padding = 2 * ALIGNMENT * len(table.widths)
    return -(-(nbytes + padding) // ALIGNMENT) * ALIGNMENT


def _units(
    table: BlockTable, columns: NDArray[np.int64], verified: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return what is read as a whole: columns ``[first, last)``, and the block to verify or -1."""
    block = table.block_of(columns)
    known = verified[block]
    fresh = np.unique(block[~known])
    single = columns[known]
    first = np.concatenate([single, table.firsts[fresh]])
    last = np.concatenate([single + 1, table.firsts[fresh + 1]])
    mark = np.concatenate([np.full(single.size, -1), fresh])
    order = np.argsort(first, kind="stable")
    return first[order], last[order], mark[order]


def _piece(
    table: BlockTable,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    fresh: NDArray[np.int64],
    joined: NDArray[np.bool_],
) -> Piece:
    """Lay out the landing area of some units."""
    heads = np.flatnonzero(~joined | (np.arange(joined.size) == 0))
    tails = np.append(heads[1:], first.size) - 1
    runs = tuple(zip(first[heads].tolist(), last[tails].tolist(), strict=True))
    extents: list[Extent] = []
    places: list[tuple[int, ...]] = []
    place = 0
    for run in runs:
        begun = []
        for stream in range(len(table.widths)):
            offset, nbytes = table.span(stream, *run)
            low = offset // ALIGNMENT * ALIGNMENT
            high = -(-(offset + nbytes) // ALIGNMENT) * ALIGNMENT
            extents.append(Extent(stream, low, high - low, place))
            begun.append(place + offset - low)
            place += high - low
        places.append(tuple(begun))
    checks = tuple(
        _check(table, int(block), stream, runs, places)
        for block in fresh[fresh >= 0]
        for stream in range(len(table.widths))
    )
    return Piece(runs, tuple(places), tuple(extents), checks, place)


def _check(
    table: BlockTable,
    block: int,
    stream: int,
    runs: tuple[tuple[int, int], ...],
    places: list[tuple[int, ...]],
) -> Check:
    first, last = int(table.firsts[block]), int(table.firsts[block + 1])
    k = next(k for k, run in enumerate(runs) if run[0] <= first and last <= run[1])
    offset, nbytes = table.span(stream, first, last)
    begun, _ = table.span(stream, *runs[k])
    return Check(stream, block, offset, nbytes, places[k][stream] + offset - begun)
