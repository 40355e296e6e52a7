"""Dual of the squared hinge ``c/2 max(0, 1 - m)^2``: ``g = -b + b^2 / (2 c)`` on ``b >= 0``.

``b = y a`` and ``m = y u`` throughout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hetengine.problems.numeric import BOUND_SLACK, Vector, arrays, clip_to_box, ratio


def _box(c: Vector) -> Vector:
    """Return the upper bound of b: none, except 0 for an example without weight."""
    return np.where(c > 0, np.inf, 0.0)


def project(a: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return a with ``b`` clipped to [0, inf), 0 where the example has no weight."""
    a, y, c = arrays(a, p, q)
    return y * np.clip(y * a, 0.0, _box(c))


def value(a: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return ``-b + b^2 / (2 c)``, inf for b < 0."""
    a, y, c = arrays(a, p, q)
    b, inside = _clip(y * a, c)
    return np.where(inside, ratio(b * b, 2 * c) - b, np.inf)


def conjugate(u: ArrayLike, p: ArrayLike, q: ArrayLike, bound: float) -> Vector:
    """Return the loss ``c/2 max(0, 1 - m)^2``."""
    u, y, c = arrays(u, p, q)
    return 0.5 * c * np.maximum(0.0, 1.0 - y * u) ** 2


def gap(a: ArrayLike, u: ArrayLike, p: ArrayLike, q: ArrayLike, bound: float) -> Vector:
    """Return ``b m - b + b^2 / (2 c) + c/2 max(0, 1 - m)^2`` as a sum of terms >= 0."""
    a, u, y, c = arrays(a, u, p, q)
    b, inside = _clip(y * a, c)
    short = 1.0 - y * u
    total = ratio((c * np.maximum(short, 0.0) - b) ** 2, 2 * c) + b * np.maximum(-short, 0.0)
    return np.where(inside, total, np.inf)


def update(a: ArrayLike, u: ArrayLike, h: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return ``b <- max(0, b + (1 - m - b/c) / (h + 1/c))``, written so that c = 0 gives 0."""
    a, u, h, y, c = arrays(a, u, h, p, q)
    return y * np.maximum(0.0, c * (1.0 - y * u + h * y * a) / (1.0 + h * c))


def _clip(b: Vector, c: Vector) -> tuple[Vector, np.ndarray]:
    clipped, _ = clip_to_box(b, _box(c))
    # Rounding below 0 is judged on the scale of c, the size of b at the loss's kink.
    return clipped, np.abs(b - clipped) <= BOUND_SLACK * c
