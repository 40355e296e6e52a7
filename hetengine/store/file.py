"""Read pieces of a store past the page cache, and verify blocks.

Files are opened with ``O_DIRECT`` where the file system has it: bytes go from the disk into the
landing area and into no other memory. Elsewhere they are read through the page cache and dropped
from it at once. Either way nothing is mapped: mapped pages would count as this process's memory.
"""

from __future__ import annotations

import errno
import mmap
import os
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from hetengine.errors import DataError
from hetengine.store.blocks import BlockTable
from hetengine.store.plan import ALIGNMENT, Check, Extent, Piece

REQUEST_BYTES = 1 << 20
"""Most bytes of one request to the disk; several are in flight at a time."""

_DIRECT = getattr(os, "O_DIRECT", 0)
_REFUSALS = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP)


class ColumnFiles:
    """The files of one store that hold columns, open for reading.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        In the order of the header's streams.
    table : BlockTable
        With the checksums.

    Attributes
    ----------
    manner : str
        How they are read, for the log.
    """

    def __init__(self, paths: Iterable[Path], table: BlockTable) -> None:
        self._paths = tuple(paths)
        self._table = table
        self._direct = bool(_DIRECT) and all(_reads_directly(path) for path in self._paths)
        extra = _DIRECT if self._direct else 0
        self._files = [os.open(path, os.O_RDONLY | extra) for path in self._paths]
        self.manner = (
            "past the page cache (O_DIRECT)"
            if self._direct
            else "through the page cache, dropped from it at once: no O_DIRECT here"
        )

    def read(self, piece: Piece, area: np.ndarray, pool: ThreadPoolExecutor | None = None) -> None:
        """Fill a landing area and verify what has to be.

        Parameters
        ----------
        piece : Piece
            What to read.
        area : ndarray of uint8
            At least ``piece.nbytes``, aligned to `ALIGNMENT`.
        pool : ThreadPoolExecutor, optional
            Threads that keep several requests in flight.

        Raises
        ------
        DataError
            If a file is too short, cannot be read, or a block is damaged.
        """
        target = raw_bytes(area)
        requests = [part for extent in piece.extents for part in requests_of(extent)]
        if pool is None or len(requests) == 1:
            for request in requests:
                self._read(request, target)
        else:
            list(pool.map(lambda request: self._read(request, target), requests))
        for check in piece.checks:
            self._verify(check, target)

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            os.close(file)
        self._files = []

    def _read(self, extent: Extent, target: memoryview) -> None:
        file, path = self._files[extent.stream], self._paths[extent.stream]
        done = 0
        while done < extent.nbytes:
            part = target[extent.place + done : extent.place + extent.nbytes]
            try:
                got = os.preadv(file, [part], extent.offset + done)
            except OSError as error:
                raise DataError(
                    f"{path}: cannot be read at offset {extent.offset + done:,} ({error.strerror})"
                ) from error
            if got == 0:
                raise DataError(
                    f"{path}: ends at offset {extent.offset + done:,}, inside a column; "
                    "write the store again with hetengine convert"
                )
            done += got
        if not self._direct and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file, extent.offset, extent.nbytes, os.POSIX_FADV_DONTNEED)

    def _verify(self, check: Check, target: memoryview) -> None:
        found = zlib.crc32(target[check.place : check.place + check.nbytes])
        kept = int(self._table.checksums[check.block, check.stream])
        if found != kept:
            raise DataError(
                f"{self._paths[check.stream]}: block {check.block} at offset {check.offset:,} "
                f"({check.nbytes:,} bytes) is damaged: checksum {found:08x}, kept {kept:08x}; "
                "write the store again with hetengine convert"
            )


def aligned_bytes(nbytes: int) -> np.ndarray:
    """Return uint8 storage that direct reads can fill, outside the devices' accounts.

    Parameters
    ----------
    nbytes : int
        Size, rounded up to `ALIGNMENT`.
    """
    size = -(-max(nbytes, 1) // ALIGNMENT) * ALIGNMENT
    return np.frombuffer(mmap.mmap(-1, size), np.uint8)


def raw_bytes(array: np.ndarray) -> memoryview:
    """Return the bytes of a contiguous array, which may be empty, to read from or into.

    Parameters
    ----------
    array : ndarray
        C-contiguous.
    """
    return array.reshape(-1).view(np.uint8).data


def requests_of(extent: Extent) -> list[Extent]:
    """Cut an extent into the requests that read it.

    Parameters
    ----------
    extent : Extent
        Of a piece.
    """
    return [
        Extent(
            extent.stream,
            extent.offset + at,
            min(REQUEST_BYTES, extent.nbytes - at),
            extent.place + at,
        )
        for at in range(0, extent.nbytes, REQUEST_BYTES)
    ]


def _reads_directly(path: Path) -> bool:
    """Try one read with ``O_DIRECT``; file systems in memory, for instance, have none."""
    try:
        file = os.open(path, os.O_RDONLY | _DIRECT)
    except OSError as error:
        if error.errno in _REFUSALS:
            return False
        raise
    try:
        os.preadv(file, [mmap.mmap(-1, ALIGNMENT)], 0)
    except OSError as error:
        if error.errno in _REFUSALS:
            return False
        raise
    finally:
        os.close(file)
    return True
