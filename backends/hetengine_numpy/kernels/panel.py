"""Some features of a sample of the examples, side by side: what models of the loss are made of."""

from __future__ import annotations

import math

import numba
import numpy as np

from hetengine_numpy.kernels.passes import slopes
from hetengine_numpy.kernels.rows import SUMS, add_run, by_feature


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _gather_columns(columns, first, count, root, features, out):
    """Do one run of data that lie by feature."""
    end = first + count
    scale = root[first:end].astype(columns.dtype)
    for k in range(features.size):
        if features[k] < columns.shape[0]:
            column = columns[features[k]][first:end]
            for i in range(count):
                out[i, k] = scale[i] * column[i]
        else:
            for i in range(count):
                out[i, k] = scale[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def gather(rows, runs, length, first, last, root, features, place, out):
    """Copy the listed features of the examples in the runs, each example times ``root[i]``.

    Parameters
    ----------
    rows, runs, length, first, last
        As for `hetengine_numpy.kernels.passes.slopes`.
    root : ndarray of float64, shape (n,)
    features : ndarray of int64, shape (k,)
        Which; d stands for the constant feature.
    place : ndarray of int32, shape (d + 1,)
        Their positions in ``features``, -1 for all others.
    out : ndarray, shape (runs * length, k)
        Row ``r * length + i`` gets example i of run r; rows beyond the end of the data stay.
    """
    n, d = root.size, place.size - 1
    real = rows[0].dtype.type
    for r in range(first, last):
        if len(rows) == 1 and by_feature(rows):
            a, at = runs[r], r * length
            m = min(length, n - a)
            _gather_columns(rows[0].T, a, m, root, features, out[at : at + m])
            continue
        for i in range(runs[r], min(runs[r] + length, n)):
            line = out[r * length + i - runs[r]]
            scale = real(root[i])
            if len(rows) == 1:
                row = rows[0][i]
                for k in range(features.size):
                    line[k] = scale * (row[features[k]] if features[k] < d else real(1))
            else:
                line[:] = 0
                start = np.uint64(rows[2][i])
                for k in range(start, start + np.uint64(rows[3][i])):
                    at = place[rows[1][k]]
                    if at >= 0:
                        line[at] = scale * rows[0][k]
                if place[d] >= 0:
                    line[place[d]] = scale


@numba.njit(cache=True, nogil=True, error_model="numpy")
def slopes_and_gather(
    rows, runs, length, first, last, step, base, target, weight, kind, partial, scores, slope, root,
    features, place, out, gradient,
):  # fmt: skip
    """Do what `hetengine_numpy.kernels.passes.slopes` and `gather` do, run by run.

    What has come from memory for the one is in cache for the other, which by itself would wait
    longer for a few features of every row than for all of them.

    Parameters
    ----------
    rows, runs, length, first, last, step, base, target, weight, kind, partial, scores, slope
        As for `hetengine_numpy.kernels.passes.slopes`.
    root, features, place, out
        As for `gather`.
    gradient : ndarray of float64, shape (d + 1,)
        Grows.

    Returns
    -------
    float
        The summed loss.
    """
    total = 0.0
    for r in range(first, last):
        total += slopes(
            rows, runs, length, r, r + 1, step, base, target, weight, kind, partial, scores, slope,
            gradient,
        )  # fmt: skip
        gather(rows, runs, length, r, r + 1, root, features, place, out)
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def narrow_gram(left, right, length, first, last, sums):
    """Add ``left^T right`` to ``sums`` where ``right`` has few columns: libraries are slow then.

    Parameters
    ----------
    left : ndarray, shape (n, a)
    right : ndarray, shape (n, b)
    length : int
        Rows whose products are summed in the type of the panels.
    first, last : int
        Rows to take.
    sums : ndarray of float64, shape (b, a + 1)
        Grows in all but the last column; that gets the sums of ``right``.
    """
    factors, scratch = np.empty(length, left.dtype), np.empty(left.shape[1], left.dtype)
    for a in range(first, last, length):
        m = min(length, last - a)
        for j in range(right.shape[1]):
            for k in range(m):
                factors[k] = right[a + k, j]
            add_run((left,), a, m, factors, scratch, sums[j])


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def descend(gram, l1, l2, beta, u, tolerance, most):
    """Minimise ``u . x + x G x / 2 + l1 |beta + x|_1 + l2 / 2 |beta + x|^2`` over steps x.

    Cyclic coordinate descent on the Gram matrix (Friedman et al., JSS 2010, "covariance updates"):
    an epoch costs k products of length k for the coordinates that move, whatever the data's size.

    Parameters
    ----------
    gram : ndarray of float64, shape (k, k)
    l1, l2 : float
    beta, u : ndarray of float64, shape (k,)
        Coefficients and the gradient of the loss there; both follow the steps.
    tolerance : float
        Decrease of an epoch, summed over coordinates, at which it ends.
    most : int
        Most epochs.

    Returns
    -------
    int
        Epochs done.
    """
    for epoch in range(most):
        gained = 0.0
        for j in range(beta.size):
            h = gram[j, j] + l2
            if h <= 0.0:
                continue
            old = beta[j]
            pull = old * gram[j, j] - u[j]
            beta[j] = math.copysign(max(abs(pull) - l1, 0.0), pull) / h
            step = beta[j] - old
            if step != 0.0:
                line = gram[j]
                for k in range(u.size):
                    u[k] += step * line[k]
                gained += 0.5 * h * step * step
        if gained <= tolerance:
            return epoch + 1
    return most
