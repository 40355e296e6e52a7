"""``.npz`` archives as sources: members are read from the front, several at a time."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from hetengine.data.arrays import DAMAGE
from hetengine.data.config import DataConfig
from hetengine.data.dataset import Matrix
from hetengine.data.files import existing_file, set_name
from hetengine.errors import DataError
from hetengine.store.sources.arrays import ArrayStream, matrix_shape, rows_of, target_of
from hetengine.store.spool import SparseSpool

_PARTS = ("data", "indices", "indptr", "shape")
_FORMATS = ("csr", "csc", None)


class Npz:
    """A dense, CSR or CSC matrix in an ``.npz`` archive; members as for ``data=npz``.

    Columns of a CSC matrix are turned into rows by way of the disk.

    Parameters
    ----------
    config : DataConfig
        With path and target_path.
    scratch : pathlib.Path, optional
        Folder for that; the one of temporary files by default.

    Attributes
    ----------
    weights : ndarray of float64 or None
        The archive's own.
    """

    base = 0

    def __init__(self, config: DataConfig, scratch: Path | None = None) -> None:
        self._path = existing_file(str(config.path), "data.path")
        self._scratch = scratch
        y, weights, format_name = _small_members(self._path)
        self._y = target_of(config.target_path) if config.target_path is not None else y
        if self._y is None:
            raise DataError(f"{self._path}: no member 'y'; add it or set data.target_path=FILE.npy")
        self.weights = weights
        with _Archive(self._path) as archive:
            dense = "X" in archive.names
            if not dense and (format_name not in _FORMATS or not archive.has(_PARTS)):
                raise DataError(
                    f"{self._path}: needs a member X, or data, indices, indptr and shape of a CSR "
                    "or CSC matrix; write it with scipy.sparse.save_npz(FILE, X.tocsr())"
                )
            self._by_column = format_name == "csc"
            self.layout = "dense" if dense else "sparse"
            self._shape = (
                matrix_shape(archive.open("X"), self._path)
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
                for block in rows_of(archive.open("X"), (self._shape[0], self._shape[1]), nbytes):
                    self.consumed += block.nbytes
                    yield block
            elif self._by_column:
                yield from self._turned(archive, nbytes)
            else:
                yield from self._compressed(archive, self._shape, nbytes)

    def labels(self) -> np.ndarray:
        """Return the labels."""
        assert self._y is not None
        return self._y

    def _compressed(
        self, archive: _Archive, shape: tuple[int, ...], nbytes: int
    ) -> Iterator[Matrix]:
        """Yield some lines of a CSR matrix at a time; those of a CSC one are its columns."""
        from scipy.sparse import csr_array

        values, indices, pointers = (archive.open(name) for name in _PARTS[:3])
        lines = shape[0]
        ends = pointers.take(lines + 1).astype(np.int64)
        per_entry = values.dtype.itemsize + indices.dtype.itemsize + 8
        first = 0
        while first < lines:
            room = ends[first] + max(1, nbytes // per_entry)
            last = max(first + 1, int(np.searchsorted(ends, room, side="right")) - 1)
            count = int(ends[last] - ends[first])
            parts = (values.take(count), indices.take(count), ends[first : last + 1] - ends[first])
            try:
                X = csr_array(parts, shape=(last - first, shape[1]))
                X.check_format(full_check=True)
            except ValueError as error:
                kind = "CSC" if self._by_column else "CSR"
                raise DataError(f"{self._path}: not a valid {kind} matrix ({error})") from error
            X.sum_duplicates()
            self.consumed += count * per_entry
            yield X
            first = last

    def _turned(self, archive: _Archive, nbytes: int) -> Iterator[Matrix]:
        """Put columns down by tile and take rows up."""
        from scipy.sparse import csr_array

        rows, columns = self._shape
        dtype = np.result_type(archive.open("data").dtype, np.float32)
        with (
            TemporaryDirectory(prefix=".hetengine-", dir=self._scratch) as folder,
            closing(SparseSpool(Path(folder) / "columns.bin", dtype, "primal")) as spool,
        ):
            for X in self._compressed(archive, (columns, rows), nbytes):
                spool.add(X)
            for part in spool.parts(rows, 0, nbytes):
                ends = np.append(part.starts, part.values.size)
                parts = (part.values, part.indices.astype(np.int64), ends)
                yield csr_array(parts, shape=(part.count, columns))


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
