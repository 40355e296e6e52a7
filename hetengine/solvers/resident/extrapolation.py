"""Dual points from several passes: combinations that lie closer to the dual optimum than the last.

Residuals of converging iterates follow an autoregression whose limit a combination of the last few
predicts (Massias et al., dual extrapolation, ICML 2018). Slopes and their products with the
features are linear in each other, so a combination costs no pass over the data.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import pairwise

import numpy as np

from hetengine.problems import Certificate
from hetengine.solvers.resident.point import Point

_MEMORY = 5


class Extrapolation:
    """The last few points, and the best dual point seen so far."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque(maxlen=_MEMORY)
        self._best: Point | None = None
        self._bound = -np.inf

    def learn(self, point: Point) -> None:
        """Take in the point of a pass."""
        self._points.append(point)

    def candidates(self) -> list[Point]:
        """Return dual points worth a certificate: the best so far, and an extrapolated one."""
        found = [] if self._best is None else [self._best]
        mixed = self._mixed()
        return found if mixed is None else [*found, mixed]

    def keep(self, point: Point, certificate: Certificate) -> None:
        """Remember a dual point if it proves the highest lower bound so far."""
        if certificate.dual_bound > self._bound:
            self._best, self._bound = point, certificate.dual_bound

    def _mixed(self) -> Point | None:
        """Return the combination whose differences of slopes cancel best."""
        points = list(self._points)
        if len(points) < 3:
            return None
        moves = np.array([after.slope - before.slope for before, after in pairwise(points)])
        products = moves @ moves.T
        products[np.diag_indices_from(products)] += 1e-12 * max(float(np.trace(products)), 1e-300)
        shares = np.linalg.solve(products, np.ones(len(moves)))
        total = float(shares.sum())
        if not np.isfinite(shares).all() or total == 0.0:
            return None
        shares /= total
        last = points[1:]
        return replace(
            last[-1],
            slope=np.sum([s * each.slope for s, each in zip(shares, last, strict=True)], axis=0),
            gradient=np.sum(
                [s * each.gradient for s, each in zip(shares, last, strict=True)], axis=0
            ),
        )
