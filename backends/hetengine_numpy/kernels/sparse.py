"""Kernels for sparse columns: column i is ``values/indices[starts[i] : starts[i] + lens[i]]``.

Row indices are uint32: an unsigned index needs no wrap-around test, which halves the time of the
gather loops.
"""

from __future__ import annotations

import numba
import numpy as np

from hetengine_numpy.kernels.coordinate import gap, shuffle, update

_SUMS = {"reassoc", "contract", "nsz"}


@numba.njit(cache=True, nogil=True, fastmath=_SUMS)
def _dot(values, indices, w):
    total = w.dtype.type(0)
    for j in range(values.size):
        total += values[j] * w[indices[j]]
    return total


@numba.njit(cache=True, nogil=True, fastmath=_SUMS)
def _add(w, scale, values, indices):
    for j in range(values.size):
        w[indices[j]] += scale * values[j]


@numba.njit(cache=True, nogil=True)
def gaps(values, indices, starts, lens, ids, w, alpha, p, q, kind, bound, u_out, gap_out):
    """Products u_i and gaps of the listed columns, for one frozen (alpha, w)."""
    for k in range(ids.size):
        i = ids[k]
        a, b = starts[i], starts[i] + lens[i]
        u = np.float64(_dot(values[a:b], indices[a:b], w))
        u_out[i] = u
        gap_out[i] = gap(kind, alpha[i], u, p[i], q[i], bound)


@numba.njit(cache=True, nogil=True)
def epoch(
    values,
    indices,
    starts,
    lens,
    order,
    alpha,
    h,
    p,
    q,
    gap_out,
    w,
    kind,
    smoothness,
    sigma,
    bound,
    seed,
):
    """Pass once over the listed slots in a fresh order; return gaps met and elements moved."""
    shuffle(order, seed)
    cell = np.empty(1, w.dtype)
    met = 0.0
    moved = 0
    for k in range(order.size):
        i = order[k]
        a, b = starts[i], starts[i] + lens[i]
        old = np.float64(alpha[i])
        u = np.float64(_dot(values[a:b], indices[a:b], w))
        g = gap(kind, old, u, p[i], q[i], bound)
        gap_out[i] = g
        met += g
        alpha[i] = update(kind, old, u, sigma * h[i], p[i], q[i])
        delta = np.float64(alpha[i]) - old
        if delta != 0.0:
            cell[0] = smoothness * sigma * delta
            _add(w, cell[0], values[a:b], indices[a:b])
            moved += b - a
    return met, moved


@numba.njit(cache=True, nogil=True)
def pack(values, indices, starts, lens, ids, ship_values, ship_indices):
    """Gather the listed columns one after another into a shipment."""
    at = 0
    for k in range(ids.size):
        a, n = starts[ids[k]], lens[ids[k]]
        ship_values[at : at + n] = values[a : a + n]
        ship_indices[at : at + n] = indices[a : a + n]
        at += n


@numba.njit(cache=True, nogil=True)
def unpack(
    ship_slots,
    ship_params,
    ship_starts,
    ship_lens,
    ship_values,
    ship_indices,
    values,
    indices,
    starts,
    lens,
    alpha,
    h,
    p,
    q,
):
    """Scatter a shipment into its slots and extents."""
    at = 0
    for k in range(ship_slots.size):
        slot, a, n = ship_slots[k], ship_starts[k], ship_lens[k]
        values[a : a + n] = ship_values[at : at + n]
        indices[a : a + n] = ship_indices[at : at + n]
        at += n
        starts[slot] = a
        lens[slot] = n
        alpha[slot] = ship_params[4 * k]
        h[slot] = ship_params[4 * k + 1]
        p[slot] = ship_params[4 * k + 2]
        q[slot] = ship_params[4 * k + 3]


@numba.njit(cache=True, nogil=True)
def compact(values, indices, starts, lens, order):
    """Move the listed slots' extents down to close all gaps; ``order`` ascends by start."""
    at = 0
    for k in range(order.size):
        slot = order[k]
        a, n = starts[slot], lens[slot]
        if a != at:
            for j in range(n):
                values[at + j] = values[a + j]
                indices[at + j] = indices[a + j]
            starts[slot] = at
        at += n


@numba.njit(cache=True, nogil=True)
def combine(values, indices, starts, lens, ids, alpha, smoothness, w):
    """Add L times the listed columns, weighted by alpha, to w."""
    for k in range(ids.size):
        i = ids[k]
        a, b = starts[i], starts[i] + lens[i]
        _add(w, smoothness * alpha[i], values[a:b], indices[a:b])


@numba.njit(cache=True, nogil=True)
def square_norms(values, indices, starts, lens, ids, out):
    """Squared Euclidean norms of the listed columns, summed in float64."""
    for k in range(ids.size):
        i = ids[k]
        total = 0.0
        for j in range(starts[i], starts[i] + lens[i]):
            total += np.float64(values[j]) * np.float64(values[j])
        out[i] = total
