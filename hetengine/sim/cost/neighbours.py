"""What measured launches say about one that was not measured: local correction of a regression.

A regression on sizes follows the trend of a kernel's time; what it cannot follow, such as rows that
fill whole vectors or data that just fit a cache, shows in the size classes as measured over
modelled time. The logarithm of that ratio is averaged over the classes around a launch (E. A.
Nadaraya, *On estimating regression*, Theory of Probability and its Applications 9, 1964), so that
one noisy class does not decide; far from all of them the regression is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hetengine.sim.cost.history import SizeClass, octaves
from hetengine.sim.cost.regression import predict
from hetengine.work import Work

LEAST_SAMPLES = 3
"""Measurements below which a class does not count: one may be a spike."""

BANDWIDTH = 0.6
"""Octaves, all sizes together, at which a class counts e^-1/2 of what it does at no distance."""

REACH = 1.0
"""Octaves, all sizes together, within which a launch counts as measured."""

_MOST_SAMPLES = 30
_REGRESSION_WEIGHT = 0.01


def square_distances(
    places: NDArray[np.float64], work: Work, reuse_bytes: float
) -> NDArray[np.float64]:
    """Return the squared octaves from size classes to a launch, shape (n,).

    Parameters
    ----------
    places : ndarray, shape (n, 6)
        `octaves` of the classes.
    work : Work
        The launch.
    reuse_bytes : float
        Bytes since what it reads was used last.
    """
    away = places - octaves(work, reuse_bytes)
    return np.einsum("ij,ij->i", away, away)


def nearness(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what classes at these squared distances count, 1 at no distance."""
    return np.exp(-0.5 * squares / BANDWIDTH**2)


class Neighbours:
    """The size classes of one kernel on one device.

    Parameters
    ----------
    classes : sequence of SizeClass
        From the topology.
    coefficients : mapping
        The regression through the same measurements; without one, times are averaged as they are.
    """

    def __init__(self, classes: Sequence[SizeClass], coefficients: Mapping[str, float]) -> None:
        known = [each for each in classes if each.samples >= LEAST_SAMPLES and each.seconds > 0.0]
        self._coefficients = coefficients
        modelled = [self._modelled(each.work, each.reuse_bytes) for each in known]
        known = [each for each, seconds in zip(known, modelled, strict=True) if seconds > 0.0]
        self._places = np.array([octaves(each.work, each.reuse_bytes) for each in known])
        self._logs = np.log(
            [each.seconds / self._modelled(each.work, each.reuse_bytes) for each in known]
        )
        self._weights = np.sqrt([min(each.samples, _MOST_SAMPLES) for each in known])

    def seconds(self, work: Work, reuse_bytes: float = 0.0) -> tuple[float, bool]:
        """Return the time of a launch, and whether one like it was measured.

        Parameters
        ----------
        work : Work
            The launch.
        reuse_bytes : float
            Bytes since what it reads was used last.
        """
        modelled = self._modelled(work, reuse_bytes)
        if not self._logs.size:
            return modelled, False
        squares = square_distances(self._places, work, reuse_bytes)
        nearest = float(squares.min())
        # Relative to the nearest where only times are known: something has to count.
        base = 0.0 if self._coefficients else nearest
        weights = self._weights * nearness(squares - base)
        whole = float(weights.sum()) + (_REGRESSION_WEIGHT if self._coefficients else 0.0)
        correction = float(np.exp(weights @ self._logs / whole))
        return modelled * correction, nearest <= REACH**2

    def _modelled(self, work: Work, reuse_bytes: float) -> float:
        return predict(self._coefficients, work, reuse_bytes) if self._coefficients else 1.0
