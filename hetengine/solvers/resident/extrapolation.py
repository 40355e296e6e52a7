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

from hetengine.problems import Certificate, CoordinateProblem, certify
from hetengine.problems.numeric import stripes
from hetengine.solvers.resident.point import Point, primal_state
from hetengine.solvers.resident.remembered import remembered
from hetengine.solvers.resident.rows import Rows

_LEAST, _MOST = 3, 5
_SHARE = 0.1  # of the bytes of the data, for products


class Extrapolation:
    """The last few points, and the best dual point seen so far.

    Parameters
    ----------
    rows : Rows
        The data.
    """

    def __init__(self, rows: Rows) -> None:
        each = 8 * rows.features
        self._most = remembered(rows.matrix.nbytes, each, _SHARE, _LEAST, _MOST)
        self._points: deque[Point] = deque()
        self._best: Point | None = None
        self._bound = -np.inf

    def certify(
        self, problem: CoordinateProblem, root: np.ndarray | None, point: Point, tol: float
    ) -> tuple[Certificate, np.ndarray, np.ndarray]:
        """Return the best certificate of a point, and the dual point that proves it.

        Parameters
        ----------
        problem : CoordinateProblem
            On the primal side.
        root : ndarray of float64, shape (N,), or None
            Square roots of the example weights.
        point : Point
            Of a pass.
        tol : float
            Relative gap that is good enough: no better dual point is looked for then.

        Returns
        -------
        certificate : Certificate
        w : ndarray of float64, shape (N,)
        u : ndarray of float64, shape (n,)
            Its products with the features.
        """
        alpha, w, u = primal_state(problem, root, point)
        best, source = (certify(problem, alpha, w, u), w, u), point
        nothing = np.empty(0)  # of earlier points, slopes and products are all that is needed
        kept = replace(point, coef=nothing, scores=nothing)
        if best[0].relative_gap <= tol:
            return best
        mixed = self._mixed_with(kept)
        candidates = [] if self._best is None else [(self._best, self._bound)]
        if mixed is not None:
            _, theta, _ = primal_state(problem, root, mixed)
            candidates.append((mixed, dual_bound(problem, theta, mixed.gradient)))
        for other, bound in candidates:
            if bound <= best[0].dual_bound:  # most of them: a whole certificate costs much more
                continue
            _, theta, products = primal_state(problem, root, other)
            found = certify(problem, alpha, theta, products, exact=w)
            if found.gap < best[0].gap:
                best, source = (found, theta, products), other
        if best[0].dual_bound > self._bound:
            source = kept if source is point else source
            self._best, self._bound = source, best[0].dual_bound
        return best

    def _mixed_with(self, point: Point) -> Point | None:
        """Remember a point; return the combination whose differences of slopes cancel best."""
        self._points.append(point)
        mixed = self._mixed()
        if len(self._points) == self._most:
            self._points.popleft()
        # Of the first, slopes are all that is needed.
        self._points[0] = replace(self._points[0], gradient=np.empty(0))
        return mixed

    def _mixed(self) -> Point | None:
        points = list(self._points)
        if len(points) < _LEAST:
            return None
        products = _products_of_moves([each.slope for each in points])
        products[np.diag_indices_from(products)] += 1e-12 * max(float(np.trace(products)), 1e-300)
        shares = np.linalg.solve(products, np.ones(len(products)))
        total = float(shares.sum())
        if not np.isfinite(shares).all() or total == 0.0:
            return None
        shares /= total
        last = points[1:]
        return replace(
            last[-1],
            slope=_combined(shares, [each.slope for each in last]),
            gradient=_combined(shares, [each.gradient for each in last]),
        )


def _products_of_moves(slopes: list[np.ndarray]) -> np.ndarray:
    """Return the products of the differences of successive slopes, with no difference in store."""
    total = np.zeros((len(slopes) - 1, len(slopes) - 1))
    for stripe in stripes(slopes[0].size):
        moves = np.array([after[stripe] - before[stripe] for before, after in pairwise(slopes)])
        total += moves @ moves.T
    return total


def _combined(shares: np.ndarray, vectors: list[np.ndarray]) -> np.ndarray:
    """Return the sum of some vectors times their shares."""
    total = shares[0] * vectors[0]
    for stripe in stripes(total.size):
        for share, each in zip(shares[1:], vectors[1:], strict=True):
            total[stripe] += share * each[stripe]
    return total


def dual_bound(problem: CoordinateProblem, w: np.ndarray, gradient: np.ndarray) -> float:
    """Return the lower bound of the optimum that a dual point proves, but for rounding.

    Parameters
    ----------
    problem : CoordinateProblem
        Lasso or elastic net.
    w : ndarray of float64, shape (N,)
        The dual point.
    gradient : ndarray of float64, shape (P + 1,)
        Its products with the features; the last, of the constant, does not count.
    """
    u = gradient[:-1]
    if problem.l2 > 0:
        total = 0.0
        for s in stripes(u.size):
            over = np.maximum(np.abs(u[s]) - problem.l1, 0.0)
            total += float(over @ over)
        return -problem.smooth_conjugate(w) - total / (2 * problem.l2)
    square, steepest = float(w @ w), float(max(u.max(initial=0.0), -u.min(initial=0.0)))
    if square == 0.0:
        return 0.0
    most = problem.l1 / steepest if steepest > 0 else np.inf
    scale = min(max(float(problem.w0 @ w) / square, -most), most)
    return -problem.smooth_conjugate(scale * w)
