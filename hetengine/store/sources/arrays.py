"""``.npy`` and ``.npz`` files as sources: members are read from the front, never as a whole."""

from __future__ import annotations

import zipfile
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

_CSR = ("data", "indices", "indptr", "shape")


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
        self._y = _target(config.target_path)
        with self._path.open("rb") as stream:
            self._shape = _matrix_shape(ArrayStream(stream, str(self._path)), self._path)
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
            for block in _rows(source, self._shape, nbytes):
                self.consumed = stream.tell()
                if self._target is None:
                    yield block
                else:
                    self._labels.append(block[:, self._target].astype(np.float64))
                    yield np.delete(block, self._target, axis=1)

    def labels(self) -> np.ndarray:
        """Return the labels."""
        return np.concatenate(self._labels) if self._y is None else self._y


class Npz:
    """A dense or CSR matrix in an ``.npz`` archive; members as for ``data=npz``.

    Parameters
    ----------
    config : DataConfig
        With path and target_path.

    Attributes
    ----------
    weights : ndarray of float64 or None
        The archive's own.
    """

    base = 0

    def __init__(self, config: DataConfig) -> None:
        self._path = existing_file(str(config.path), "data.path")
        y, weights, format_name = _small_members(self._path)
        self._y = _target(config.target_path) if config.target_path is not None else y
        if self._y is None:
            raise DataError(f"{self._path}: no member 'y'; add it or set data.target_path=FILE.npy")
        self.weights = weights
        with _Archive(self._path) as archive:
            dense = "X" in archive.names
            if not dense and (format_name not in ("csr", None) or not archive.has(_CSR)):
                raise DataError(
                    f"{self._path}: needs a member X, or data, indices, indptr and shape of a CSR "
                    "matrix; write it with scipy.sparse.save_npz(FILE, X.tocsr())"
                )
            self.layout = "dense" if dense else "sparse"
            self._shape = (
                _matrix_shape(archive.open("X"), self._path)
                if dense
                else tuple(int(n) for n in archive.open("shape").take(2))
            )
        self.columns: int | None = int(self._shape[1])
        self.name = set_name(self._path)
        self.nbytes: int | None = None
        self.consumed = 0

    def blocks(self, nbytes: int) -> Iterator[Matrix]:
        """Yield some rows at a time."""
        with _Archive(self._path) as archive:
            if self.layout == "dense":
                for block in _rows(archive.open("X"), (self._shape[0], self._shape[1]), nbytes):
                    self.consumed += block.nbytes
                    yield block
            else:
                yield from self._sparse_blocks(archive, nbytes)

    def labels(self) -> np.ndarray:
        """Return the labels."""
        assert self._y is not None
        return self._y

    def _sparse_blocks(self, archive: _Archive, nbytes: int) -> Iterator[Matrix]:
        from scipy.sparse import csr_array

        values, indices, pointers = (archive.open(name) for name in _CSR[:3])
        rows = self._shape[0]
        ends = pointers.take(rows + 1).astype(np.int64)
        per_entry = values.dtype.itemsize + indices.dtype.itemsize + 8
        first = 0
        while first < rows:
            room = ends[first] + max(1, nbytes // per_entry)
            last = max(first + 1, int(np.searchsorted(ends, room, side="right")) - 1)
            count = int(ends[last] - ends[first])
            parts = (values.take(count), indices.take(count), ends[first : last + 1] - ends[first])
            try:
                X = csr_array(parts, shape=(last - first, self._shape[1]))
                X.check_format(full_check=True)
            except ValueError as error:
                raise DataError(f"{self._path}: not a valid CSR matrix ({error})") from error
            X.sum_duplicates()
            self.consumed += count * per_entry
            yield X
            first = last


class _Archive:
    """Members of an ``.npz`` file as streams, several at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _Archive:
        try:
            self._zip = zipfile.ZipFile(self._path)
        except DAMAGE as error:
            raise DataError(f"{self._path}: not a readable .npz file ({error})") from error
        self.names = {name.removesuffix(".npy") for name in self._zip.namelist()}
        return self

    def __exit__(self, *caught: object) -> None:
        self._zip.close()

    def has(self, names: tuple[str, ...]) -> bool:
        """Return whether all members are there."""
        return self.names.issuperset(names)

    def open(self, name: str) -> ArrayStream:
        """Open one member."""
        return ArrayStream(self._zip.open(f"{name}.npy"), f"{self._path} ({name})")


def _small_members(path: Path) -> tuple[np.ndarray | None, np.ndarray | None, str | None]:
    """Return y, weights and the name of the sparse format."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            y, weights = (
                np.asarray(archive[key], np.float64) if key in archive.files else None
                for key in ("y", "weights")
            )
            kind = archive["format"].item() if "format" in archive.files else None
    except DAMAGE as error:
        raise DataError(f"{path}: not a readable .npz file ({error})") from error
    return y, weights, kind.decode() if isinstance(kind, bytes) else kind


def _matrix_shape(source: ArrayStream, path: Path) -> tuple[int, int]:
    if len(source.shape) != 2:
        raise DataError(f"{path}: shape {source.shape}; need a matrix, rows are examples")
    return int(source.shape[0]), int(source.shape[1])


def _rows(source: ArrayStream, shape: tuple[int, int], nbytes: int) -> Iterator[np.ndarray]:
    rows, columns = shape
    step = max(1, nbytes // max(1, columns * max(source.dtype.itemsize, 8)))
    for first in range(0, rows, step):
        count = min(step, rows - first)
        block = source.take(count * columns).reshape(count, columns)
        yield block if block.dtype.kind == "f" else block.astype(np.float64)


def _target(path: str | None) -> np.ndarray | None:
    if path is None:
        return None
    return np.asarray(read_array(existing_file(path, "data.target_path")), np.float64)
