"""From any source of rows to a column store, in bounded memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hetengine.data.dataset import Matrix, is_dense
from hetengine.data.validate import check_target, check_weights
from hetengine.errors import DataError
from hetengine.problems.dense import DenseColumns
from hetengine.problems.matrix import columns_of
from hetengine.store.finish import SECONDS_BETWEEN_WORDS, seal
from hetengine.store.header import Header
from hetengine.store.place import new_directory
from hetengine.store.products import Part
from hetengine.store.sources.source import Source
from hetengine.store.sources.typed import typed
from hetengine.store.spool import DenseSpool, SparseSpool
from hetengine.store.store import scale_of
from hetengine.store.writer import ColumnWriter

LEAST_MEMORY_BYTES = 16 << 20
_SHARE = 6
"""A block, its finite and typed copies, its transpose and the group being written: all at once."""


@dataclass(frozen=True, slots=True)
class Request:
    """What kind of store is wanted.

    Attributes
    ----------
    side : {'primal', 'dual'}
        Whether its columns are features or examples.
    dtype : numpy.dtype
        Float32 or float64.
    intercept : bool
        Store a constant.
    weights : ndarray of float64, shape (N,), or None
        Example weights.
    threshold : float or None
        Turn labels into classes: +1 above it, -1 otherwise.
    memory_bytes : int
        What the conversion may use for data.
    """

    side: str
    dtype: np.dtype[Any]
    intercept: bool = False
    weights: NDArray[np.float64] | None = None
    threshold: float | None = None
    memory_bytes: int = 512_000_000

    @property
    def block_bytes(self) -> int:
        """Return the bytes of one block of rows or group of columns."""
        return max(1, self.memory_bytes // _SHARE)


def convert(
    source: Source, request: Request, out: Path, *, force: bool, say: Callable[[str], None]
) -> Header:
    """Write a store.

    Parameters
    ----------
    source : Source
        Where rows and labels come from.
    request : Request
        What kind of store.
    out : pathlib.Path
        Where it goes; nothing is there before it is whole.
    force : bool
        Replace a store that is there.
    say : callable
        Hears of progress, every few seconds.

    Returns
    -------
    Header
        Of the new store.

    Raises
    ------
    DataError
        If the source cannot be used.
    UsageError
        If the place is taken.
    """
    with new_directory(out, force=force) as directory:
        writer = ColumnWriter(directory, source.layout)
        with closing(writer):
            job = _Conversion(source, request, directory.parent / "spool.bin", say)
            for part in job.parts():
                writer.append(part)
            marks, arrays = writer.finish()
        (directory.parent / "spool.bin").unlink(missing_ok=True)
        labels = job.labels()
        side, features = request.side, job.features
        extra = int(request.intercept)
        header = Header(
            name=source.name,
            side=side,
            layout=source.layout,
            dtype=request.dtype.name,
            rows=job.rows,
            features=features,
            intercept=request.intercept,
            weighted=request.weights is not None,
            count=features + extra if side == "primal" else job.rows,
            length=job.rows if side == "primal" else features + extra,
            nnz=writer.nnz,
            files=marks,
        )
        kept: dict[str, NDArray[Any]] = {**arrays, "labels": labels}
        if request.weights is not None:
            kept["weights"] = request.weights
        return seal(directory, header, kept, say)


class _Conversion:
    """One reading of a source, handed on column by column."""

    def __init__(
        self, source: Source, request: Request, spool: Path, say: Callable[[str], None]
    ) -> None:
        self._source = source
        self._request = request
        self._spool = spool
        self._say = say
        self._told = time.monotonic()
        self._scale: NDArray[np.float64] | None = None
        if request.weights is not None and request.side == "primal":
            self._scale = np.sqrt(scale_of(request.weights.size, request.weights))
        self.rows = 0

    @property
    def features(self) -> int:
        """Return P, once everything has been read."""
        return self._source.columns or 1

    def labels(self) -> NDArray[np.float64]:
        """Return the checked labels, once everything has been read."""
        source, request = self._source, self._request
        labels = np.ascontiguousarray(source.labels(), np.float64)
        check_target(labels, self.rows, source.name)
        if request.weights is not None:
            check_weights(request.weights, self.rows, source.name)
        if request.threshold is not None:
            labels = np.where(labels > request.threshold, 1.0, -1.0)
        return labels

    def parts(self) -> Iterator[Part]:
        """Yield the columns of the store."""
        source, request = self._source, self._request
        dual = request.side == "dual"
        if dual and (source.layout == "dense" or (source.columns is not None and not source.base)):
            for X in self._blocks():
                yield self._rows_as_columns(X, self.features)
        elif source.layout == "dense":
            yield from self._dense_features()
        else:
            yield from self._sparse_spooled()
        if self.rows == 0:
            raise DataError(f"{source.name}: no rows; need at least one example")
        if request.intercept and not dual:
            yield self._constant()

    def _dense_features(self) -> Iterator[Part]:
        with closing(DenseSpool(self._spool, self._request.dtype)) as spool:
            for X in self._blocks():
                spool.add(X)
            yield from spool.parts(self._request.block_bytes)

    def _sparse_spooled(self) -> Iterator[Part]:
        request, source = self._request, self._source
        with closing(SparseSpool(self._spool, request.dtype, request.side)) as spool:
            for X in self._blocks():
                spool.add(X)
            for part in spool.parts(self.features, source.base, request.block_bytes):
                if request.side == "dual" and request.intercept:
                    yield _with_constant(part)
                else:
                    yield part

    def _rows_as_columns(self, X: Matrix, width: int) -> Part:
        ones = np.ones(X.shape[0]) if self._request.intercept else None
        if not is_dense(X) and X.shape[1] != width:
            X.resize((X.shape[0], width))
        part = columns_of(X, "dual", self._request.dtype, append=ones)
        assert isinstance(part, Part)
        return part

    def _constant(self) -> Part:
        """Return the column of a constant, in the layout of the others."""
        root = np.ones(self.rows) if self._scale is None else self._scale
        column = root.astype(self._request.dtype)
        if self._source.layout == "dense":
            return DenseColumns(column[None, :])
        from scipy.sparse import csr_array

        part = columns_of(csr_array(column[None, :]), "dual", self._request.dtype)
        assert isinstance(part, Part)
        return part

    def _blocks(self) -> Iterator[Matrix]:
        """Read blocks of rows, checked, typed and scaled."""
        source = self._source
        for block in source.blocks(self._request.block_bytes):
            X = typed(block, self._request.dtype, source.name, self.rows)
            rows = slice(self.rows, self.rows + X.shape[0])
            self.rows = rows.stop
            yield X if self._scale is None else _scaled(X, self._scale[rows], source.name)
            self._tell()

    def _tell(self) -> None:
        if time.monotonic() - self._told < SECONDS_BETWEEN_WORDS:
            return
        self._told = time.monotonic()
        whole = self._source.nbytes
        share = f" of {whole / 1e9:.2f}" if whole else ""
        self._say(f"read {self._source.consumed / 1e9:.2f}{share} GB, {self.rows:,} rows")


def _scaled(X: Matrix, root: NDArray[np.float64], name: str) -> Matrix:
    """Scale rows."""
    if root.size != X.shape[0]:
        raise DataError(f"{name}: more rows than weights; need one per row")
    if is_dense(X):
        return np.multiply(X, root[:, None], out=np.empty_like(X), casting="unsafe")
    from scipy.sparse import csr_array

    values = (X.data * np.repeat(root, np.diff(X.indptr))).astype(X.dtype)
    return csr_array((values, X.indices, X.indptr), shape=X.shape)


def _with_constant(part: Part) -> Part:
    """Add one more entry, 1, at the end of every sparse column."""
    from hetengine.problems.sparse import SparseColumns

    assert isinstance(part, SparseColumns)
    ends = np.cumsum(part.lens, dtype=np.int64)
    lens = part.lens + 1
    return SparseColumns(
        np.insert(part.values, ends, 1),
        np.insert(part.indices, ends, part.length),
        np.cumsum(lens, dtype=np.int64) - lens,
        lens,
        part.length + 1,
    )
