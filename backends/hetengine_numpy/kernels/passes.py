"""Passes over all examples, or a sample of them: each row is read once and serves every purpose.

Rows are taken in runs short enough to stay in a core's cache between the product that needs the
coefficients and the one that needs what follows from it. ``runs`` holds the first row of each run,
``[first, last)`` the runs of this call; a run ends after ``length`` rows or with the data.
"""

from __future__ import annotations

import numba
import numpy as np

from hetengine_numpy.kernels import columns
from hetengine_numpy.kernels.losses import losses
from hetengine_numpy.kernels.rows import SUMS, add, add_run, ahead_of, ask_for, by_feature, dot

_columns_add_run, _columns_moments = columns.add_run, columns.moments
_columns_scores = columns.scores


@numba.njit(cache=True, nogil=True)
def _width(rows, total):
    """Elements of the scratch vector `add_run` needs: none but for dense rows."""
    return 0 if len(rows) > 1 or by_feature(rows) else total.shape[0] - 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _scores(rows, first, count, w, scores):
    if len(rows) == 1 and by_feature(rows):
        _columns_scores(rows[0].T, first, count, w, scores)
        return
    constant = w[-1]
    for k in range(count):
        scores[k] = dot(rows, first + k, w) + constant


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add_run(rows, first, count, factors, scratch, total):
    if len(rows) == 1 and by_feature(rows):
        _columns_add_run(rows[0].T, first, count, factors, total)
        return
    add_run(rows, first, count, factors, scratch, total)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _weightless(weight, first, count):
    """Return whether no example of a run counts: it need not be read then."""
    heaviest = 0.0
    for i in range(first, first + count):
        heaviest = max(heaviest, weight[i])
    return heaviest == 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def slopes(
    rows, runs, length, first, last, step, base, target, weight, kind, partial, scores, slope,
    gradient,
):  # fmt: skip
    """Add ``X^T slope`` at scores ``base + X step`` to ``gradient``; return the summed loss.

    Scores are carried along in float64 from step to step, and products with rows are summed in the
    type of the step: with a first step in float64 and the others in that of the rows, scores are
    nearly those of float64, and steps far below the precision of float32 still count.

    Parameters
    ----------
    rows : tuple of ndarray
        See `hetengine_numpy.kernels.rows`.
    runs : ndarray of int64
        First row of each run.
    length, first, last : int
        Rows of a run; which runs to take.
    step : ndarray, shape (d + 1,)
        Change of the coefficients, the intercept's last; in float64 or the type of the rows.
    base : ndarray of float64, shape (n,)
        Scores before it.
    target, weight : ndarray of float64, shape (n,)
        y and c; runs without weight are skipped.
    kind : int
        Which loss.
    partial : ndarray, shape (0,)
        Of the type in which the gradient of one run is summed.
    scores, slope : ndarray of float64, shape (n,)
        Get the scores and the slopes.
    gradient : ndarray of float64, shape (d + 1,)
        Grows.

    Returns
    -------
    float
    """
    n = weight.size
    changes = np.empty(length, step.dtype)
    factors = np.empty(length, partial.dtype)
    scratch = np.empty(_width(rows, gradient), partial.dtype)
    total = 0.0
    for r in range(first, last):
        a = runs[r]
        m = min(length, n - a)
        if _weightless(weight, a, m):
            slope[a : a + m] = 0.0
            scores[a : a + m] = base[a : a + m]
            continue
        _scores(rows, a, m, step, changes)
        for k in range(m):
            scores[a + k] = base[a + k] + changes[k]
        total += losses(kind, scores, a, m, target, weight, slope)
        for k in range(m):
            factors[k] = slope[a + k]
        _add_run(rows, a, m, factors, scratch, gradient)
    return total


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def _dense_moments(values, first, count, slope, weight, sums, scratch):
    d = values.shape[1]
    scratch[:] = 0
    by_slope, by_weight, squares = scratch[0], scratch[1], scratch[2]
    for k in range(count):
        x = values[first + k]
        s, c = values.dtype.type(slope[first + k]), values.dtype.type(weight[first + k])
        for j in range(d):
            by_slope[j] += s * x[j]
            by_weight[j] += c * x[j]
            squares[j] += c * x[j] * x[j]
    for j in range(d):
        sums[j, 0] += by_slope[j]
        sums[j, 1] += squares[j]
        if sums.shape[1] > 2:
            sums[j, 2] += by_weight[j]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def moments(rows, runs, length, first, last, slope, weight, sums):
    """Add ``X^T slope``, ``(X * X)^T c`` and, if asked for, ``X^T c`` to the columns of ``sums``.

    Parameters
    ----------
    rows, runs, length, first, last
        As for `slopes`.
    slope, weight : ndarray of float64, shape (n,)
    sums : ndarray of float64, shape (d + 1, 2) or (d + 1, 4)
        Grows; four columns rather than three, the last unused, so that sparse rows touch one cache
        line per entry.
    """
    n, means = weight.size, sums.shape[1] > 2
    scratch = np.empty((3, _width(rows, sums)), rows[0].dtype)
    for r in range(first, last):
        a = runs[r]
        m = min(length, n - a)
        if _weightless(weight, a, m):
            continue
        if len(rows) == 1:
            if by_feature(rows):
                _columns_moments(rows[0].T, a, m, slope, weight, sums)
            else:
                _dense_moments(rows[0], a, m, slope, weight, sums, scratch)
        else:
            for i in range(a, a + m):
                s, c = slope[i], weight[i]
                start = np.uint64(rows[2][i])
                for k in range(start, start + np.uint64(rows[3][i])):
                    j, x = rows[1][k], np.float64(rows[0][k])
                    sums[j, 0] += s * x
                    sums[j, 1] += c * x * x
                    if means:
                        sums[j, 2] += c * x
        for i in range(a, a + m):
            sums[-1, 0] += slope[i]
            sums[-1, 1] += weight[i]
            if means:
                sums[-1, 2] += weight[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def hinge_gap(rows, runs, length, first, last, coef, b, label, weight, repair, margin, total):
    """Measure every example against one w: hinge losses, gaps and margins in one pass.

    Parameters
    ----------
    rows, runs, length, first, last
        As for `slopes`.
    coef : ndarray of float64, shape (d + 1,)
        w; products with it are summed in float64.
    b, label, weight : ndarray, shape (n,)
        Dual coordinates ``y alpha``, y and c.
    repair : bool
        Whether to add ``X^T (y b)`` to ``total`` as well.
    margin : ndarray, shape (n,)
        Gets ``y x . w - 1``.
    total : ndarray of float64, shape (d + 4,)
        Grows; its last three elements by the summed loss, the summed gap, and the summed change of
        the margins.
    """
    n, ahead = label.size, ahead_of(rows)
    scratch = np.zeros(coef.size - 1 if repair and len(rows) == 1 else 0, rows[0].dtype)
    lost, gap, change, constant = 0.0, 0.0, 0.0, 0.0
    for r in range(first, last):
        for i in range(runs[r], min(runs[r] + length, n)):
            if len(rows) == 1 and i + ahead < n:
                ask_for(rows, i + ahead)
            g = label[i] * (dot(rows, i, coef) + coef[-1]) - 1.0
            loss = weight[i] * max(-g, 0.0)
            lost += loss
            gap += b[i] * g + loss
            change += abs(g - margin[i])
            margin[i] = g
            factor = label[i] * b[i]
            if repair and factor != 0:
                constant += factor
                if len(rows) == 1:
                    add(rows, i, factor, scratch)
                else:
                    add(rows, i, np.float64(factor), total)
        for j in range(scratch.size):  # sums of a run are short enough for the type of the rows
            total[j] += scratch[j]
            scratch[j] = 0
    total[-4] += constant
    total[-3] += lost
    total[-2] += gap
    total[-1] += change
