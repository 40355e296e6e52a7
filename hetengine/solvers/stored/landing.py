"""Landing areas on the host and the reads that fill them.

Areas are taken in turn: a read waits until everything that works on its area has run, so that as
many reads are under way as there are areas.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import simpy
from numpy.typing import NDArray

from hetengine.device import Device, Event
from hetengine.store.blocks import BLOCK_BYTES
from hetengine.store.device import piece_buffer
from hetengine.store.plan import ALIGNMENT, Piece, area_bytes, plan_reads
from hetengine.store.store import Store

AREAS = 4


class Area:
    """One landing area.

    Parameters
    ----------
    host : Device
        Whose memory it is.
    name : str
        Label of the memory.
    nbytes : int
        Size.

    Attributes
    ----------
    users : list of Event
        Commands that read it and have not been waited for.
    """

    def __init__(self, host: Device, name: str, nbytes: int) -> None:
        self.buffer = host.alloc(name, nbytes + ALIGNMENT, np.uint8)
        self._begin = -self.buffer.array.ctypes.data % ALIGNMENT
        self.users: list[simpy.Event] = []

    @property
    def bytes(self) -> np.ndarray:
        """The aligned memory, uint8."""
        return self.buffer.array[self._begin :]

    def read(self, disk: Device, store: Store, piece: Piece, category: str) -> Event:
        """Fill it from the disk as soon as nobody needs what is there."""
        target = self.buffer.section(self._begin, piece.nbytes)
        source = piece_buffer(disk, store, piece)
        users, self.users = self.users, []
        return disk.copy(target, source, after=users, category=category)


class Landing:
    """All landing areas of a run.

    Parameters
    ----------
    host, disk : Device
        Where they are, and what fills them.
    store : Store
        What is read.

    Attributes
    ----------
    nbytes : int
        Size of each area.
    pieces, bytes_read : int
        What has been asked for so far.
    """

    def __init__(self, host: Device, disk: Device, store: Store) -> None:
        self.nbytes = area_bytes(store.table)
        self._areas = [Area(host, f"landing{k}", self.nbytes) for k in range(AREAS)]
        self._column_nbytes = store.all_columns().column_nbytes()
        self._disk = disk
        self._store = store
        self._turn = 0
        self.pieces = 0
        self.bytes_read = 0

    def plan(self, columns: NDArray[np.int64], *, urgent: bool) -> Iterator[Piece]:
        """Cut the reading of some columns into pieces.

        Parameters
        ----------
        columns : ndarray of int64
            What is wanted, by urgency.
        urgent : bool
            Whether the first ones are read first, as many together as fill all areas, because the
            last ones may never be; otherwise all are read in the order in which they lie.
        """
        store = self._store
        groups = [columns]
        if urgent:
            fresh = ~store.verified[store.table.block_of(columns)]
            own = self._column_nbytes[columns]
            cost = np.cumsum(np.where(fresh, np.maximum(own, BLOCK_BYTES), own), dtype=np.int64)
            step = AREAS * self.nbytes
            groups = np.split(columns, np.flatnonzero(np.diff(cost // step)) + 1)
        for group in groups:
            yield from plan_reads(store.table, np.sort(group), store.verified, self.nbytes)

    def read(self, piece: Piece, category: str) -> tuple[Area, Event]:
        """Start a read into the next area."""
        area = self._areas[self._turn % AREAS]
        self._turn += 1
        self.pieces += 1
        self.bytes_read += piece.nbytes
        return area, area.read(self._disk, self._store, piece, category)
