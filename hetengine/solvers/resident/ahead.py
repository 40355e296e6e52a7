"""Points for strengths that are still to come on a path, found in the pass for the present one.

Where a model of the loss is exact, it gives the solutions for the next strengths as well, as long
as it knows the features that enter. One pass over the rows measures all of them: a pass waits for
memory, and further models cost arithmetic alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hetengine.solvers.resident.point import Point
from hetengine.solvers.resident.rows import Rows
from hetengine.solvers.worker import Process

_LEAST, _MOST = 4, 8
_SHARE = 0.05  # of the bytes of the data that points in store may take


class Ahead:
    """Points of one solver in store.

    Parameters
    ----------
    rows : Rows
        The data.

    Attributes
    ----------
    lams : sequence of float
        Strengths that follow the present one, the nearest first; set before each solve.
    """

    def __init__(self, rows: Rows) -> None:
        self.lams: Sequence[float] = ()
        self._rows = rows
        self._points: dict[float, Point] = {}
        nbytes = 16 * (rows.examples + rows.features)
        self._room = _MOST if rows.small else int(_SHARE * rows.matrix.nbytes / nbytes)
        self._width = _LEAST

    def build(self) -> Process:
        """Launch its kernel on nothing."""
        rows = self._rows
        none, size = np.zeros((0, rows.examples)), rows.features
        steps, sums = np.zeros((0, size + 1), rows.real), np.zeros((0, size + 2))
        yield rows.several(steps, np.zeros(rows.examples), none, none, sums, rows.real)

    def next(self) -> list[float]:
        """Return the strengths that are worth a place in the next pass."""
        width = min(self._width, self._room) if self._rows.dense else 0
        return [float(lam) for lam in self.lams[: width - 1]] if width >= _LEAST else []

    def take(self, lam: float) -> Point | None:
        """Return the point in store for a strength; it is in store no longer."""
        return self._points.pop(lam, None)

    def judge(self, enough: bool) -> None:
        """Look further ahead if a point from the store was good enough, and less far if not."""
        self._width = min(self._width + 1, _MOST) if enough else _LEAST

    def keep(self, lams: list[float], points: list[Point]) -> None:
        """Store points, in place of all that are there."""
        self._points = dict(zip(lams, points, strict=True))

    def measure(self, base: Point, coefs: list[np.ndarray]) -> Process:
        """Pass over the rows at several coefficients.

        Parameters
        ----------
        base : Point
            Whose scores are carried along.
        coefs : list of ndarray of float64, shape (d + 1,)

        Returns
        -------
        list of Point
        """
        rows, count = self._rows, len(coefs)
        steps = (np.array(coefs) - base.coef).astype(rows.real)
        scores, slope = np.zeros((2, count, rows.examples))
        sums = np.zeros((count, rows.features + 2))
        yield rows.several(steps, base.scores, scores, slope, sums, rows.real)
        finite = np.isfinite(sums).all(axis=1)
        losses = np.where(finite, sums[:, -1], math.inf)
        return [
            Point(coef, scores[k].copy(), slope[k].copy(), float(losses[k]), sums[k, :-1].copy())
            for k, coef in enumerate(coefs)
        ]
