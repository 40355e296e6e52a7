"""The exact quadratic loss over some features of sparse rows, in no more memory than their entries.

It is kept as products of the features (a Gram matrix) while these are few beside their entries and
a small part of the data, and as the entries themselves, by feature, otherwise. Either is made from
the rows where they lie. Where all entries by feature are more than there is room for, features are
taken block by block, each from the rows anew.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from hetengine.solvers.resident.rows import Rows
from hetengine.solvers.worker import Process

_STRETCHES = 16  # of the rows, whose entries are counted apart so that threads can share them out
_STRETCH_ENTRIES = 32  # of a feature in a stretch, so that counts stay small beside entries
_MOST_EPOCHS = 1000
_SHARE, _LEAST_SHARE = 1.1, 0.15  # of the bytes of the data, for columns and vectors, for columns
_VECTORS = 18  # of the lengths of a row and of a column
_COLUMN_BYTES = 1 << 20  # that are always there
_GRAM_SHARE = 0.15  # of the bytes of the data
_GRAM_BYTES = 1 << 20  # that are always there
_EPOCH_RATIO = 2.0  # products that take no longer to visit than an entry of a column

#: Values, examples (uint32) and starts (int64): the entries of some features, by feature.
Columns = tuple[np.ndarray, np.ndarray, np.ndarray]


class SparseModel:
    """A squared loss over a growing set of features of sparse rows.

    Parameters
    ----------
    rows : Rows
        The data.
    runs : ndarray of int64
        Runs of the examples it stands for.
    root : ndarray of float64, shape (N,)
        Square roots of the weights.
    means : ndarray of float64, shape (d + 1,), or None
        ``X^T c`` where the constant is profiled out, the sum of weights last.

    Attributes
    ----------
    features : ndarray of int64, shape (k,)
        Those it knows, in the order they came.
    multiplied : bool
        Whether it has products; it has none again once they do not pay.
    gram : ndarray of float64, shape (k, k)
        Its Hessian; empty where it has no products.
    """

    def __init__(
        self, rows: Rows, runs: np.ndarray, root: np.ndarray, means: np.ndarray | None
    ) -> None:
        self._rows, self._runs, self._root, self._means = rows, runs, root, means
        stretches = rows.matrix.nnz // (_STRETCH_ENTRIES * rows.features)
        self._counts = np.empty((min(max(stretches, 1), _STRETCHES), 0), np.int64)
        self._columns: tuple[slice, Columns] | None = None
        self.features = np.empty(0, np.int64)
        self.multiplied = True
        self.gram = np.empty((0, 0))

    def grow(self, features: np.ndarray) -> Process:
        """Take in features it does not know."""
        old = self.features.size
        counts = np.zeros((self._counts.shape[0], features.size), np.int64)
        yield self._rows.count(self._runs, self._root, features, counts)
        self._counts = np.concatenate([self._counts, counts], axis=1)
        self.features = np.concatenate([self.features, features])
        self._columns = None
        if self.multiplied and self._products_pay():
            yield from self._multiply(old)
        else:
            self.multiplied, self.gram = False, np.empty((0, 0))

    def descend(
        self,
        penalties: tuple[float, float],
        beta: np.ndarray,
        u: np.ndarray,
        tolerance: float,
        possible: np.ndarray | None,
    ) -> Process:
        """Come nearer to its minimum with an l1 penalty; to the minimum if all entries have room.

        Parameters
        ----------
        penalties : tuple of float
            l1 and l2.
        beta, u : ndarray of float64, shape (k,)
            Coefficients, which follow, and the gradient of the loss at the start.
        tolerance : float
            Decrease of an epoch at which it ends.
        possible : ndarray of bool, shape (k,), or None
            False for features whose coefficient may stay where it is if that is 0.
        """
        visited = np.ones(beta.size, bool) if possible is None else possible | (beta != 0)
        means, mass = np.zeros(beta.size), 1.0
        if self._means is not None:
            means, mass = self._means[self.features], float(self._means[-1])
        z = np.zeros(self._rows.examples + 1)
        for block in self._blocks():
            columns = yield from self._transposed(block)
            yield self._rows.descend_columns(
                columns, np.flatnonzero(visited[block]), (means[block], mass), penalties,
                beta[block], u[block], z, tolerance, _MOST_EPOCHS,
            )  # fmt: skip

    def _products_pay(self) -> bool:
        """Whether products take little memory, and a descent on them less time."""
        cells = float(self.features.size) ** 2
        room = max(_GRAM_SHARE * self._rows.matrix.nbytes, _GRAM_BYTES)
        return 8.0 * cells <= room and cells <= _EPOCH_RATIO * float(self._counts.sum())

    def _multiply(self, old: int) -> Process:
        """Add the products of features that came after the first ``old`` ones."""
        size = self.features.size
        gram = np.zeros((size, size))
        gram[:old, :old] = self.gram
        self.gram, fresh = gram, gram[old:]
        entries = int(self._counts.sum())
        yield self._rows.products(self._runs, self._root, self.features, entries, fresh)
        if self._means is not None:
            means = self._means[self.features]
            fresh -= np.outer(means[old:], means) / self._means[-1]
        corner = fresh[:, old:]
        corner[...] = np.tril(corner)
        corner += np.tril(corner, -1).T
        gram[:old, old:] = fresh[:, :old].T

    def _blocks(self) -> list[slice]:
        """Return as few parts of the features as have room, one at a time, by their entries."""
        ends = np.cumsum(self._counts.sum(axis=0))
        total = int(ends[-1]) if ends.size else 0
        count = max(math.ceil(total * self._rows.element_bytes / _room(self._rows)), 1)
        bounds = np.searchsorted(ends, total * np.arange(1, count) / count)
        edges = np.unique(np.concatenate([[0], bounds, [ends.size]]))
        return [slice(first, last) for first, last in pairwise(edges.tolist())]

    def _transposed(self, block: slice) -> Process:
        """Return the columns of some features; only those of the last call are kept."""
        if self._columns is not None and self._columns[0] == block:
            return self._columns[1]
        self._columns = None  # before others are made: there is room for one block
        counts = self._counts[:, block]
        starts = np.zeros(counts.shape[1] + 1, np.int64)
        np.cumsum(counts.sum(axis=0), out=starts[1:])
        ends = np.cumsum(counts, axis=0)
        ends += starts[:-1] - counts  # where each stretch begins
        columns = (
            np.empty(int(starts[-1]), self._rows.real),
            np.empty(int(starts[-1]), np.uint32),
            starts,
        )
        features = self.features[block]
        yield self._rows.transpose(self._runs, self._root, features, ends, *columns[:2])
        self._columns = block, columns
        return columns


def _room(rows: Rows) -> float:
    """Return the bytes that columns may take, beside the data and the vectors of a solve."""
    nbytes = float(rows.matrix.nbytes)
    vectors = 8.0 * _VECTORS * (rows.examples + rows.features)
    room = min(max(_SHARE * nbytes - vectors, _LEAST_SHARE * nbytes), nbytes)
    return max(room, _COLUMN_BYTES)


def build_sparse(rows: Rows) -> Process:
    """Launch its kernels on nothing, so that they are compiled.

    Parameters
    ----------
    rows : Rows
    """
    none, root, nothing = rows.runs[:0], np.zeros(rows.examples), np.zeros(0)
    features = np.zeros(0, np.int64)
    counts = np.zeros((1, 0), np.int64)
    values, examples = np.empty(0, rows.real), np.empty(0, np.uint32)
    yield rows.count(none, root, features, counts)
    yield rows.transpose(none, root, features, counts, values, examples)
    yield rows.products(none, root, features, 0, np.zeros((0, 0)))
    arrays = values, examples, np.zeros(1, np.int64)
    mean, penalties = (nothing, 1.0), (1.0, 1.0)
    z = np.zeros(rows.examples + 1)
    yield rows.descend_columns(
        arrays, features, mean, penalties, nothing, nothing.copy(), z, 0.0, 1
    )
