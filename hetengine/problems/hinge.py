"""Dual of the hinge loss ``c max(0, 1 - m)``: ``g = -b`` on ``0 <= b <= c`` (linear SVM).

``b = y a`` and ``m = y u`` throughout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hetengine.problems.numeric import Vector, arrays, clip_to_box


def project(a: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return a with ``b`` clipped to [0, c]."""
    a, y, c = arrays(a, p, q)
    return y * np.clip(y * a, 0.0, c)


def value(a: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return ``-b``, inf outside [0, c]."""
    a, y, c = arrays(a, p, q)
    b, inside = clip_to_box(y * a, c)
    return np.where(inside, -b, np.inf)


def conjugate(u: ArrayLike, p: ArrayLike, q: ArrayLike, bound: float) -> Vector:
    """Return the loss ``c max(0, 1 - m)``."""
    u, y, c = arrays(u, p, q)
    return c * np.maximum(0.0, 1.0 - y * u)


def gap(a: ArrayLike, u: ArrayLike, p: ArrayLike, q: ArrayLike, bound: float) -> Vector:
    """Return ``b m - b + c max(0, 1 - m)``, as ``(c - b)(1 - m)`` or ``b (m - 1)``."""
    a, u, y, c = arrays(a, u, p, q)
    b, inside = clip_to_box(y * a, c)
    short = 1.0 - y * u
    return np.where(inside, np.where(short > 0, (c - b) * short, -b * short), np.inf)


def update(a: ArrayLike, u: ArrayLike, h: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return ``b <- clip(b + (1 - m) / h, 0, c)``; a bound, or b where ``m = 1``, for h = 0."""
    a, u, h, y, c = arrays(a, u, h, p, q)
    short = 1.0 - y * u
    flat = np.where(short == 0, 0.0, np.copysign(np.inf, short))
    step = np.divide(short, h, out=flat, where=h > 0)
    return y * np.clip(y * a + step, 0.0, c)
