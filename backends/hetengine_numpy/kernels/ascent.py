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
from hetengine_numpy.kernels.rows import SUMS
from hetengine_numpy.kernels.visit import CHANGE, CHANGED, GAINED, MET, visit

#: Entries of ``control``: what the threads of one call agree on.
COUNT, SIGMA, SEEN, DUAL, EPOCHS, VISITS, MOVED, STOP, RISEN, SPENT = range(10)

_DAMPING = 1.5

#: Replicas of one thread: two for every other block, and what all threads knew before it.
_KNOWN = 2


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def _merge(replicas, thread, phase, sigma):
    """Add up what all threads changed in a block, into this thread's replicas.

    Every thread adds up all of w. What others have written is only read, and written again not
    before the next barrier: one barrier is enough for a block.
    """
    known, merged = replicas[thread, _KNOWN], replicas[thread, 1 - phase]
    share = known.dtype.type(1.0 / sigma)
    merged[:] = 0
    for t in range(replicas.shape[0]):
        theirs = replicas[t, phase]
        for k in range(known.size):
            merged[k] += theirs[k] - known[k]
    for k in range(known.size):
        known[k] += share * merged[k]
        merged[k] = known[k]


@numba.njit(cache=True, nogil=True)
def _part(tiles, first, team, block):
    """Return the tiles of this thread in the block of all threads that begins with ``first``."""
    thread, threads = team
    share = max(min(tiles - first, block * threads), 0)
    return first + share * thread // threads, first + share * (thread + 1) // threads


@numba.njit(cache=True, nogil=True)
def _epoch(rows, order, tour, plan, state, w, replicas, rate, constant, control, sums, sync):
    """Visit every tile of the tour once, all threads together; return barriers passed and phase."""
    tile, block, thread, passed, phase = plan
    threads = replicas.shape[0]
    count, sigma = np.int64(control[COUNT]), control[SIGMA] if threads > 1 else 1.0
    tiles, team = (count + tile - 1) // tile, (thread, threads)
    for first in range(0, tiles, block * threads):
        begin, end = _part(tiles, first, team, block)
        after, _ = _part(tiles, first + block * threads, team, block)
        into = w if threads == 1 else replicas[thread, phase, : w.size]
        for t in range(begin, end):
            following = t + 1 if t + 1 < end else after
            a = np.int64(tour[t]) * tile
            then = np.int64(tour[following]) * tile if following < tiles else order.size
            span = (a, min(a + tile, count), then)
            visit(rows, order, span, state, into, rate, sigma, constant, sums[thread])
        if threads > 1:
            passed = wait_for_all(sync, threads, passed)
            _merge(replicas, thread, phase, sigma)
            phase = 1 - phase
    if threads > 1 and thread == 0:
        w[:] = replicas[0, _KNOWN, : w.size]
    return passed, phase


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
    share, stage, allowance, most, hold, keep, enough = limits
    total = sums.sum(axis=0)
    sums[:, :] = 0.0
    count = np.int64(control[COUNT])
    control[SEEN] = total[MET]
    control[EPOCHS] += 1
    control[VISITS] += count
    control[MOVED] += total[CHANGED]
    control[RISEN] += total[GAINED]
    dual = _dual(control[RISEN], w, rate)
    if dual < control[DUAL] and sums.shape[0] > 1:
        control[SIGMA] = min(_DAMPING * control[SIGMA], np.float64(sums.shape[0]))
    control[DUAL] = dual
    if control[EPOCHS] >= hold and count > 0:
        control[COUNT] = _shrink(order, count, state, keep * total[CHANGE] / count)
    if total[MET] <= stage:
        control[SPENT] += control[COUNT]  # what the next epoch is going to cost
    # The dual value is at most the objective: what is small beside it is small beside that.
    done = total[MET] <= share * max(dual, 0.0) or control[SPENT] > allowance
    done = done or control[EPOCHS] >= most or control[COUNT] <= enough
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
    replicas : ndarray, shape (threads, 3, at least d + 1)
        Scratch of the type of w, whose rows begin with w; long enough that no two share a line.
    rate, constant : float
        ``1 / lam``, and 1 with a constant feature or 0.
    tile, block : int
        Examples of a tile; tiles per thread between merges.
    thread, seed : int
        Which thread this is; what the tours are drawn from.
    limits : tuple of float
        Gap to reach, as a share of the dual value; gap from which on visits are counted, and how
        many there may be then; most epochs, epochs before the first shrinking, shrinking threshold
        in mean changes of a margin, and number of examples that is left to the caller.
    control : ndarray of float64, shape (10,)
        Count, sigma', gap met, dual value, epochs, visits, changes of b, stop, sum of b, and visits
        counted; the caller sets count, sigma', dual value and sum of b.
    sums : ndarray of float64, shape (threads, at least 4)
        Scratch, zero.
    sync : ndarray of int64, shape (1,)
        Zero.
    """
    threads = replicas.shape[0]
    passed, phase = 0, 0
    while True:
        if thread == 0:
            tiles = (np.int64(control[COUNT]) + tile - 1) // tile
            for t in range(tiles):
                tour[t] = t
            shuffle(tour[:tiles], seed + np.int64(control[EPOCHS]))
        passed = wait_for_all(sync, threads, passed)
        plan = (tile, block, thread, passed, phase)
        passed, phase = _epoch(
            rows, order, tour, plan, state, w, replicas, rate, constant, control, sums, sync
        )
        passed = wait_for_all(sync, threads, passed)
        if thread == 0:
            _conclude(order, state, w, rate, limits, control, sums)
        passed = wait_for_all(sync, threads, passed)
        if control[STOP] != 0.0:
            return
