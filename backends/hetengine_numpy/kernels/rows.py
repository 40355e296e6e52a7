"""Products with rows of the data as they lie, dense or sparse, one source for both.

``rows`` is a tuple of arrays: ``(values,)`` with one row per example, or ``(values, indices,
starts, lens)`` with example i in ``[starts[i], starts[i] + lens[i])``. Its length, and in which
order dense values lie, is known when a kernel is compiled, so the branch that does not apply costs
nothing. Vectors that meet the rows have one more element than the rows: the last one belongs to a
constant feature. For dense values in Fortran order see `hetengine_numpy.kernels.columns`.
"""

from __future__ import annotations

import numba
import numpy as np

from hetengine_numpy.kernels.fetch import fetch

# Sums may be reordered (that is what lets a dot product use the vector unit); NaN and Inf keep
# their meaning, because a diverging run has to be noticed.
SUMS = {"reassoc", "contract", "nsz"}

_LINE_ELEMENTS = 16
_LINE_BYTES = 64
_FETCHED_BYTES = 4096
_AHEAD = 8
_DENSE_AHEAD = 4
_AHEAD_BYTES = 32768  # of dense rows on their way, well within the second cache
_LEAST_AHEAD, _MOST_AHEAD = 2, 16


@numba.njit(cache=True, nogil=True)
def by_feature(rows):
    """Return whether dense values lie feature by feature instead of row by row.

    To be asked within a branch for dense rows: only that one is not compiled for sparse ones.
    """
    return not rows[0].flags.c_contiguous


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def dot(rows, i, w):
    """Return ``x_i . w``, without the constant feature."""
    total = w.dtype.type(0)
    if len(rows) == 1:
        row = rows[0][i]
        for k in range(row.size):
            total += row[k] * w[k]
    else:
        first = np.uint64(rows[2][i])
        for k in range(first, first + np.uint64(rows[3][i])):
            total += rows[0][k] * w[rows[1][k]]
    return total


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def add(rows, i, factor, w):
    """Add ``factor x_i`` to w, without the constant feature; factor has the type of w."""
    if len(rows) == 1:
        row = rows[0][i]
        for k in range(row.size):
            w[k] += factor * row[k]
    else:
        first = np.uint64(rows[2][i])
        for k in range(first, first + np.uint64(rows[3][i])):
            w[rows[1][k]] += factor * rows[0][k]


@numba.njit(cache=True, nogil=True)
def ahead_of(rows):
    """Return how many rows before it is due a row is asked for.

    The hardware alone does not fetch dense rows fast enough where every row is worked on for longer
    than it takes to read it.
    """
    if len(rows) == 1:
        nbytes = max(rows[0].shape[1] * rows[0].itemsize, 1)
        return max(_LEAST_AHEAD, min(_MOST_AHEAD, _AHEAD_BYTES // nbytes))
    return _AHEAD


@numba.njit(cache=True, nogil=True)
def ask_for(rows, i):
    """Ask for a row; of a long one for its beginning, the hardware finds the rest itself.

    Parameters
    ----------
    rows : tuple of ndarray
        See `hetengine_numpy.kernels.rows`.
    i : int
    """
    if len(rows) == 1:
        row = rows[0][i]
        line = np.uint64(_LINE_BYTES // row.itemsize)
        k, last = np.uint64(0), np.uint64(min(row.size, _FETCHED_BYTES // row.itemsize))
        while k < last:
            fetch(row, k)  # type: ignore[call-arg]
            k += line
    else:
        first = np.uint64(rows[2][i])
        last = first + np.uint64(rows[3][i])
        while first < last:
            fetch(rows[0], first)  # type: ignore[call-arg]
            fetch(rows[1], first)  # type: ignore[call-arg]
            first += np.uint64(_LINE_ELEMENTS)


@numba.njit(cache=True, nogil=True)
def ask_for_next(rows, order, s):
    """Ask for a dense row of an order that is due soon; for neighbours the hardware does so."""
    if s + _DENSE_AHEAD < order.size and order[s + _DENSE_AHEAD] != order[s] + _DENSE_AHEAD:
        ask_for(rows, order[s + _DENSE_AHEAD])


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def add_run(rows, first, count, factors, w, total):
    """Add ``sum_k factors[k] x_{first + k}`` to ``total`` (float64), constant feature included.

    Dense rows are summed in the precision of w (scratch) and factors within the run, four at a time
    so that w is read and written a quarter as often, and in float64 across runs.
    """
    if len(rows) == 1:
        values, d, k = rows[0], rows[0].shape[1], 0
        w[:] = 0
        while k + 4 <= count:
            x0, x1 = values[first + k], values[first + k + 1]
            x2, x3 = values[first + k + 2], values[first + k + 3]
            f0, f1, f2, f3 = factors[k], factors[k + 1], factors[k + 2], factors[k + 3]
            for j in range(d):
                w[j] += f0 * x0[j] + f1 * x1[j] + f2 * x2[j] + f3 * x3[j]
            k += 4
        while k < count:
            x, f = values[first + k], factors[k]
            for j in range(d):
                w[j] += f * x[j]
            k += 1
        for j in range(d):
            total[j] += w[j]
    else:
        for k in range(count):
            if factors[k] != 0:
                add(rows, first + k, np.float64(factors[k]), total)
    for k in range(count):
        total[-1] += factors[k]
