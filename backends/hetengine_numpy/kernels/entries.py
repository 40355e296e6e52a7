"""Some features of sparse rows, as columns of their entries or as products: never made dense.

``place`` maps a feature to its slot, its position among those that are wanted, or to -1. Rows
without weight are left out, so that what belongs to a slot is the same in all kernels.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from hetengine_numpy.kernels.rows import SUMS

_REST = 8  # epochs in one of which coordinates at 0 are looked at


@numba.njit(cache=True, nogil=True, error_model="numpy")
def count(rows, runs, length, first, last, root, place, counts):
    """Count the entries of each slot.

    Parameters
    ----------
    rows, runs, length, first, last
        As for `hetengine_numpy.kernels.passes.slopes`; sparse rows.
    root : ndarray of float64, shape (n,)
        Rows where it is 0 are left out.
    place : ndarray of int32, shape (d + 1,)
    counts : ndarray of int64, shape (k,)
        Grows.
    """
    n = root.size
    for r in range(first, last):
        for i in range(runs[r], min(runs[r] + length, n)):
            if root[i] == 0.0:
                continue
            start = np.uint64(rows[2][i])
            for e in range(start, start + np.uint64(rows[3][i])):
                at = place[rows[1][e]]
                if at >= 0:
                    counts[at] += 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def transpose(rows, runs, length, first, last, root, place, ends, values, examples):
    """Write the entries of each slot one after another, each times ``root`` of its example.

    Parameters
    ----------
    rows, runs, length, first, last, root, place
        As for `count`.
    ends : ndarray of int64, shape (k,)
        Where the next entry of each slot goes; moves on.
    values : ndarray, shape (m,)
        In the type of the rows.
    examples : ndarray of uint32, shape (m,)
    """
    n = root.size
    real = rows[0].dtype.type
    for r in range(first, last):
        for i in range(runs[r], min(runs[r] + length, n)):
            if root[i] == 0.0:
                continue
            scale = real(root[i])
            start = np.uint64(rows[2][i])
            for e in range(start, start + np.uint64(rows[3][i])):
                at = place[rows[1][e]]
                if at >= 0:
                    to = np.uint64(ends[at])
                    values[to] = scale * rows[0][e]
                    examples[to] = i
                    ends[at] += 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def products(rows, runs, length, first, last, root, place, old, stride, phase, out):
    """Add ``(A^T A)[old:]``, A having a column per slot, each example times ``root``.

    Only ``out[s, t]`` with ``t <= old + s`` grows: what is above the diagonal mirrors it.

    Parameters
    ----------
    rows, runs, length, first, last, root, place
        As for `count`.
    old : int
        Slots from the first whose products with each other are not wanted.
    stride, phase : int
        Only rows ``s`` of ``out`` are made with ``s % stride == phase``.
    out : ndarray of float64, shape (k - old, k)
    """
    n = root.size
    slots = np.empty(out.shape[1], np.int32)
    values = np.empty(out.shape[1])
    for r in range(first, last):
        for i in range(runs[r], min(runs[r] + length, n)):
            if root[i] == 0.0:
                continue
            found, fresh = 0, 0
            start = np.uint64(rows[2][i])
            for e in range(start, start + np.uint64(rows[3][i])):
                at = place[rows[1][e]]
                if at >= 0:
                    slots[found] = at
                    values[found] = np.float64(rows[0][e]) * root[i]
                    found += 1
                    fresh += at >= old
            if fresh == 0:
                continue
            for a in range(found):
                s = slots[a] - old
                if s >= 0 and (stride == 1 or s % stride == phase):
                    line, factor = out[s], values[a]
                    for b in range(found):
                        if slots[b] <= slots[a]:
                            line[slots[b]] += factor * values[b]


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def _product(values, examples, first, last, z):
    total = 0.0
    for e in range(first, last):
        total += np.float64(values[e]) * z[examples[e]]
    return total


@numba.njit(cache=True, nogil=True)
def _add(values, examples, first, last, step, z):
    for e in range(first, last):
        z[examples[e]] += step * values[e]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _diagonal(values, starts, means, mass):
    """Return the diagonal of the Hessian."""
    squares = np.zeros(means.size)
    for j in range(squares.size):
        for e in range(starts[j], starts[j + 1]):
            squares[j] += np.float64(values[e]) ** 2
        squares[j] -= means[j] * means[j] / mass
    return squares


@numba.njit(cache=True, nogil=True, error_model="numpy")
def descend(
    values, examples, starts, visited, means, mass, l1, l2, beta, u, z, tolerance, most,
):  # fmt: skip
    """Do what `hetengine_numpy.kernels.panel.descend` does, on columns in place of their products.

    The Hessian is ``A^T A - means means^T / mass``. Coordinates that are 0 and want to stay so are
    looked at in every eighth epoch only, and only after such an epoch does it end.

    Parameters
    ----------
    values, examples, starts
        Columns of A: entries and their rows, shape (m,), and where each begins, shape (k + 1,).
    visited : ndarray of int64
        Columns whose coordinates may move.
    means : ndarray of float64, shape (k,)
    mass, l1, l2 : float
    beta, u : ndarray of float64, shape (k,)
        Coefficients, which follow the steps, and the gradient of the loss at the start.
    z : ndarray of float64, shape (n + 1,)
        ``A`` times the change of all coefficients since u was measured, and the means times it;
        follows the steps.
    tolerance : float
        Decrease of an epoch, summed over coordinates, at which it ends.
    most : int
        Most epochs.

    Returns
    -------
    float
        Entries read or changed.
    """
    touched, along = 0.0, z[-1]
    squares = _diagonal(values, starts, means, mass)
    resting = np.zeros(beta.size, np.bool_)
    whole = True
    for epoch in range(most):
        gained = 0.0
        for v in range(visited.size):
            j = visited[v]
            h = squares[j] + l2
            if h <= 0.0 or (resting[j] and not whole):
                continue
            first, last = np.uint64(starts[j]), np.uint64(starts[j + 1])
            old = beta[j]
            slope = u[j] + _product(values, examples, first, last, z) - means[j] * along / mass
            touched += np.float64(last - first)
            pull = old * squares[j] - slope
            beta[j] = math.copysign(max(abs(pull) - l1, 0.0), pull) / h
            step = beta[j] - old
            resting[j] = old == 0.0 and step == 0.0
            if step != 0.0:
                _add(values, examples, first, last, step, z)
                touched += np.float64(last - first)
                along += means[j] * step
                gained += 0.5 * h * step * step
        if gained <= tolerance and whole:
            break
        whole = gained <= tolerance or epoch % _REST == _REST - 1
    z[-1] = along
    return touched
