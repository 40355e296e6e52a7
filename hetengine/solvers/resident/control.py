"""What the threads of one launch of dual ascent agree on; an array, because kernels write it."""

from __future__ import annotations

import numpy as np

# As in hetengine_numpy.kernels.ascent.
_COUNT, _SIGMA, _MET, _DUAL, _EPOCHS, _VISITS, _MOVED, _STOP, _RISEN, _SPENT = range(10)


class Control:
    """What the threads of one ascent agree on, before it and after it.

    Parameters
    ----------
    count : int
        Examples to visit.
    sigma : float
        Damping of several threads.
    risen : float
        Sum of the dual coordinates b, of all examples.

    Attributes
    ----------
    array : ndarray of float64, shape (10,)
        As the kernel takes it.
    """

    def __init__(self, count: int, sigma: float, risen: float) -> None:
        self.array = np.zeros(10)
        self.array[[_COUNT, _SIGMA, _RISEN]] = count, sigma, risen
        self.array[_MET], self.array[_DUAL] = np.inf, -np.inf

    @property
    def count(self) -> int:
        """Examples left."""
        return int(self.array[_COUNT])

    def reached(self, share: float) -> bool:
        """Whether the gap met in the last epoch is at most this share of the dual value."""
        return bool(self.array[_MET] <= share * max(self.array[_DUAL], 0.0))

    @property
    def risen(self) -> float:
        """Sum of the dual coordinates b."""
        return float(self.array[_RISEN])

    @property
    def sigma(self) -> float:
        """Damping of several threads."""
        return float(self.array[_SIGMA])

    @property
    def visits(self) -> float:
        """Examples visited in all epochs."""
        return float(self.array[_VISITS])

    @property
    def moved(self) -> float:
        """Visits that changed b."""
        return float(self.array[_MOVED])

    @property
    def spent(self) -> float:
        """Visits that count against the allowance."""
        return float(self.array[_SPENT])
