"""What happens to the Hessian of a model besides products: it is completed, and corrected.

Kernels of a team, see `hetengine_numpy.team`; every part has rows of its own.
"""

from __future__ import annotations

import numba

from hetengine_numpy.kernels.barrier import open_gate
from hetengine_numpy.kernels.rows import SUMS

_TILE = 32  # columns whose lines stay in cache while they are read across


@numba.njit(cache=True, nogil=True, error_model="numpy")
def mirror(gate, part, parts, gram, old, size):
    """Copy what is above the diagonal below it.

    Parameters
    ----------
    gram : ndarray of float64, shape (m, m)
    old, size : int
        Rows ``[old, size)`` are completed in their first ``old`` columns.
    """
    open_gate(gate, part)
    first, last = old * part // parts, old * (part + 1) // parts
    for begin in range(first, last, _TILE):
        end = min(begin + _TILE, last)
        for i in range(old, size):
            for j in range(begin, end):
                gram[i, j] = gram[j, i]


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def image(gate, part, parts, gram, moved, step, guess):
    """Write the product of a symmetric matrix and a vector.

    Parameters
    ----------
    gram : ndarray of float64, shape (m, m)
    moved : ndarray of int64
        Where the vector is not 0.
    step : ndarray of float64
        What it is there.
    guess : ndarray of float64, shape (k,)
        Gets the first k elements.
    """
    open_gate(gate, part)
    size = guess.size
    for i in range(size * part // parts, size * (part + 1) // parts):
        line, total = gram[i], 0.0
        for k in range(moved.size):
            total += line[moved[k]] * step[k]
        guess[i] = total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def correct(gate, part, parts, gram, change, product, guess, curvature):
    """Add ``change change^T / product - guess guess^T / curvature`` (BFGS).

    Parameters
    ----------
    gram : ndarray of float64, shape (m, m)
        Its first k rows and columns change.
    change, guess : ndarray of float64, shape (k,)
    product, curvature : float
    """
    open_gate(gate, part)
    size = guess.size
    for i in range(size * part // parts, size * (part + 1) // parts):
        line, gain, loss = gram[i], change[i] / product, guess[i] / curvature
        for k in range(size):
            line[k] += gain * change[k] - loss * guess[k]
