"""Kernels for dense columns: ``values`` is (columns, d), each column contiguous."""

from __future__ import annotations

import numba
import numpy as np

from hetengine_numpy.kernels.coordinate import gap, shuffle, update
from hetengine_numpy.kernels.rows import ask_for_next

# Sums may be reordered (that is what lets a dot product use the vector unit); NaN and Inf keep
# their meaning, because a diverging run has to be noticed.
_SUMS = {"reassoc", "contract", "nsz"}


@numba.njit(cache=True, nogil=True, fastmath=_SUMS)
def _dot(column, w):
    total = w.dtype.type(0)
    for j in range(column.size):
        total += column[j] * w[j]
    return total


@numba.njit(cache=True, nogil=True, fastmath=_SUMS)
def _add(w, scale, column):
    for j in range(column.size):
        w[j] += scale * column[j]


@numba.njit(cache=True, nogil=True)
def gaps(values, ids, w, alpha, p, q, kind, bound, u_out, gap_out):
    """Products u_i and gaps of the listed columns, for one frozen (alpha, w)."""
    for k in range(ids.size):
        i = ids[k]
        u = np.float64(_dot(values[i], w))
        u_out[i] = u
        gap_out[i] = gap(kind, alpha[i], u, p[i], q[i], bound)


@numba.njit(cache=True, nogil=True)
def epoch(values, order, alpha, h, p, q, gap_out, w, kind, smoothness, sigma, bound, seed):
    """Pass once over the listed slots in a fresh order; return gaps met and elements moved."""
    shuffle(order, seed)
    cell = np.empty(1, w.dtype)
    met = 0.0
    moved = 0
    for k in range(order.size):
        ask_for_next((values,), order, k)
        i = order[k]
        old = np.float64(alpha[i])
        u = np.float64(_dot(values[i], w))
        g = gap(kind, old, u, p[i], q[i], bound)
        gap_out[i] = g
        met += g
        alpha[i] = update(kind, old, u, sigma * h[i], p[i], q[i])
        delta = np.float64(alpha[i]) - old
        if delta != 0.0:
            cell[0] = smoothness * sigma * delta
            _add(w, cell[0], values[i])
            moved += values.shape[1]
    return met, moved


@numba.njit(cache=True, nogil=True)
def pack(values, ids, ship_values):
    """Gather the listed columns one after another into a shipment."""
    d = values.shape[1]
    for k in range(ids.size):
        ship_values[k * d : (k + 1) * d] = values[ids[k]]


@numba.njit(cache=True, nogil=True)
def unpack(ship_slots, ship_params, ship_values, values, alpha, h, p, q):
    """Scatter a shipment into its slots."""
    d = values.shape[1]
    for k in range(ship_slots.size):
        slot = ship_slots[k]
        values[slot] = ship_values[k * d : (k + 1) * d]
        alpha[slot] = ship_params[4 * k]
        h[slot] = ship_params[4 * k + 1]
        p[slot] = ship_params[4 * k + 2]
        q[slot] = ship_params[4 * k + 3]


@numba.njit(cache=True, nogil=True)
def combine(values, ids, alpha, smoothness, w):
    """Add L times the listed columns, weighted by alpha, to w."""
    for k in range(ids.size):
        i = ids[k]
        _add(w, smoothness * alpha[i], values[i])


@numba.njit(cache=True, nogil=True)
def square_norms(values, ids, out):
    """Squared Euclidean norms of the listed columns, summed in float64."""
    for k in range(ids.size):
        column = values[ids[k]]
        total = 0.0
        for j in range(column.size):
            total += np.float64(column[j]) * np.float64(column[j])
        out[ids[k]] = total
