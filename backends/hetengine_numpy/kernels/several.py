"""One pass over the rows for several models: what waits for memory once serves them all.

Dense rows are taken in tiles that stay in a core's first cache, four models at a time, so that an
element of the data is loaded once for all four.
"""

from __future__ import annotations

import numba
import numpy as np

from hetengine_numpy.kernels.losses import losses
from hetengine_numpy.kernels.passes import slopes
from hetengine_numpy.kernels.rows import SUMS, by_feature

_GROUP = 4
_TILE = 512


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def _add_scores(values, first, count, begin, end, steps, scores):
    """Add the products of a tile to the scores of a group, shape (group, length)."""
    w0, w1 = steps[0, begin:end], steps[1, begin:end]
    w2, w3 = steps[2, begin:end], steps[3, begin:end]
    zero = steps.dtype.type(0)
    for k in range(0, count, 2):
        odd = min(k + 1, count - 1)
        x, y = values[first + k, begin:end], values[first + odd, begin:end]
        a0, a1, a2, a3, b0, b1, b2, b3 = zero, zero, zero, zero, zero, zero, zero, zero
        for j in range(x.size):
            p, q = x[j], y[j]
            a0 += p * w0[j]
            b0 += q * w0[j]
            a1 += p * w1[j]
            b1 += q * w1[j]
            a2 += p * w2[j]
            b2 += q * w2[j]
            a3 += p * w3[j]
            b3 += q * w3[j]
        if odd > k:
            scores[0, odd] += b0
            scores[1, odd] += b1
            scores[2, odd] += b2
            scores[3, odd] += b3
        scores[0, k] += a0
        scores[1, k] += a1
        scores[2, k] += a2
        scores[3, k] += a3


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def _add_gradients(values, first, count, begin, end, factors, scratch):
    """Add a tile of rows times the factors of a group to its scratch, shape (group, d)."""
    k = 0
    while k + 4 <= count:
        x0, x1 = values[first + k, begin:end], values[first + k + 1, begin:end]
        x2, x3 = values[first + k + 2, begin:end], values[first + k + 3, begin:end]
        for m in range(_GROUP):
            g = scratch[m, begin:end]
            f0, f1 = factors[m, k], factors[m, k + 1]
            f2, f3 = factors[m, k + 2], factors[m, k + 3]
            for j in range(g.size):
                g[j] += f0 * x0[j] + f1 * x1[j] + f2 * x2[j] + f3 * x3[j]
        k += 4
    while k < count:
        x0 = values[first + k, begin:end]
        for m in range(_GROUP):
            g, f0 = scratch[m, begin:end], factors[m, k]
            for j in range(g.size):
                g[j] += f0 * x0[j]
        k += 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _group(
    values, first, count, steps, base, target, weight, kind, scores, slope, sums, changes, factors,
    scratch,
):  # fmt: skip
    """Do one run of dense rows for four models."""
    d = values.shape[1]
    changes[:] = 0
    scratch[:] = 0
    for begin in range(0, d, _TILE):
        _add_scores(values, first, count, begin, min(begin + _TILE, d), steps, changes)
    for m in range(_GROUP):
        for k in range(count):
            scores[m, first + k] = base[first + k] + changes[m, k] + steps[m, d]
        sums[m, d + 1] += losses(kind, scores[m], first, count, target, weight, slope[m])
        for k in range(count):
            factors[m, k] = slope[m, first + k]
            sums[m, d] += slope[m, first + k]
    for begin in range(0, d, _TILE):
        _add_gradients(values, first, count, begin, min(begin + _TILE, d), factors, scratch)
    for m in range(_GROUP):
        for j in range(d):
            sums[m, j] += scratch[m, j]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def slopes_of_several(
    rows, runs, length, first, last, steps, base, target, weight, kind, partial, scores, slope,
    sums,
):  # fmt: skip
    """Do what `hetengine_numpy.kernels.passes.slopes` does for m models, run by run.

    Parameters
    ----------
    rows, runs, length, first, last, base, target, weight, kind, partial
        As for `slopes`.
    steps : ndarray, shape (m, d + 1)
        Change of the coefficients of each model from those that ``base`` belongs to.
    scores, slope : ndarray of float64, shape (m, n)
        Get the scores and the slopes.
    sums : ndarray of float64, shape (m, d + 2)
        Grow by the gradients and, in the last column, the summed losses.
    """
    n = weight.size
    rowwise = len(rows) == 1 and not by_feature(rows)
    grouped = steps.shape[0] // _GROUP * _GROUP if rowwise else 0
    width = sums.shape[1] - 2 if grouped else 0
    changes = np.empty((_GROUP, length), steps.dtype)
    factors = np.empty((_GROUP, length), partial.dtype)
    scratch = np.empty((_GROUP, width), partial.dtype)
    for r in range(first, last):
        a = runs[r]
        if len(rows) == 1:
            for k in range(0, grouped, _GROUP):
                end = k + _GROUP
                _group(
                    rows[0], a, min(length, n - a), steps[k:end], base, target, weight, kind,
                    scores[k:end], slope[k:end], sums[k:end], changes, factors, scratch,
                )  # fmt: skip
        for k in range(grouped, steps.shape[0]):
            sums[k, -1] += slopes(
                rows, runs, length, r, r + 1, steps[k], base, target, weight, kind, partial,
                scores[k], slope[k], sums[k, :-1],
            )  # fmt: skip
