"""Dual of the squared loss ``c/2 (x - y)^2``: ``g(a) = a^2 / (2 c) - a y`` (dual ridge)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hetengine.problems.numeric import Vector, arrays, ratio


def project(a: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return a, 0 where the example has no weight."""
    a, c = arrays(a, q)
    return np.where(c > 0, a, 0.0)


def value(a: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return ``a^2 / (2 c) - a y``."""
    a, y, c = arrays(a, p, q)
    return ratio(a * a, 2 * c) - a * y


def conjugate(u: ArrayLike, p: ArrayLike, q: ArrayLike, bound: float) -> Vector:
    """Return the loss ``c/2 (u - y)^2``."""
    u, y, c = arrays(u, p, q)
    return 0.5 * c * (u - y) ** 2


def gap(a: ArrayLike, u: ArrayLike, p: ArrayLike, q: ArrayLike, bound: float) -> Vector:
    """Return ``c/2 (u - y + a/c)^2``."""
    a, u, y, c = arrays(a, u, p, q)
    return ratio((c * (u - y) + a) ** 2, 2 * c)


def update(a: ArrayLike, u: ArrayLike, h: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return ``a + (y - u - a/c) / (h + 1/c)``, written so that c = 0 gives 0."""
    a, u, h, y, c = arrays(a, u, h, p, q)
    return c * (y - u + a * h) / (1.0 + h * c)
