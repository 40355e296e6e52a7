"""How far a product ``u_i = a_i . w`` may have moved since it was measured.

``|a_i . w - a_i . w_k| <= ||a_i|| ||w - w_k||``: with the norms at hand, a product measured against
an old w still bounds the present one, and a column whose bound is good enough need not be read
again. A few old w are kept; where one is forgotten, what was measured against it counts from the
next one, by the triangle inequality.

Products move much less than they may: columns and moves of w are hardly ever parallel. Every second
measurement tells by how much, and what is worth reading is decided by that; proofs go by the bound.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_SNAPSHOTS = 8
_QUANTILE = 0.75
_MEMORY = 0.5

Vector = NDArray[np.float64]


class Drift:
    """Against which w each coordinate was last measured.

    Parameters
    ----------
    norms : ndarray of float64, shape (n,)
        ``||a_i||``.
    w : ndarray of float64, shape (d,)
        What all coordinates have been measured against.

    Attributes
    ----------
    typical : float
        Share of the bound that most products were found to have moved by.
    """

    def __init__(self, norms: Vector, w: Vector) -> None:
        self._norms = norms
        self._snapshots = {0: w.copy()}
        self._latest = 0
        self._tags = np.zeros(norms.size, np.int64)
        self._slack = np.zeros(norms.size)
        self.typical = 1.0

    @property
    def latest(self) -> Vector:
        """The w that coordinates are measured against now; not to be written to."""
        return self._snapshots[self._latest]

    def move(self, w: Vector) -> None:
        """Measure against another w from now on.

        Parameters
        ----------
        w : ndarray of float64, shape (d,)
            Copied.
        """
        if np.array_equal(w, self.latest):
            return
        self._latest += 1
        self._snapshots[self._latest] = w.copy()
        if len(self._snapshots) > MOST_SNAPSHOTS:
            self._forget()

    def measured(self, columns: NDArray[np.int64]) -> None:
        """Note that columns have been measured against `latest`."""
        self._tags[columns] = self._latest
        self._slack[columns] = 0.0

    def learn(self, columns: NDArray[np.int64], moved: Vector) -> None:
        """Take in how far products were found to have moved, before they are `measured`.

        Parameters
        ----------
        columns : ndarray of int64, shape (k,)
        moved : ndarray of float64, shape (k,)
            Difference of their products and the last ones.
        """
        reach = self.reach(columns)
        far = reach > 0.0
        if far.any():
            found = float(np.quantile(np.abs(moved[far]) / reach[far], _QUANTILE))
            self.typical += (1.0 - _MEMORY) * (min(found, 1.0) - self.typical)

    def reach(self, columns: NDArray[np.int64] | slice = slice(None)) -> Vector:
        """Return how far products may be from those with `latest`, of all columns or some."""
        distance = self._distances()[self._tags[columns] - self._oldest] + self._slack[columns]
        return self._norms[columns] * distance

    def ahead(self, columns: NDArray[np.int64] | slice = slice(None), *, fresh: bool) -> Vector:
        """Return how far products will probably be off once w has moved again as it did last.

        Parameters
        ----------
        columns : ndarray of int64 or slice
            Which; all by default.
        fresh : bool
            Whether they have just been measured.
        """
        before = self._snapshots.get(self._latest - 1)
        step = 0.0 if before is None else _distance(self.latest, before)
        off = self._norms[columns] * step
        return self.typical * (off if fresh else off + self.reach(columns))

    @property
    def _oldest(self) -> int:
        return min(self._snapshots)

    def _distances(self) -> Vector:
        """Return the distance of each snapshot from the latest, by its number from the oldest."""
        found = np.zeros(self._latest - self._oldest + 1)
        for number, w in self._snapshots.items():
            found[number - self._oldest] = _distance(self.latest, w)
        return found

    def _forget(self) -> None:
        """Drop the snapshot nearest to its successor; its coordinates count from that one."""
        numbers = sorted(self._snapshots)[:-1]
        steps = [
            _distance(self._snapshots[number], self._snapshots[later])
            for number, later in zip(numbers, sorted(self._snapshots)[1:], strict=True)
        ]
        k = int(np.argmin(steps[:-1])) if len(steps) > 1 else 0
        later = sorted(self._snapshots)[k + 1]
        held = self._tags == numbers[k]
        self._tags[held] = later
        self._slack[held] += steps[k]
        del self._snapshots[numbers[k]]


def _distance(first: Vector, second: Vector) -> float:
    """Return the distance of two vectors, never less than it is: rounded up."""
    return float(np.linalg.norm(first - second)) * (1.0 + 1e-12)
