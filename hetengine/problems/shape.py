"""Columns without data: only their sizes, for planning runs that do not fit this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hetengine.errors import UsageError


@dataclass(frozen=True, slots=True, eq=False)
class ShapeColumns:
    """The sizes of a matrix ``A`` (d, n) that is not there (``mode=dry``).

    Attributes
    ----------
    count, length : int
        n and d.
    dtype : dtype
        Type one value would have.
    density : float
        Share of entries that are stored; 1 means dense, below 1 sparse with equally long columns.
    """

    count: int
    length: int
    dtype: np.dtype
    density: float = 1.0

    def __post_init__(self) -> None:
        if self.count < 1 or self.length < 1:
            raise UsageError(f"a shape of {self.length} x {self.count} must be at least 1 x 1")
        if not 0 < self.density <= 1:
            raise UsageError(f"density={self.density} must be in (0, 1]")

    @property
    def layout(self) -> str:
        """Return ``'dense'`` at density 1, else ``'sparse'``."""
        return "dense" if self.density == 1 else "sparse"

    @property
    def column_entries(self) -> int:
        """Return the stored entries of one column."""
        return max(1, round(self.density * self.length))

    @property
    def nnz(self) -> int:
        """Return the number of stored entries."""
        return self.count * self.column_entries

    @property
    def nbytes(self) -> int:
        """Return the bytes of all columns, the sum of `column_nbytes`."""
        return self.nnz * self._entry_nbytes

    @property
    def _entry_nbytes(self) -> int:
        return np.dtype(self.dtype).itemsize + (0 if self.layout == "dense" else 4)

    def column_nbytes(self, ids: ArrayLike | None = None) -> NDArray[np.int64]:
        """Return the bytes each column would take.

        Parameters
        ----------
        ids : array_like of int, optional
            Coordinates; all by default.

        Returns
        -------
        ndarray of int64
        """
        count = self.count if ids is None else np.size(ids)
        return np.full(count, self.column_entries * self._entry_nbytes, dtype=np.int64)

    def square_norms(self) -> NDArray[np.float64]:
        """Return the nominal ``||a_i||^2`` of entries of size 1: the entries of a column.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        return np.full(self.count, float(self.column_entries))

    def dot(self, w: ArrayLike) -> NDArray[np.float64]:
        """Refuse: there is no data to multiply with.

        Parameters
        ----------
        w : array_like, shape (d,)

        Raises
        ------
        UsageError
            Always.
        """
        self._refuse("A^T w")

    def combine(self, alpha: ArrayLike) -> NDArray[np.float64]:
        """Refuse: there is no data to multiply with.

        Parameters
        ----------
        alpha : array_like, shape (n,)

        Raises
        ------
        UsageError
            Always.
        """
        self._refuse("A alpha")

    def _refuse(self, what: str) -> NoReturn:
        raise UsageError(
            f"{what} was asked of a {self.length} x {self.count} shape without data; "
            "mode=dry computes no numbers, use mode=execute or mode=simulate"
        )
