"""Plain streaming of a store, the baseline: one block after another as they lie on the disk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hetengine.solvers.arena import stay_within
from hetengine.solvers.selection import Swap, View

Ids = NDArray[np.int64]


class Streaming:
    """The next block in the order of the store, the one after it read ahead.

    The host's tier keeps what is needed soonest (L. A. Belady, A study of replacement algorithms
    for a virtual-storage computer, 1966), so that no other use of it would save more reads.

    Parameters
    ----------
    lens : ndarray of int, shape (n,)
        Elements of each column.
    """

    name = "sequential"
    where = "accelerator"
    uses_gaps = False

    def __init__(self, lens: NDArray[np.integer]) -> None:
        self._lens = lens
        self._next = 0
        self._wanted = np.empty(0, np.int64)
        self._room = (0, 0)

    def choose(self, view: View) -> Swap:
        """Take the next block, wrapping round at the end."""
        wanted = np.flatnonzero(view.owned & ~view.pinned)
        pinned = np.flatnonzero(view.owned & view.pinned)
        elements = view.arena.elements - int(view.lens[pinned].sum())
        self._wanted, self._room = wanted, (view.arena.slots - pinned.size, elements)
        target = np.zeros(view.resident.size, bool)
        target[pinned] = True
        block = self.following()
        target[block] = True
        if block.size:
            self._next = int(block[-1]) + 1
        incoming = np.flatnonzero(target & ~view.resident)
        return Swap(incoming, np.flatnonzero(view.resident & ~target))

    def following(self) -> Ids:
        """Return the columns of the block after the last one, in the order of their use."""
        first = int(np.searchsorted(self._wanted, self._next))
        turned = np.roll(self._wanted, -first)
        return turned[: stay_within(self._lens[turned], *self._room)]

    def scores(self) -> NDArray[np.float64]:
        """Return what columns are worth in the host's tier: the sooner needed, the more."""
        count = self._lens.size
        return -((np.arange(count) - self._next) % count).astype(np.float64)
