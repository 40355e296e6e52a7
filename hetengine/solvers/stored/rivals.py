"""Who gives way in the host's tier for columns that have landed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Vector = NDArray[np.float64]


class Rivals:
    """Who gives way in the host's tier, the lowest score first.

    Parameters
    ----------
    resident : ndarray of int64
        Columns in the tier that may be evicted.
    score : ndarray, shape (n,)
        Their worth.
    """

    def __init__(self, resident: Ids, score: Vector) -> None:
        order = np.argsort(score[resident], kind="stable")
        self._ids = resident[order]
        self._scores = score[self._ids]
        self._next = 0

    def beaten(
        self,
        lens: NDArray[np.integer],
        comers: Ids,
        scores: Vector,
        free_slots: int,
        free_elements: int,
    ) -> tuple[Ids, Ids]:
        """Return the comers that get in, and who gives way for them.

        Comers are taken by falling score, each as long as it fits what is free or what all with a
        lower score leave.

        Parameters
        ----------
        lens : ndarray of int, shape (n,)
            Elements of each column.
        comers : ndarray of int64, shape (k,)
            Columns that want to get in.
        scores : ndarray, shape (k,)
            Their worth; infinity gets in before anybody.
        free_slots, free_elements : int
            What is free.

        Returns
        -------
        admitted, evicted : ndarray of int64
            The admitted ascend.
        """
        comers = comers[np.argsort(-scores, kind="stable")]
        scores = -np.sort(-scores)
        rivals = self._ids[self._next :]
        beaten = np.searchsorted(self._scores[self._next :], scores, side="left")
        freed = np.append(0, np.cumsum(lens[rivals], dtype=np.int64))
        need = np.cumsum(lens[comers], dtype=np.int64)
        fits = need <= free_elements + freed[beaten]
        fits &= np.arange(1, comers.size + 1) <= free_slots + beaten
        count = comers.size if fits.all() else int(np.argmin(fits))
        if count == 0:
            return comers[:0], comers[:0]
        by_elements = int(np.searchsorted(freed, need[count - 1] - free_elements))
        leaving = max(by_elements, count - free_slots, 0)
        evicted = rivals[:leaving]
        self._next += leaving
        return np.sort(comers[:count]), evicted
