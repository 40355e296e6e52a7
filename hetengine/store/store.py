"""An open column store: its header, its small arrays, and its columns on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hetengine.errors import UsageError
from hetengine.problems.stored import StoredColumns
from hetengine.store.blocks import BlockTable
from hetengine.store.file import ColumnFiles, aligned_bytes
from hetengine.store.header import Header, check_size, checked_array, read_header
from hetengine.store.plan import Piece, area_bytes, plan_reads

_AFFINE = 1e-12
"""Relative deviation up to which a vector counts as a combination of labels and constant."""


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """A column store open for reading; stands for the data matrix X (N, P).

    Attributes
    ----------
    path : pathlib.Path
        The directory.
    header : Header
        What it holds.
    table : BlockTable
        Where each column lies.
    files : ColumnFiles
        What reads them.
    y : ndarray of float64, shape (N,)
        Labels as they were read.
    weights : ndarray of float64, shape (N,), or None
        Example weights.
    square_norms : ndarray of float64, shape (n,)
        ``||a_i||^2``.
    label_products, constant_products : ndarray of float64, shape (P,) or (P + 1,)
        ``X^T S y`` and ``X^T S 1`` with S the weights scaled to mean 1; of the constant, too.
    verified : ndarray of bool, shape (blocks,)
        Blocks that were read as a whole and found right.
    """

    path: Path
    header: Header
    table: BlockTable
    files: ColumnFiles
    y: NDArray[np.float64]
    weights: NDArray[np.float64] | None
    square_norms: NDArray[np.float64]
    label_products: NDArray[np.float64]
    constant_products: NDArray[np.float64]
    verified: NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, int]:
        """Return N and P of the data, without a constant."""
        return self.header.rows, self.header.features

    @property
    def size(self) -> int:
        """Return the number of stored entries."""
        return self.header.nnz

    @property
    def nbytes(self) -> int:
        """Return the bytes of all columns."""
        return self.header.nbytes

    def stored_columns(
        self, side: str, dtype: DTypeLike, *, constant: bool, weighted: bool
    ) -> StoredColumns:
        """Return the columns for a problem, if they were stored for one like it.

        Parameters
        ----------
        side : {'primal', 'dual'}
            What the problem's coordinates are.
        dtype : float32 or float64
            Precision of the run.
        constant : bool
            Whether the problem fits a constant.
        weighted : bool
            Whether rows are to be scaled by the roots of weights (primal side).

        Raises
        ------
        UsageError
            If they were not; the message says how to write the store.
        """
        header = self.header
        again = "write another store with hetengine convert"
        if header.side != side:
            kind = {"primal": "features", "dual": "examples"}
            raise UsageError(
                f"{self.path} holds {kind[header.side]} as columns (--side {header.side}) and this "
                f"problem needs {kind[side]}; {again} --side {side}"
            )
        if np.dtype(header.dtype) != np.dtype(dtype):
            raise UsageError(
                f"{self.path} holds {header.dtype}; type precision={header.dtype}, or {again} "
                f"--precision {np.dtype(dtype)}"
            )
        if header.intercept != constant:
            flag = "--intercept" if constant else "without --intercept"
            raise UsageError(
                f"{self.path} has {'no' if constant else 'a'} constant column; type "
                f"problem.intercept={str(header.intercept).lower()}, or {again} {flag}"
            )
        if side == "primal" and header.weighted != weighted:
            raise UsageError(
                f"{self.path}: weights of a primal store are fixed when it is written; {again} "
                "data.weights_path=FILE.npy"
            )
        return StoredColumns(self)

    def all_columns(self) -> StoredColumns:
        """Return the columns, whatever they were stored for."""
        return StoredColumns(self)

    def plan(self, columns: NDArray[np.int64]) -> Iterator[Piece]:
        """Cut the reading of some columns, ascending, into pieces; see `plan_reads`."""
        return plan_reads(self.table, columns, self.verified, area_bytes(self.table))

    def landing_area(self) -> NDArray[np.uint8]:
        """Return memory that any piece fits."""
        return aligned_bytes(area_bytes(self.table))

    def transposed_product(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``X^T vector``, of the features alone; reads the store where it has to.

        Parameters
        ----------
        vector : ndarray of float64, shape (N,)
        """
        columns = StoredColumns(self)
        if self.header.side == "dual":
            return columns.combine(vector)[: self.header.features]
        root = np.sqrt(scale_of(self.y.size, self.weights))
        scaled = np.divide(vector, root, where=root > 0, out=np.zeros(root.size))
        return columns.dot(scaled)[: self.header.features]

    def known_product(self, vector: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return ``X^T vector`` from the header's products where vector is ``S (a y + b)``.

        On the primal side the vector is one for the scaled rows, ``root (a y + b)``.

        Parameters
        ----------
        vector : ndarray of float64, shape (N,)

        Returns
        -------
        ndarray of float64, shape (P,) or (P + 1,), or None
            None where the vector is no such combination.
        """
        scale = scale_of(self.y.size, self.weights)
        unit = np.sqrt(scale) if self.header.side == "primal" else scale
        basis = np.stack([unit * self.y, unit], axis=1)
        factors, *_ = np.linalg.lstsq(basis, vector, rcond=None)
        error = float(np.abs(basis @ factors - vector).max(initial=0.0))
        if error > _AFFINE * float(np.abs(vector).max(initial=0.0)):
            return None
        return factors[0] * self.label_products + factors[1] * self.constant_products

    def close(self) -> None:
        """Close its files."""
        self.files.close()


def open_store(path: Path) -> Store:
    """Open a store and check everything but its columns, which are checked as they are read.

    Parameters
    ----------
    path : pathlib.Path
        The directory.

    Raises
    ------
    DataError
        If it is no store, another version wrote it, or a file is missing, short or damaged.
    """
    header = read_header(path)
    for name, _ in header.streams:
        check_size(path / name, header.files[name])
    arrays = {
        name.removesuffix(".npy"): checked_array(path, name, mark)
        for name, mark in header.files.items()
        if name.endswith(".npy")
    }
    return opened(path, header, arrays)


def opened(path: Path, header: Header, arrays: Mapping[str, NDArray[Any]]) -> Store:
    """Return a store of parts that are known to be right.

    Parameters
    ----------
    path : pathlib.Path
        The directory with the columns.
    header : Header
        What it holds.
    arrays : mapping of str to ndarray
        The small arrays by name.
    """
    blocks = arrays["blocks"]
    firsts = np.append(blocks[:, 0], header.count).astype(np.int64)
    table = BlockTable.of(header, arrays.get("lens"), firsts, blocks[:, 1:].astype(np.uint32))
    return Store(
        path=path,
        header=header,
        table=table,
        files=ColumnFiles([path / name for name, _ in header.streams], table),
        y=arrays["labels"],
        weights=arrays.get("weights"),
        square_norms=arrays["square_norms"],
        label_products=arrays["label_products"],
        constant_products=arrays["constant_products"],
        verified=np.zeros(table.blocks, bool),
    )


def scale_of(rows: int, weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return example weights scaled to mean 1; ones where there are none."""
    return np.ones(rows) if weights is None else weights / weights.mean()
