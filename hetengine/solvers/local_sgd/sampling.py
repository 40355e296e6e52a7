"""Which samples each worker gets for a period.

Uniform workers get disjoint shares of one permutation. The ``hard`` classes get the samples of
largest loss among a pool of uniformly drawn candidates (arXiv 2508.08540 as released; power of
choice, applied to samples). ``proportional`` workers draw with replacement with probability
proportional to the loss; weights 1/(D p) make their expected gradient that of uniform sampling
(A. Katharopoulos, F. Fleuret, *Not All Samples Are Created Equal*, ICML 2018).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hetengine.solvers.local_sgd.classes import Member
from hetengine.solvers.local_sgd.policies import SamplingConfig


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """Samples of one worker, in the order in which it takes them.

    Attributes
    ----------
    ids : ndarray of int64, shape (m,)
        Samples.
    weights : ndarray of float64, shape (m,), or None
        Weight of each in the mean of a batch; None for 1.
    """

    ids: np.ndarray
    weights: np.ndarray | None = None


def deal(
    config: SamplingConfig,
    members: Sequence[Member],
    sizes: Mapping[int, int],
    losses: np.ndarray,
    rng: np.random.Generator,
) -> dict[int, Share]:
    """Deal samples out.

    Parameters
    ----------
    config : SamplingConfig
        Constants of the policies.
    members : sequence of Member
        Workers that take part, in order.
    sizes : mapping of int to int
        Samples due to each, by index.
    losses : ndarray, shape (D,)
        What is known; +inf for samples never seen.
    rng : numpy.random.Generator
        Source of every draw.

    Returns
    -------
    dict of int to Share
        By index. Where more samples are due than there are, some come twice.
    """
    samples = losses.size
    due = {member.index: sizes[member.index] for member in members}
    hard = [member for member in members if member.trains and member.sampling == "hard"]
    even = [member for member in members if member.trains and member.sampling == "uniform"]
    taken = hardest(losses, sum(due[m.index] for m in hard), config.rho, rng)
    shares = _cut(hard, due, taken)
    free = np.arange(samples)
    if hard and not config.overlap:
        free = np.setdiff1d(free, taken, assume_unique=False)
        free = free if free.size else np.arange(samples)
    shares |= _cut(even, due, permuted(free, sum(due[m.index] for m in even), rng))
    for member in members:
        if not member.trains:
            shares[member.index] = Share(permuted(np.arange(samples), due[member.index], rng))
        elif member.sampling == "proportional":
            shares[member.index] = proportional(config, losses, due[member.index], rng)
    return shares


def _cut(members: Sequence[Member], due: Mapping[int, int], ids: np.ndarray) -> dict[int, Share]:
    """Give each the next so many."""
    ends = np.cumsum([due[member.index] for member in members], dtype=np.int64)
    parts = np.split(ids, ends[:-1]) if members else []
    return {member.index: Share(part) for member, part in zip(members, parts, strict=True)}


def permuted(ids: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the first ``count`` of a permutation, and of further ones where that is not enough."""
    laps = max(1, -(-count // ids.size))
    return np.concatenate([rng.permutation(ids) for _ in range(laps)])[:count]


def hardest(losses: np.ndarray, count: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    """Take the samples of largest loss among a uniform pool of rho times as many.

    Parameters
    ----------
    losses : ndarray, shape (D,)
        +inf counts as largest; ties fall as the pool was drawn.
    count : int
        K.
    rho : float
        The pool has floor(rho K) samples, but not more than D.
    rng : numpy.random.Generator
        Draws the pool and shuffles what is taken.

    Returns
    -------
    ndarray of int64, shape (count,)
    """
    if count == 0:
        return np.empty(0, np.int64)
    pool = rng.permutation(losses.size)[: max(int(rho * count), count)]
    kept = min(count, pool.size)
    order = np.argsort(-losses[pool], kind="stable")
    return permuted(pool[order[:kept]], count, rng)


def proportional(
    config: SamplingConfig, losses: np.ndarray, count: int, rng: np.random.Generator
) -> Share:
    """Draw with replacement, a share ``floor`` of the probability uniform.

    A sample never seen counts as the largest loss that was.

    Parameters
    ----------
    config : SamplingConfig
        Floor, and whether to correct.
    losses : ndarray, shape (D,)
        What is known.
    count : int
        Draws.
    rng : numpy.random.Generator
        Source of the draws.
    """
    p = probabilities(losses, config.floor)
    steps = np.cumsum(p)
    ids = np.searchsorted(steps, rng.random(count) * steps[-1], side="right")
    ids = np.minimum(ids, losses.size - 1)
    return Share(ids, 1.0 / (losses.size * p[ids]) if config.correction else None)


def probabilities(losses: np.ndarray, floor: float) -> np.ndarray:
    """Return the probability of each sample, shape (D,).

    Parameters
    ----------
    losses : ndarray, shape (D,)
        What is known.
    floor : float
        Share that is uniform.
    """
    seen = np.isfinite(losses)
    largest = losses[seen].max() if seen.any() else 1.0
    known = np.where(seen, losses, largest)
    total = known.sum()
    uniform = np.full(losses.size, 1.0 / losses.size)
    return uniform if total <= 0.0 else (1.0 - floor) * known / total + floor * uniform
