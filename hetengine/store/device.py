"""The disk as a device: reads only, on a queue of its own, with events like any other copy.

A memory tier is a device with alloc and copy only. What lies in it, a column store, is there before
the run: a read copies a `StoredPiece` into a landing area of the host. Several requests are in
flight at a time, one per thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import numpy as np
import simpy
from numpy.typing import DTypeLike

from hetengine.clock import WallClock
from hetengine.device import Buffer, Device, Event, Kernel
from hetengine.errors import UsageError
from hetengine.span import Observer
from hetengine.store.plan import Piece
from hetengine.store.store import Store
from hetengine.threaded import Completion, InOrderQueue, ThreadedDevice
from hetengine.topology import DeviceSpec
from hetengine.work import Work

READ = "read"
"""The one queue of a disk, and the direction of its spans."""


class StoredPiece:
    """What stands for a piece of a store where a buffer has its native storage.

    Attributes
    ----------
    store : Store
        Where it lies.
    piece : Piece
        Which bytes.
    """

    __slots__ = ("piece", "store")

    def __init__(self, store: Store, piece: Piece) -> None:
        self.store = store
        self.piece = piece

    def read_into(self, area: np.ndarray, pool: ThreadPoolExecutor | None = None) -> None:
        """Fill a landing area.

        Parameters
        ----------
        area : ndarray of uint8
            Aligned as direct reads need it.
        pool : ThreadPoolExecutor, optional
            Keeps several requests in flight.
        """
        self.store.files.read(self.piece, area, pool)


def piece_buffer(disk: Device, store: Store, piece: Piece) -> Buffer:
    """Return a piece of a store as a buffer of the disk it lies on, for `Device.copy`.

    Parameters
    ----------
    disk : Device
        Of role ``storage``.
    store : Store
        Where it lies.
    piece : Piece
        Which bytes.
    """
    return Buffer(disk, StoredPiece(store, piece), (piece.nbytes,), np.uint8, "data")


def check_read(disk: Device, destination: Buffer, source: Buffer) -> None:
    """Refuse a copy that is no read of a store into another device's memory.

    Raises
    ------
    UsageError
        If it is none.
    """
    if source.device is not disk or not isinstance(source.array, StoredPiece):
        raise UsageError(
            f"{disk.name}: cannot copy {source.label} to {destination.label}; a storage device is "
            "read only"
        )
    if destination.nbytes != source.nbytes or destination.dtype != source.dtype:
        raise UsageError(
            f"{disk.name}: cannot read {source.nbytes} bytes into {destination.label}, "
            f"{destination.nbytes} bytes of {destination.dtype}; take a section of that size"
        )


class StorageDevice(ThreadedDevice):
    """A disk that stores lie on, read for real.

    Parameters
    ----------
    spec : DeviceSpec
        Entry in the topology; ``threads`` is the number of requests in flight.
    clock : WallClock
        The run's clock.
    observe : callable
        Receives the span of each read.
    """

    def __init__(self, spec: DeviceSpec, clock: WallClock, observe: Observer) -> None:
        super().__init__(spec, clock, observe)
        self._queues[READ] = InOrderQueue(f"{spec.name}.{READ}")
        self._pool = ThreadPoolExecutor(spec.threads, f"{spec.name}.request")

    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike) -> NoReturn:
        """Refuse: what a disk holds is written by ``hetengine convert``."""
        self._refuse("allocate")

    def transfer(self, destination: Buffer, source: Buffer) -> None:
        """Read a piece into a landing area."""
        piece: StoredPiece = source.array
        piece.read_into(destination.array, self._pool)

    def copy(
        self,
        destination: Buffer,
        source: Buffer,
        *,
        after: Iterable[simpy.Event] = (),
        category: str = "read",
    ) -> Event:
        """Enqueue a read; see `piece_buffer`.

        Raises
        ------
        UsageError
            If it is no read of a store.
        """
        check_read(self, destination, source)
        return self._enqueue(
            Completion(self.clock, source.label),
            READ,
            lambda: self.transfer(destination, source),
            Work(bytes_read=source.nbytes, bytes_written=source.nbytes),
            after,
            category,
            [destination, source],
        )

    def view(self, buffer: Buffer, offset: int, count: int, dtype: np.dtype) -> Any:
        """Refuse: pieces are planned as a whole."""
        self._refuse("take a section")

    def load(self, name: str) -> Kernel:
        """Refuse: a disk computes nothing."""
        self._refuse(f"load {name}")

    def close(self) -> None:
        """Stop the threads."""
        super().close()
        self._pool.shutdown()

    def _refuse(self, what: str) -> NoReturn:
        raise UsageError(f"{self.name}: cannot {what} on a storage device; it is only read from")
