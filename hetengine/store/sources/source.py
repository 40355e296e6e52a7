"""What a source of rows offers to the conversion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from hetengine.data.dataset import Matrix


class Source(Protocol):
    """Rows of X with their labels, read once from the first to the last."""

    @property
    def name(self) -> str:
        """Return the name of the data set."""
        ...

    @property
    def layout(self) -> str:
        """Return ``'dense'`` or ``'sparse'``: what the blocks are."""
        ...

    @property
    def columns(self) -> int | None:
        """Return the number of features; None as long as only the last row can tell."""
        ...

    @property
    def base(self) -> int:
        """Return the number of the first feature in the blocks; final once all have been read."""
        ...

    @property
    def nbytes(self) -> int | None:
        """Return the size of what is read, for the progress; None if nobody knows."""
        ...

    def blocks(self, nbytes: int) -> Iterator[Matrix]:
        """Yield consecutive rows.

        Parameters
        ----------
        nbytes : int
            What a block should take at most.

        Yields
        ------
        ndarray or csr_array, shape (k, P)
            Sparse blocks may be narrower than P, never wider.
        """
        ...

    @property
    def consumed(self) -> int:
        """Return how many of the ``nbytes`` have been read."""
        ...

    def labels(self) -> np.ndarray:
        """Return the labels of all rows, float64, once all blocks have been read."""
        ...
