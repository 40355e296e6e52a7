"""A symmetric matrix and a Cholesky factor of it in the memory of one matrix.

The matrix keeps its lower triangle and, beside the array, its diagonal; the factor is made in the
upper triangle, once per strength of a penalty. Memory matters: with thousands of features either of
them is a sizeable part of the data.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Solve = Callable[[np.ndarray], np.ndarray]

_STRIPE = 256  # rows at once, where a temporary of the whole matrix would be too much
# Of the mean diagonal element, where rounding has made the matrix indefinite; one not finite
# stays so, and the pass that meets it says what is wrong with the data.
_RIDGES = (0.0, 1e-6, 1e-4, 1e-2)


class SharedTriangles:
    """A positive semidefinite matrix that is factorised where it lies.

    Parameters
    ----------
    matrix : ndarray of float32 or float64, shape (n, n), C order
        Symmetric; it belongs to this object from now on.
    """

    def __init__(self, matrix: np.ndarray) -> None:
        self._array = matrix
        self._diagonal = matrix.diagonal().astype(np.float64)
        self._whole = True

    def subtract(self, vector: np.ndarray, factor: float) -> None:
        """Take ``factor vector vector^T`` off the matrix.

        Parameters
        ----------
        vector : ndarray of float64, shape (n,)
        factor : float
        """
        for first in range(0, vector.size, _STRIPE):
            stripe = slice(first, first + _STRIPE)
            self._array[stripe] -= factor * np.outer(vector[stripe], vector)
        self._diagonal -= factor * vector**2

    def likeness(self) -> float:
        """Return the sum of the squares of all correlations but those with themselves.

        A correlation is an element over the roots of the two diagonal elements beside it.
        """
        scale, total = self.scale().astype(self._array.dtype), 0.0
        for first in range(0, scale.size, _STRIPE):
            stripe = slice(first, first + _STRIPE)
            part = self._array[stripe] * scale
            part *= scale[stripe, None]
            total += float(np.vdot(part, part))
        return total - float(np.count_nonzero(scale))

    def emptied(self) -> np.ndarray:
        """Return the array, all 0, for another matrix; this object must not be used again."""
        self._array[...] = 0.0
        return self._array

    def scale(self) -> np.ndarray:
        """Return what makes each diagonal element 1, and 0 for those that are 0."""
        diagonal = self._diagonal
        return np.divide(1.0, np.sqrt(diagonal), out=np.zeros(diagonal.size), where=diagonal > 0)

    def shrink(self, share: float) -> None:
        """Take a share off every element that is not on the diagonal.

        Parameters
        ----------
        share : float
            From 0 to 1.
        """
        self._array *= 1.0 - share

    def factorised(self, penalty: np.ndarray) -> Solve:
        """Return what applies the inverse of the matrix plus ``diag(penalty)``.

        It reads the factor in this object: the next call of this method ends it.

        Parameters
        ----------
        penalty : ndarray of float64, shape (n,)
            Where it is 0, the coordinate is held: its row and column are those of the identity.
        """
        from scipy.linalg import get_blas_funcs, get_lapack_funcs

        (potrf,) = get_lapack_funcs(("potrf",), (self._array,))
        (trsv,) = get_blas_funcs(("trsv",), (self._array,))
        # To LAPACK, which counts by columns, the upper triangle is the lower one.
        factor, mean = self._array.T, float(self._diagonal.mean())
        for share in _RIDGES:
            self._prepare(penalty, share * mean)
            if potrf(factor, lower=1, clean=0, overwrite_a=1)[1] == 0:
                break

        def solve(vector: np.ndarray) -> np.ndarray:
            half = trsv(factor, vector, lower=1)
            return trsv(factor, half, lower=1, trans=1, overwrite_x=1).astype(np.float64)

        return solve

    def _prepare(self, penalty: np.ndarray, ridge: float) -> None:
        """Write the matrix to be factorised into the upper triangle."""
        array, size = self._array, penalty.size
        for first in range(0, 0 if self._whole else size, _STRIPE):
            last = min(first + _STRIPE, size)
            array[first:last, last:] = array[last:, first:last].T
            block = array[first:last, first:last]
            block[...] = np.tril(block, -1) + np.tril(block, -1).T
        self._whole = False
        array[np.diag_indices(size)] = self._diagonal + penalty + ridge
        for held in np.flatnonzero(penalty <= 0):
            array[:held, held] = array[held, held + 1 :] = 0.0
            array[held, held] = 1.0
