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
from hetengine.solvers.resident.point import Point, primal_state

_MEMORY = 5


class Extrapolation:
    """The last few points, and the best dual point seen so far."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque(maxlen=_MEMORY)
        self._best: Point | None = None
        self._bound = -np.inf

    def certify(
        self, problem: CoordinateProblem, root: np.ndarray | None, point: Point
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

        Returns
        -------
        certificate : Certificate
        w : ndarray of float64, shape (N,)
        u : ndarray of float64, shape (n,)
            Its products with the features.
        """
        alpha, w, u = primal_state(problem, root, point)
        best, source = (certify(problem, alpha, w, u), w, u), point
        self._points.append(point)
        mixed = self._mixed()
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
            self._best, self._bound = source, best[0].dual_bound
        return best

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
    u = np.abs(gradient[:-1])
    if problem.l2 > 0:
        over = np.maximum(u - problem.l1, 0.0)
        return -problem.smooth_conjugate(w) - float(over @ over) / (2 * problem.l2)
    square, steepest = float(w @ w), float(u.max(initial=0.0))
    if square == 0.0:
        return 0.0
    most = problem.l1 / steepest if steepest > 0 else np.inf
    scale = min(max(float(problem.w0 @ w) / square, -most), most)
    return -problem.smooth_conjugate(scale * w)
