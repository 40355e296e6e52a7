"""What a refresh has found of launches of about one size: kernels do not drift as a whole.

When neighbours on a shared machine get busy, data that fill the memory bus suffer and data in a
cache do not. So a refresh keeps, by kernel and size class, the time now over what the calibration
and the kernel's own factor say. Like the correction of a regression
(`hetengine.sim.cost.neighbours`) the logarithm is averaged over the classes around a launch, and
drawn towards 0 as if one run had said that nothing has changed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hetengine.sim.cost.history import octaves, read_line
from hetengine.sim.cost.neighbours import nearness, square_distances
from hetengine.work import Work

_UNCHANGED_RUNS = 1.0


class Local:
    """Factors of the size classes of one kernel on one device.

    Parameters
    ----------
    lines : sequence of str
        As `hetengine.sim.cost.history.SizeClass.line` writes them, with the factor in place of the
        seconds and runs in place of launches.

    Examples
    --------
    >>> local = Local(["8 8 8 1 8 0 2.0 0 3"])
    >>> round(local.factor(Work(8.0, 8.0, 8.0, 1, footprint=8.0)), 3)
    1.682
    >>> local.factor(Work(8e9, 8e9, 8e9, 1, footprint=8e9))
    1.0
    """

    def __init__(self, lines: Sequence[str]) -> None:
        known = [read_line(line) for line in lines]
        self._places = np.array([octaves(each.work, each.reuse_bytes) for each in known])
        self._logs = np.log([each.seconds for each in known])
        self._runs = np.array([float(each.samples) for each in known])

    def factor(self, work: Work, reuse_bytes: float = 0.0) -> float:
        """Return by how much a launch takes longer than its kernel's own factor says.

        Parameters
        ----------
        work : Work
            The launch.
        reuse_bytes : float
            Bytes since what it reads was used last.
        """
        weights = self._runs * nearness(square_distances(self._places, work, reuse_bytes))
        return float(np.exp(weights @ self._logs / (weights.sum() + _UNCHANGED_RUNS)))
