"""Which columns lie on an accelerator, and where: the host's exact mirror of the arena.

Dense columns take fixed slots. Sparse columns are appended to a log of extents; when its end is
reached the remaining extents are moved down (`Residency.compact`) and the same arithmetic moves
them here.
"""

from __future__ import annotations

import numpy as np

from hetengine.solvers.arena import Arena


class Residency:
    """Slots, extents and their owners.

    Parameters
    ----------
    arena : Arena
        Sizes of the accelerator's memory.
    lens : ndarray of int, shape (n,)
        Elements of each column of the whole matrix.

    Attributes
    ----------
    slot_of : ndarray of int32, shape (n,)
        Slot of each coordinate, -1 where it is not resident.
    coordinate_of : ndarray of int32, shape (slots,)
        Coordinate in each slot, -1 where it is free.
    starts : ndarray of int64, shape (slots,)
        First element of each slot's extent.
    """

    def __init__(self, arena: Arena, lens: np.ndarray) -> None:
        self.arena = arena
        self.lens = lens
        self.slot_of = np.full(lens.size, -1, np.int32)
        self.coordinate_of = np.full(arena.slots, -1, np.int32)
        self.starts = np.zeros(arena.slots, np.int64)
        self.used_elements = 0
        self._top = 0

    @property
    def slots(self) -> np.ndarray:
        """Occupied slots, ascending."""
        return np.flatnonzero(self.coordinate_of >= 0).astype(np.int32)

    @property
    def count(self) -> int:
        """Columns resident now."""
        return int(np.count_nonzero(self.coordinate_of >= 0))

    @property
    def mask(self) -> np.ndarray:
        """Whether each coordinate is resident, shape (n,)."""
        return self.slot_of >= 0

    def evict(self, ids: np.ndarray) -> None:
        """Forget columns; their memory is free at once because nothing is written back."""
        slots = self.slot_of[ids]
        self.used_elements -= int(self.lens[ids].sum())
        self.coordinate_of[slots] = -1
        self.slot_of[ids] = -1

    def needs_compaction(self, ids: np.ndarray) -> bool:
        """Whether the log must be compacted before these columns can be appended."""
        return self.arena.sparse and self._top + int(self.lens[ids].sum()) > self.arena.elements

    def compact(self) -> np.ndarray:
        """Move all extents down; return the occupied slots in ascending order of extent."""
        slots = self.slots
        order = slots[np.argsort(self.starts[slots], kind="stable")]
        lens = self.lens[self.coordinate_of[order]].astype(np.int64)
        self.starts[order] = np.cumsum(lens) - lens
        self._top = int(lens.sum())
        return order

    def admit(self, ids: np.ndarray) -> np.ndarray:
        """Give columns a slot each, and an extent at the end of the log.

        Parameters
        ----------
        ids : ndarray of int, shape (k,)
            Coordinates that are not resident; they fit, after `compact` where it is needed.

        Returns
        -------
        ndarray of int32, shape (k,)
            Their slots.

        Raises
        ------
        ValueError
            If they do not fit: the policy that chose them is wrong.
        """
        free = np.flatnonzero(self.coordinate_of < 0)[: ids.size].astype(np.int32)
        lens = self.lens[ids].astype(np.int64)
        total = int(lens.sum())
        if free.size < ids.size or self.used_elements + total > self.arena.elements:
            raise ValueError(f"{ids.size} columns of {total} elements do not fit the arena")
        self.coordinate_of[free] = ids
        self.slot_of[ids] = free
        self.used_elements += total
        if self.arena.sparse:
            self.starts[free] = self._top + np.cumsum(lens) - lens
            self._top += total
        return free
