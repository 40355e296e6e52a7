"""Which features join a working set, and how far a step over it goes."""

from __future__ import annotations

import math

import numpy as np

from hetengine.problems import CoordinateProblem
from hetengine.problems.numeric import stripes
from hetengine.solvers.resident.point import Point

_WHOLE = 1.0 - 1e-6  # of a step: what is left of it is rounding


def nearest(
    l1: float, gradient: np.ndarray, norms: np.ndarray, outside: np.ndarray, count: int
) -> np.ndarray:
    """Return the features that are nearest to entering the support, ascending.

    A feature enters where its product with the dual point reaches the penalty, so that how far the
    dual point has to move grows with what is missing and falls with the feature's norm.

    Parameters
    ----------
    l1 : float
    gradient : ndarray of float64, shape (d,)
        Of the loss.
    norms : ndarray of float32 or float64, shape (d,)
        Of the features; above 0 outside.
    outside : ndarray of bool, shape (d,)
        Features that are to be considered, at least ``count``.
    count : int
        How many.
    """
    if count == 0:
        return np.arange(0)
    ids, distances = [], []
    for stripe in stripes(gradient.size):
        distance = np.full(stripe.stop - stripe.start, np.inf)
        missing = l1 - np.abs(gradient[stripe])
        np.divide(missing, norms[stripe], out=distance, where=outside[stripe])
        best = np.argpartition(distance, min(count, distance.size) - 1)[:count]
        ids.append(best + stripe.start)
        distances.append(distance[best])
    best = np.argpartition(np.concatenate(distances), count - 1)[:count]
    return np.sort(np.concatenate(ids)[best])


def best_share(problem: CoordinateProblem, point: Point, fresh: Point) -> float:
    """Return how far to go from one point to another; the loss between them is a parabola.

    The objective's slope along the way is linear between the places where a coefficient changes
    its sign, and jumps up there: it is 0 in one of these stretches, or passes 0 in a jump.

    Parameters
    ----------
    problem : CoordinateProblem
        Lasso or elastic net.
    point, fresh : Point

    Returns
    -------
    float
        From 0 to 1.
    """
    if not math.isfinite(fresh.loss):
        return 0.0
    moved = np.flatnonzero(fresh.coef != point.coef)
    old, step = point.coef[moved], (fresh.coef - point.coef)[moved]
    change = (fresh.gradient - point.gradient)[moved]
    curve = max(float(step @ change) + problem.l2 * float(step @ step), 0.0)
    incline = float(point.gradient[moved] @ step) + problem.l2 * float(old @ step)
    size, opposed = np.abs(step), old * step < 0
    turning = np.flatnonzero(opposed & (np.abs(old) < size))
    turns = -old[turning] / step[turning]
    order = np.argsort(turns)
    jumps = 2.0 * problem.l1 * size[turning[order]]
    start = incline + problem.l1 * float(np.where(opposed, -size, size).sum())
    levels = start + np.append(0.0, np.cumsum(jumps))  # by stretch, without the parabola
    ends = np.append(turns[order], 1.0)
    risen = np.flatnonzero(levels + curve * ends >= 0.0)
    if risen.size == 0:
        return 1.0
    at = int(risen[0])
    begin = float(ends[at - 1]) if at else 0.0
    share = min(max(-float(levels[at]) / curve, begin), float(ends[at])) if curve > 0 else begin
    return 1.0 if share > _WHOLE else share
