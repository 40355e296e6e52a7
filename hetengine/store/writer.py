"""Write the columns of a store, block by block with their checksums."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hetengine.problems.dense import DenseColumns
from hetengine.store.blocks import BLOCK_BYTES
from hetengine.store.file import raw_bytes
from hetengine.store.header import INDICES, VALUES, Mark
from hetengine.store.plan import ALIGNMENT
from hetengine.store.products import Part


class ColumnWriter:
    """Append columns to the files of a store.

    Parameters
    ----------
    directory : pathlib.Path
        An empty directory.
    layout : {'dense', 'sparse'}
        Of the columns.

    Attributes
    ----------
    count, nnz : int
        Columns and entries written so far.
    """

    def __init__(self, directory: Path, layout: str) -> None:
        self._names = (VALUES,) if layout == "dense" else (VALUES, INDICES)
        self._files: list[BinaryIO] = [(directory / name).open("wb") for name in self._names]
        self._lens: list[NDArray[np.int32]] | None = None if layout == "dense" else []
        self._firsts: list[int] = []
        self._checksums: list[list[int]] = []
        self._filled = 0
        self.count = 0
        self.nnz = 0

    def append(self, part: Part) -> None:
        """Write the next columns.

        Parameters
        ----------
        part : DenseColumns or SparseColumns
            All parts in one layout and precision.
        """
        if isinstance(part, DenseColumns):
            streams = [part.values.reshape(-1)]
            ends = np.arange(1, part.count + 1, dtype=np.int64) * part.length
        else:
            streams = [part.values, part.indices]
            ends = np.cumsum(part.lens, dtype=np.int64)
        bytes_per_entry = sum(stream.itemsize for stream in streams)
        for first, last in self._cut(ends * bytes_per_entry):
            begin = int(ends[first - 1]) if first else 0
            self._write([stream[begin : int(ends[last - 1])] for stream in streams])
        if self._lens is not None and not isinstance(part, DenseColumns):
            self._lens.append(part.lens.astype(np.int32))
        self.count += part.count
        self.nnz += int(ends[-1]) if ends.size else 0

    def finish(self) -> tuple[dict[str, Mark], dict[str, NDArray[Any]]]:
        """Make sure that the columns are on the disk.

        Returns
        -------
        marks : dict of str to Mark
            Size of each file.
        arrays : dict of str to ndarray
            ``blocks`` (first column and checksums of each), and ``lens`` where they differ.
        """
        marks: dict[str, Mark] = {}
        for name, stream in zip(self._names, self._files, strict=True):
            stream.write(bytes(-stream.tell() % ALIGNMENT))
            marks[name] = Mark(stream.tell())
            stream.flush()
            os.fsync(stream.fileno())
        self.close()
        blocks = np.column_stack([self._firsts, self._checksums]).astype(np.int64)
        arrays: dict[str, NDArray[Any]] = {"blocks": blocks}
        if self._lens is not None:
            arrays["lens"] = np.concatenate(self._lens)
        return marks, arrays

    def close(self) -> None:
        """Close the files, whatever has been written."""
        for stream in self._files:
            stream.close()

    def _cut(self, ends: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        """Cut columns, whose bytes end at ``ends``, where blocks begin."""
        first, done = 0, 0
        while first < ends.size:
            last = int(np.searchsorted(ends, done + BLOCK_BYTES - self._filled, side="right"))
            if last <= first or not self._firsts:
                self._firsts.append(self.count + first)
                self._checksums.append([0] * len(self._files))
                self._filled = 0
                last = int(np.searchsorted(ends, done + BLOCK_BYTES, side="right"))
                last = max(last, first + 1)
            self._filled += int(ends[last - 1]) - done
            yield first, last
            first, done = last, int(ends[last - 1])

    def _write(self, parts: list[np.ndarray]) -> None:
        crcs = self._checksums[-1]
        for k, (stream, part) in enumerate(zip(self._files, parts, strict=True)):
            content = raw_bytes(np.ascontiguousarray(part))
            crcs[k] = zlib.crc32(content, crcs[k])
            stream.write(content)
