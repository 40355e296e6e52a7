"""Visits to examples one after another: the step of each, and what hides memory behind it.

A visit is a product with w, a few operations that wait for it, and a change of w that the next
product waits for. So the change for one example and the product with the next are one loop, and
rows are asked for long before they are due: a core that waits for main memory in every visit uses a
third of what memory could deliver.
"""

from __future__ import annotations

import numba
import numpy as np

from hetengine_numpy.kernels.rows import SUMS, add, ahead_of, ask_for, dot

#: Entries of one thread's line of ``sums``.
CHANGE, MET, GAINED, CHANGED = range(4)

_MOST = 1e30


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def _square(rows, i):
    """Return ``||x_i||^2``."""
    total = rows[0].dtype.type(0)
    if len(rows) == 1:
        row = rows[0][i]
        for k in range(row.size):
            total += row[k] * row[k]
    else:
        first = np.uint64(rows[2][i])
        for k in range(first, first + np.uint64(rows[3][i])):
            total += rows[0][k] * rows[0][k]
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _inverse_curvature(square, rate):
    """Return ``lam / ||x_i||^2``; a large number for an empty row, whose b goes to a bound."""
    return min(1.0 / (rate * square), _MOST) if square > 0.0 else _MOST


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def _add_and_dot(rows, i, factor, w, j):
    """Add ``factor x_i`` to w; return ``x_j . w`` after that."""
    if len(rows) == 1:
        old, new = rows[0][i], rows[0][j]
        total = w.dtype.type(0)
        for k in range(old.size):
            value = w[k] + factor * old[k]
            w[k] = value
            total += new[k] * value
        return total
    add(rows, i, factor, w)
    return dot(rows, j, w)


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def visit(rows, order, span, state, w, rate, sigma, constant, sums):
    """Maximise the dual over the coordinates ``order[first:last]`` in turn.

    Parameters
    ----------
    rows, order, state, rate, constant
        As for `hetengine_numpy.kernels.ascent.ascend`.
    span : tuple of int
        First position, the one after the last, and the position that is visited after these.
    w : ndarray, shape (at least d + 1,)
        Shared vector; the constant feature's is ``w[d]``.
    sigma : float
        By how much steps are damped.
    sums : ndarray of float64, shape (at least 4,)
        Grows by the change of margins, the gap met, the rise of the sum of b and the changes of b.
    """
    label, weight, inverse, b, margin = state
    first, last, then = span
    change, met, gained, changed = 0.0, 0.0, 0.0, 0
    ahead, own = ahead_of(rows), w.size - 1
    score = dot(rows, order[first], w)
    for s in range(first, last):
        soon = s + ahead if s + ahead < last else s + ahead - last + then
        if soon < order.size:
            ask_for(rows, order[soon])
        i = order[s]
        if inverse[i] == 0.0:
            inverse[i] = _inverse_curvature(_square(rows, i) + constant, rate)
        g = label[i] * (score + w[own]) - label.dtype.type(1)
        change += abs(g - margin[i])
        margin[i] = g
        old, c = b[i], weight[i]
        met += old * g + c * max(-g, 0.0)
        b[i] = min(c, max(0.0, old - g * inverse[i] / sigma))
        delta = np.float64(b[i]) - np.float64(old)
        following = order[min(s + 1, last - 1)]
        if delta != 0.0:
            factor = w.dtype.type(sigma * rate * label[i] * delta)
            w[own] += w.dtype.type(constant) * factor
            score = _add_and_dot(rows, i, factor, w, following)
            gained += delta
            changed += 1
        else:
            score = dot(rows, following, w)
    sums[CHANGE] += change
    sums[MET] += met
    sums[GAINED] += gained
    sums[CHANGED] += changed
