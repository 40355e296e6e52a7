"""Products with dense data that lie by feature, as arrays in Fortran order do.

``columns`` has one contiguous row per feature. A run of examples is a short piece of each of them:
pieces are asked for ahead, because the hardware finds none of them by itself.
"""

from __future__ import annotations

import numba

from hetengine_numpy.kernels.fetch import fetch
from hetengine_numpy.kernels.rows import SUMS

_LINE_BYTES = 64
_AHEAD = 4


@numba.njit(cache=True, nogil=True)
def _ask_for(columns, j, first, count):
    """Ask for a piece of a feature that is due soon."""
    if j < columns.shape[0]:
        column = columns[j]
        for k in range(first, first + count, _LINE_BYTES // columns.itemsize):
            fetch(column, k)  # type: ignore[call-arg]


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def scores(columns, first, count, w, out):
    """Put ``x_i . w``, constant feature included, of some examples into ``out``.

    Features whose coefficient is 0 are not read.
    """
    total = out[:count]
    total[:] = w[-1]
    j, d, end = 0, columns.shape[0], first + count
    while j + 4 <= d:
        w0, w1, w2, w3 = w[j], w[j + 1], w[j + 2], w[j + 3]
        if w0 != 0 or w1 != 0 or w2 != 0 or w3 != 0:
            for ahead in range(_AHEAD, _AHEAD + 4):
                _ask_for(columns, j + ahead, first, count)
            x0, x1 = columns[j][first:end], columns[j + 1][first:end]
            x2, x3 = columns[j + 2][first:end], columns[j + 3][first:end]
            for k in range(count):
                total[k] += w0 * x0[k] + w1 * x1[k] + w2 * x2[k] + w3 * x3[k]
        j += 4
    while j < d:
        x, factor = columns[j][first:end], w[j]
        for k in range(count):
            total[k] += factor * x[k]
        j += 1


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def add_run(columns, first, count, factors, total):
    """Add ``sum_k factors[k] x_{first + k}`` to ``total`` (float64), constant feature included."""
    f = factors[:count]
    for j in range(columns.shape[0]):
        _ask_for(columns, j + _AHEAD, first, count)
        x, partial = columns[j][first : first + count], f.dtype.type(0)
        for k in range(count):
            partial += f[k] * x[k]
        total[j] += partial
    for k in range(count):
        total[-1] += f[k]


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def moments(columns, first, count, slope, weight, sums):
    """Do what `hetengine_numpy.kernels.passes.moments` does for some examples."""
    s = slope[first : first + count].astype(columns.dtype)
    c = weight[first : first + count].astype(columns.dtype)
    zero = columns.dtype.type(0)
    for j in range(columns.shape[0]):
        _ask_for(columns, j + _AHEAD, first, count)
        x = columns[j][first : first + count]
        by_slope, by_weight, squares = zero, zero, zero
        for k in range(count):
            by_slope += s[k] * x[k]
            by_weight += c[k] * x[k]
            squares += c[k] * x[k] * x[k]
        sums[j, 0] += by_slope
        sums[j, 1] += squares
        if sums.shape[1] > 2:
            sums[j, 2] += by_weight
