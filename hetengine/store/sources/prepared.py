"""Sources whose rows are preprocessed on their way: statistics first, then the rows.

The steps are those of `hetengine.data.preprocess`, in the same order. Each step that needs numbers
of all rows reads the source once before the rows themselves are read, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from hetengine.data.config import DataConfig
from hetengine.data.dataset import Matrix, is_dense
from hetengine.data.preprocess import scale_columns, standardized, unit_rows
from hetengine.errors import UsageError
from hetengine.store.sources.moments import Moments
from hetengine.store.sources.source import Source
from hetengine.store.sources.typed import typed

_PARTS = 8
"""A dense block is changed in so many parts, because float64 copies of each are made."""


class Step(Protocol):
    """One step of preprocessing."""

    learns: bool

    def learn(self, X: Matrix) -> None:
        """Take in the next rows, as the steps before leave them."""
        ...

    def apply(self, X: Matrix) -> Matrix:
        """Return changed rows; dense ones are changed in place."""
        ...


class Tfidf:
    """Counts times ``ln((1 + rows) / (1 + document frequency)) + 1``."""

    learns = True

    def __init__(self) -> None:
        self._rows = 0
        self._frequency = np.zeros(0, np.int64)

    def learn(self, X: Matrix) -> None:
        """Count in how many rows each column is not zero."""
        own = np.bincount(X.indices[X.data != 0], minlength=self._frequency.size)
        own[: self._frequency.size] += self._frequency
        self._frequency = own
        self._rows += X.shape[0]

    def apply(self, X: Matrix) -> Matrix:
        """Weight the counts."""
        return scale_columns(X, np.log((1 + self._rows) / (1 + self._frequency)) + 1)


class Standardize:
    """Unit variance of every column; dense ones are centred too."""

    learns = True

    def __init__(self) -> None:
        self._moments = Moments()

    def learn(self, X: Matrix) -> None:
        """Add to the moments."""
        for part in parts_of(X):
            self._moments.add(part)

    def apply(self, X: Matrix) -> Matrix:
        """Divide by the deviation."""
        mean, deviation = self._moments.result()
        if not is_dense(X):
            return standardized(X, mean, deviation)
        for part in parts_of(X):
            standardized(part, mean, deviation)
        return X


class Normalize:
    """Unit Euclidean length of every row."""

    learns = False

    def learn(self, X: Matrix) -> None:
        """Do nothing: a row needs no other rows."""

    def apply(self, X: Matrix) -> Matrix:
        """Scale the rows."""
        if not is_dense(X):
            return unit_rows(X)
        for part in parts_of(X):
            unit_rows(part)
        return X


class Prepared:
    """A source with preprocessing.

    Parameters
    ----------
    make : callable
        Returns the source at its beginning; called once for every reading.
    config : DataConfig
        With tfidf, standardize and normalize.
    dtype : numpy.dtype
        Type of a value, in which the steps are taken.

    Attributes
    ----------
    weights : ndarray of float64 or None
        The source's own.

    Raises
    ------
    UsageError
        If tfidf is asked for on a dense source.
    """

    def __init__(
        self, make: Callable[[], Source], config: DataConfig, dtype: np.dtype[Any]
    ) -> None:
        self._make = make
        self._source = make()
        self._dtype = dtype
        if config.tfidf and self._source.layout == "dense":
            raise UsageError(
                f"data.tfidf=true needs sparse counts, but {self._source.name} is dense; "
                "set data.tfidf=false"
            )
        wanted = ((config.tfidf, Tfidf), (config.standardize, Standardize))
        self._steps: list[Step] = [kind() for asked, kind in wanted if asked]
        self._steps += [Normalize()] * config.normalize
        self._passes = 1 + sum(step.learns for step in self._steps)
        self._before = 0
        self.weights = getattr(self._source, "weights", None)

    @property
    def name(self) -> str:
        """Return the name of the data set."""
        return self._source.name

    @property
    def layout(self) -> str:
        """Return ``'dense'`` or ``'sparse'``."""
        return self._source.layout

    @property
    def columns(self) -> int | None:
        """Return the number of features, as soon as the source knows it."""
        return self._source.columns

    @property
    def base(self) -> int:
        """Return the number of the first feature in the blocks."""
        return self._source.base

    @property
    def nbytes(self) -> int | None:
        """Return the size of all readings together; None if nobody knows."""
        size = self._source.nbytes
        return None if size is None else self._passes * size

    @property
    def consumed(self) -> int:
        """Return how many of the ``nbytes`` have been read."""
        return self._before + self._source.consumed

    def blocks(self, nbytes: int) -> Iterator[Matrix]:
        """Read the source for every step that learns, then yield its rows, changed."""
        for k, step in enumerate(self._steps):
            if step.learns:
                for X in self._changed(nbytes, self._steps[:k]):
                    step.learn(X)
                self._before += self._source.consumed
                self._source = self._make()
        yield from self._changed(nbytes, self._steps)

    def labels(self) -> np.ndarray:
        """Return the labels of all rows."""
        return self._source.labels()

    def _changed(self, nbytes: int, steps: list[Step]) -> Iterator[Matrix]:
        """Read blocks of rows, check them, and take some steps."""
        row = 0
        for block in self._source.blocks(nbytes):
            X = typed(block, self._dtype, self.name, row, copy=True)
            row += block.shape[0]
            for step in steps:
                X = step.apply(X)
            yield X


def parts_of(X: Matrix) -> Iterator[Matrix]:
    """Yield the rows of a dense block in a few parts, views of it; a sparse one as a whole.

    Parameters
    ----------
    X : ndarray or csr_array, shape (k, columns)
        Some rows.
    """
    if not is_dense(X):
        yield X
        return
    step = max(1, -(-X.shape[0] // _PARTS))
    for first in range(0, X.shape[0], step):
        yield X[first : first + step]
