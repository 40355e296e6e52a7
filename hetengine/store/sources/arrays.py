"""``.npy`` files as sources: arrays are read from the front, never as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from hetengine.data.arrays import DAMAGE, read_array
from hetengine.data.config import DataConfig
from hetengine.data.dataset import Matrix
from hetengine.data.files import existing_file, set_name
from hetengine.data.table import target_index
from hetengine.errors import DataError


class ArrayStream:
    """One array of a ``.npy`` stream, read from the front.

    Parameters
    ----------
    stream : binary file
        At the beginning of the array's header.
    name : str
        What to call it in a message.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype

    Raises
    ------
    DataError
        If it is damaged, holds Python objects, or lies column by column.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._name = name
        try:
            version = np.lib.format.read_magic(stream)
            read: Any = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read = np.lib.format.read_array_header_2_0
            self.shape, fortran, self.dtype = read(stream)
        except DAMAGE as error:
            raise DataError(f"{name}: not a readable .npy array ({error})") from error
        if self.dtype.kind not in "buif":
            raise DataError(f"{name}: holds {self.dtype}; need real numbers (float, int or bool)")
        if fortran and len(self.shape) > 1:
            raise DataError(
                f"{name}: lies column by column; write it with np.ascontiguousarray to convert it"
            )

    def take(self, count: int) -> np.ndarray:
        """Return the next ``count`` numbers."""
        wanted = count * self.dtype.itemsize
        try:
            content = self._stream.read(wanted)
        except DAMAGE as error:
            raise DataError(f"{self._name}: damaged ({error})") from error
        if len(content) != wanted:
            raise DataError(f"{self._name}: ends too early; fetch it again")
        return np.frombuffer(content, self.dtype)


class Npy:
    """A dense matrix in a ``.npy`` file, its labels in another or in one of its columns.

    Parameters
    ----------
    config : DataConfig
        With path, target_path and target_column.
    """

    layout = "dense"
    base = 0

    def __init__(self, config: DataConfig) -> None:
        self._path = existing_file(str(config.path), "data.path")
        self._y = target_of(config.target_path)
        with self._path.open("rb") as stream:
            self._shape = matrix_shape(ArrayStream(stream, str(self._path)), self._path)
        self._target: int | None = None
        self.columns: int | None = self._shape[1]
        if self._y is None:
            self._target = target_index(config.target_column, self._shape[1], str(self._path))
            self.columns = self._shape[1] - 1
        self._labels: list[np.ndarray] = []
        self.name = set_name(self._path)
        self.nbytes: int | None = self._path.stat().st_size
        self.consumed = 0

    def blocks(self, nbytes: int) -> Iterator[Matrix]:
        """Yield some rows at a time."""
        with self._path.open("rb") as stream:
            source = ArrayStream(stream, str(self._path))
            for block in rows_of(source, self._shape, nbytes):
                self.consumed = stream.tell()
                if self._target is None:
                    yield block
                else:
                    self._labels.append(block[:, self._target].astype(np.float64))
                    yield np.delete(block, self._target, axis=1)

    def labels(self) -> np.ndarray:
        """Return the labels."""
        return np.concatenate(self._labels) if self._y is None else self._y


def matrix_shape(source: ArrayStream, path: Path) -> tuple[int, int]:
    """Return rows and columns of an array that has to be a matrix.

    Parameters
    ----------
    source : ArrayStream
        Of the array.
    path : pathlib.Path
        What to call it in a message.

    Raises
    ------
    DataError
        If it has another number of axes.
    """
    if len(source.shape) != 2:
        raise DataError(f"{path}: shape {source.shape}; need a matrix, rows are examples")
    return int(source.shape[0]), int(source.shape[1])


def rows_of(source: ArrayStream, shape: tuple[int, int], nbytes: int) -> Iterator[np.ndarray]:
    """Yield some rows of a dense matrix at a time, floating-point.

    Parameters
    ----------
    source : ArrayStream
        At the first row.
    shape : tuple of int
        Rows and columns.
    nbytes : int
        What a block should take at most.
    """
    rows, columns = shape
    step = max(1, nbytes // max(1, columns * max(source.dtype.itemsize, 8)))
    for first in range(0, rows, step):
        count = min(step, rows - first)
        block = source.take(count * columns).reshape(count, columns)
        yield block if block.dtype.kind == "f" else block.astype(np.float64)


def target_of(path: str | None) -> np.ndarray | None:
    """Return the labels in a ``.npy`` file, float64; None without a file."""
    if path is None:
        return None
    return np.asarray(read_array(existing_file(path, "data.target_path")), np.float64)
