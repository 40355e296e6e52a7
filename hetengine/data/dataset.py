"""What every loader returns and every problem is built from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

# numpy.ndarray or scipy.sparse.csr_array; SciPy ships no types, so a union would not be checked.
Matrix: TypeAlias = Any
FloatType: TypeAlias = "np.dtype[Any] | type[np.float32] | type[np.float64]"


def is_dense(X: Matrix) -> bool:
    """Return whether a matrix is a NumPy array rather than a sparse one.

    Examples
    --------
    >>> is_dense(np.eye(2))
    True
    """
    return isinstance(X, np.ndarray)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Examples with their labels, checked: finite, consistent sizes, something to learn from.

    Attributes
    ----------
    name : str
        Name for tables and ``summary.json``.
    X : numpy.ndarray or scipy.sparse.csr_array, shape (rows, columns)
        Float32 or float64. Dense is in C or Fortran order, as it came; sparse has sorted
        indices without duplicates.
    y : numpy.ndarray of float64, shape (rows,)
        Labels or targets as read; ``labels.binary_labels`` turns two classes into signs.
    weights : numpy.ndarray of float64, shape (rows,), or None
        Example weights, not normalised; None means all equal.
    test : Dataset or None
        Held-out examples with the same columns and the preprocessing learnt on the training ones.
    """

    name: str
    X: Matrix
    y: np.ndarray
    weights: np.ndarray | None = None
    test: Dataset | None = None

    @property
    def rows(self) -> int:
        """Number of examples."""
        return int(self.X.shape[0])

    @property
    def columns(self) -> int:
        """Number of features."""
        return int(self.X.shape[1])

    @property
    def nnz(self) -> int:
        """Stored entries of X: all of them where it is dense."""
        return int(self.X.size)

    @property
    def nbytes(self) -> int:
        """Bytes of X, with its index arrays where it is sparse."""
        X = self.X
        if is_dense(X):
            return int(X.nbytes)
        return int(X.data.nbytes + X.indices.nbytes + X.indptr.nbytes)
