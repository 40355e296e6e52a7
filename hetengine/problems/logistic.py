"""Dual of the logistic loss ``c log(1 + exp(-m))``: an entropy of ``b / c`` on ``0 <= b <= c``.

``b = y a`` and ``m = y u`` throughout. The update solves one scalar equation in the logit
``z = logit(b / c)``, ``z + m + h (c sigmoid(z) - b_old) = 0``, whose slope is at least 1. It is
convex for z <= 0 and concave for z >= 0, so that Newton steps clipped to the half line that holds
the root converge from anywhere, without bisection.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hetengine.problems.numeric import Vector, arrays, clip_to_box, ratio, sigmoid, xlogx

_MAX_STEPS = 100
_TOLERANCE = 1e-13
_TINY = 1e-300


def project(a: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return a with ``b`` clipped to [0, c]."""
    a, y, c = arrays(a, p, q)
    return y * np.clip(y * a, 0.0, c)


def value(a: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return ``b log b + (c - b) log(c - b) - c log c``, inf outside [0, c]."""
    a, y, c = arrays(a, p, q)
    b, inside = clip_to_box(y * a, c)
    share, rest = ratio(b, c), ratio(c - b, c)
    return np.where(inside, c * (xlogx(share) + xlogx(rest)), np.inf)


def conjugate(u: ArrayLike, p: ArrayLike, q: ArrayLike, bound: float) -> Vector:
    """Return the loss ``c log(1 + exp(-m))``."""
    u, y, c = arrays(u, p, q)
    m = y * u
    return c * (np.maximum(-m, 0.0) + np.log1p(np.exp(-np.abs(m))))


def gap(a: ArrayLike, u: ArrayLike, p: ArrayLike, q: ArrayLike, bound: float) -> Vector:
    """Return ``c KL(b/c || sigmoid(-m))``, never below 0."""
    a, u, y, c = arrays(a, u, p, q)
    b, inside = clip_to_box(y * a, c)
    m = y * u
    share, rest = ratio(b, c), ratio(c - b, c)
    # p m + log(1 + exp(-m)) without the cancellation at very negative m.
    linear = np.where(m >= 0, share * m, -rest * m) + np.log1p(np.exp(-np.abs(m)))
    divergence = xlogx(share) + xlogx(rest) + linear
    return np.where(inside, c * np.maximum(divergence, 0.0), np.inf)


def update(a: ArrayLike, u: ArrayLike, h: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return ``b <- c sigmoid(z)`` at the root z of the logit equation."""
    a, u, h, y, c = arrays(a, u, h, p, q)
    b = np.clip(y * a, 0.0, c)
    return y * c * sigmoid(_logit_root(y * u, h, b, c))


def _logit_root(m: Vector, h: Vector, b: Vector, c: Vector) -> Vector:
    low = m + h * (0.5 * c - b) > 0
    z = np.log(np.maximum(b, _TINY)) - np.log(np.maximum(c - b, _TINY))
    z = _half_line(z, low)
    for _ in range(_MAX_STEPS):
        fresh = _half_line(z - _newton_step(z, m, h, b, c), low)
        done = np.abs(fresh - z) <= _TOLERANCE * np.maximum(1.0, np.abs(fresh))
        z = fresh
        if done.all():
            break
    return z


def _half_line(z: Vector, low: np.ndarray) -> Vector:
    return np.where(low, np.minimum(z, 0.0), np.maximum(z, 0.0))


def _newton_step(z: Vector, m: Vector, h: Vector, b: Vector, c: Vector) -> Vector:
    share, rest = sigmoid(z), sigmoid(-z)
    # The smaller tail keeps its digits: c share - b and (c - b) - c rest are the same number.
    excess = np.where(z <= 0, c * share - b, (c - b) - c * rest)
    return (z + m + h * excess) / (1.0 + h * c * share * rest)
