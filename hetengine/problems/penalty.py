"""Penalty terms ``g(a) = p |a| + q/2 a^2``: lasso, elastic net, ridge, and a free intercept.

Where ``q = 0 < p`` (lasso) the conjugate is taken on ``|a| <= bound``, which makes it finite; where
``p = q = 0`` (intercept) conjugate and gap are 0: a certificate centres w, so that ``u = 0`` there.
Closed forms: table of elastic net in the GLM literature, arranged as sums of terms >= 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hetengine.problems.numeric import Vector, arrays, ratio, soft_threshold


def project(a: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return a: every number is feasible."""
    return np.asarray(a, dtype=np.float64)


def value(a: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return ``p |a| + q/2 a^2``."""
    a, p, q = arrays(a, p, q)
    return p * np.abs(a) + 0.5 * q * a * a


def conjugate(u: ArrayLike, p: ArrayLike, q: ArrayLike, bound: float) -> Vector:
    """Return ``g*(-u)``: ``r^2 / (2 q)`` or, where q = 0, ``bound r``; ``r = max(|u| - p, 0)``."""
    u, p, q = arrays(u, p, q)
    excess = np.maximum(np.abs(u) - p, 0.0)
    boxed = np.where(p > 0, bound * excess, 0.0)
    return np.where(q > 0, ratio(excess * excess, 2 * np.where(q > 0, q, 1.0)), boxed)


def gap(a: ArrayLike, u: ArrayLike, p: ArrayLike, q: ArrayLike, bound: float) -> Vector:
    """Return ``a u + g(a) + g*(-u)`` without cancellation."""
    a, u, p, q = arrays(a, u, p, q)
    excess = soft_threshold(u, p)
    inner = np.maximum(p * np.abs(a) + a * np.clip(u, -p, p), 0.0)
    smooth = ratio((q * a + excess) ** 2, 2 * np.where(q > 0, q, 1.0))
    boxed = np.maximum(bound * np.abs(excess) + a * excess, 0.0)
    return np.where(q > 0, inner + smooth, np.where(p > 0, inner + boxed, 0.0))


def update(a: ArrayLike, u: ArrayLike, h: ArrayLike, p: ArrayLike, q: ArrayLike) -> Vector:
    """Return ``S(a h - u, p) / (h + q)``; for an empty column 0, or a if nothing is penalised."""
    a, u, h, p, q = arrays(a, u, h, p, q)
    curvature = h + q
    at_rest = np.where(p > 0, 0.0, a)
    return np.divide(soft_threshold(a * h - u, p), curvature, out=at_rest, where=curvature > 0)
