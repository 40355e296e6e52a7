"""Swaps cut into waves that fit the tier they pass through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hetengine.solvers.arena import stay_within
from hetengine.solvers.selection import Swap


def within(
    swaps: Sequence[Swap], lens: NDArray[np.integer], slots: int, elements: int
) -> Iterator[list[Swap]]:
    """Yield the swaps of all workers in as few waves as fit; the first one evicts.

    Parameters
    ----------
    swaps : sequence of Swap
        One per worker.
    lens : ndarray of int, shape (n,)
        Elements of each column.
    slots, elements : int
        What fits at a time, over all workers.
    """
    outgoing = [swap.outgoing for swap in swaps]
    owner = np.repeat(np.arange(len(swaps)), [swap.incoming.size for swap in swaps])
    incoming = np.concatenate([swap.incoming for swap in swaps])
    first = 0
    while True:
        count = stay_within(lens[incoming[first:]], slots, elements)
        part = slice(first, first + max(count, 1))
        yield [
            Swap(incoming[part][owner[part] == k], out, swap.ranked)
            for k, (swap, out) in enumerate(zip(swaps, outgoing, strict=True))
        ]
        first = part.stop
        if first >= incoming.size:
            return
        outgoing = [out[:0] for out in outgoing]
