"""Dual ascent for the hinge loss on rows where they lie: epochs, merging and shrinking in one call.

The coordinate of example i is ``b_i = y_i alpha_i`` in [0, c_i] and ``m_i = y_i x_i . w`` its
margin. Each thread visits tiles of consecutive examples with its own replica of w; replicas are
merged every few tiles as ``w + sum_t (w_t - w) / sigma`` (SySCD, Ioannou et al., NeurIPS 2019; the
sigma' of CoCoA+, Ma et al., ICML 2015). Between epochs examples are left out that sit at a bound
and whose margin is further on the right side of 1 than a few times the mean change of a margin
within an epoch: what LIBLINEAR's shrinking does (Hsieh et al., ICML 2008), with a threshold that
follows from how far w still moves.
"""

from __future__ import annotations

import numba
import numpy as np

from hetengine_numpy.kernels.barrier import wait_for_all
from hetengine_numpy.kernels.coordinate import shuffle
from hetengine_numpy.kernels.rows import SUMS, add, dot, dot_and_square, fetch_row

#: Entries of ``control``: what the threads of one call agree on.
COUNT, SIGMA, MET, DUAL, EPOCHS, VISITS, MOVED, STOP, RISEN = range(9)

#: Entries of one thread's line of ``sums``.
_CHANGE, _MET, _GAINED, _MOVED = range(4)

_DAMPING = 1.5
_MOST = 1e30


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _inverse_curvature(square, rate):
    """Return ``lam / ||x_i||^2``; a large number for an empty row, whose b goes to a bound."""
    return min(1.0 / (rate * square), _MOST) if square > 0.0 else _MOST


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def _visit(rows, order, first, last, state, w, rate, sigma, constant, sums):
    """Maximise over the coordinates ``order[first:last]`` in turn."""
    label, weight, inverse, b, margin = state
    change, met, gained, moved = 0.0, 0.0, 0.0, 0
    for s in range(first, last):
        fetch_row(rows, order, s, last)
        i = order[s]
        if inverse[i] == 0.0:
            score, square = dot_and_square(rows, i, w)
            inverse[i] = _inverse_curvature(square + constant, rate)
        else:
            score = dot(rows, i, w)
        g = label[i] * (score + w[-1]) - label.dtype.type(1)
        change += abs(g - margin[i])
        margin[i] = g
        old, c = b[i], weight[i]
        met += old * g + c * max(-g, 0.0)
        b[i] = min(c, max(0.0, old - g * inverse[i] / sigma))
        delta = np.float64(b[i]) - np.float64(old)
        if delta != 0.0:
            factor = w.dtype.type(sigma * rate * label[i] * delta)
            add(rows, i, factor, w)
            w[-1] += w.dtype.type(constant) * factor
            gained += delta
            moved += 1
    sums[_CHANGE] += change
    sums[_MET] += met
    sums[_GAINED] += gained
    sums[_MOVED] += moved


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def _merge(w, replicas, thread, sigma):
    """Add up what all threads changed, for this thread's stretch of w."""
    threads, size = replicas.shape[0], w.size
    share = w.dtype.type(1.0 / sigma)
    for k in range(size * thread // threads, size * (thread + 1) // threads):
        total, old = w.dtype.type(0), w[k]
        for t in range(threads):
            total += replicas[t, k] - old
        w[k] = old + share * total
        for t in range(threads):
            replicas[t, k] = w[k]


@numba.njit(cache=True, nogil=True)
def _epoch(rows, order, tour, plan, state, w, replicas, rate, constant, control, sums, sync):
    """Visit every tile of the tour once, all threads together; return barriers passed."""
    tile, block, thread, passed = plan
    threads = replicas.shape[0]
    count, sigma = np.int64(control[COUNT]), control[SIGMA] if threads > 1 else 1.0
    tiles = (count + tile - 1) // tile
    mine = replicas[thread, : w.size]
    for first in range(0, tiles, block * threads):
        share = min(tiles - first, block * threads)
        begin, end = share * thread // threads, share * (thread + 1) // threads
        for t in range(first + begin, first + end):
            a = np.int64(tour[t]) * tile
            b = min(a + tile, count)
            into = w if threads == 1 else mine
            _visit(rows, order, a, b, state, into, rate, sigma, constant, sums[thread])
        if threads > 1:
            passed = wait_for_all(sync, threads, passed)
            _merge(w, replicas, thread, sigma)
            passed = wait_for_all(sync, threads, passed)
    return passed


@numba.njit(cache=True, nogil=True)
def _shrink(order, count, state, reach):
    """Keep, in order, what may still move; return how many."""
    _, weight, _, b, margin = state
    kept = 0
    for s in range(count):
        i = order[s]
        g = margin[i]
        # No branch: which examples are settled cannot be predicted.
        settled = ((b[i] <= 0.0) & (g > reach)) | ((b[i] >= weight[i]) & (g < -reach))
        order[kept] = i
        kept += 1 - np.int64(settled)
    return kept


@numba.njit(cache=True, nogil=True, fastmath=SUMS)
def _dual(gained, w, rate):
    """Sum of b minus ``lam / 2 ||w||^2``."""
    square = 0.0
    for k in range(w.size):
        square += np.float64(w[k]) * np.float64(w[k])
    return gained - 0.5 * square / rate


@numba.njit(cache=True, nogil=True)
def _conclude(order, state, w, rate, limits, control, sums):
    """Add up one epoch, shrink, damp where the dual fell, and decide whether to go on."""
    target, most, hold, keep, enough = limits
    total = sums.sum(axis=0)
    sums[:, :] = 0.0
    count = np.int64(control[COUNT])
    control[MET] = total[_MET]
    control[EPOCHS] += 1
    control[VISITS] += count
    control[MOVED] += total[_MOVED]
    if sums.shape[0] > 1:
        gained = control[RISEN] + total[_GAINED]
        dual = _dual(gained, w, rate)
        if dual < control[DUAL]:
            control[SIGMA] = min(_DAMPING * control[SIGMA], np.float64(sums.shape[0]))
        control[DUAL], control[RISEN] = dual, gained
    if control[EPOCHS] >= hold and count > 0:
        control[COUNT] = _shrink(order, count, state, keep * total[_CHANGE] / count)
    done = total[_MET] <= target or control[EPOCHS] >= most or control[COUNT] <= enough
    control[STOP] = 1.0 if done else 0.0


@numba.njit(cache=True, nogil=True)
def ascend(
    rows, order, tour, state, w, replicas, rate, constant, tile, block, thread, seed, limits,
    control, sums, sync,
):  # fmt: skip
    """Run epochs in one of the threads until a limit is reached; every thread calls it.

    Parameters
    ----------
    rows : tuple of ndarray
        See `hetengine_numpy.kernels.rows`.
    order : ndarray of int32
        Examples to visit; what is shrunk away is lost from it.
    tour : ndarray of int32
        Scratch, one entry per tile.
    state : tuple of ndarray, each of shape (n,) and the type of the rows
        y, c, ``lam / ||x||^2`` (0 where it is not known yet), b, and the margin minus 1 as last
        seen.
    w : ndarray, shape (d + 1,)
        Shared vector, ``X^T (y b) / lam``; the last element is the constant feature's.
    replicas : ndarray, shape (threads, at least d + 1)
        Scratch of the type of w, whose rows begin with w; long enough that no two share a line.
    rate, constant : float
        ``1 / lam``, and 1 with a constant feature or 0.
    tile, block : int
        Examples of a tile; tiles per thread between merges.
    thread, seed : int
        Which thread this is; what the tours are drawn from.
    limits : tuple of float
        Gap to reach, most epochs, epochs before the first shrinking, shrinking threshold in mean
        changes of a margin, and number of examples that is left to the caller.
    control : ndarray of float64, shape (9,)
        Count, sigma', gap met, dual value, epochs, visits, changes of b, stop and sum of b; the
        caller sets count, sigma', dual value and sum of b.
    sums : ndarray of float64, shape (threads, at least 4)
        Scratch, zero.
    sync : ndarray of int64, shape (1,)
        Zero.
    """
    threads = replicas.shape[0]
    passed = 0
    while True:
        if thread == 0:
            tiles = (np.int64(control[COUNT]) + tile - 1) // tile
            for t in range(tiles):
                tour[t] = t
            shuffle(tour[:tiles], seed + np.int64(control[EPOCHS]))
        passed = wait_for_all(sync, threads, passed)
        plan = (tile, block, thread, passed)
        passed = _epoch(
            rows, order, tour, plan, state, w, replicas, rate, constant, control, sums, sync
        )
        passed = wait_for_all(sync, threads, passed)
        if thread == 0:
            _conclude(order, state, w, rate, limits, control, sums)
        passed = wait_for_all(sync, threads, passed)
        if control[STOP] != 0.0:
            return
