"""One coordinate in compiled form: its gap and its exact update, for every kind of term.

The float64 formulas are those of `hetengine.problems.terms`, which the conformance tests compare
with. The kind is an integer (`hetengine.problems.Kind`) so that one compiled kernel serves every
problem: a predictable branch per coordinate costs nothing beside the column it stands for.
"""

from __future__ import annotations

import math

import numba

PENALTY, SQUARED, HINGE, SQUARED_HINGE, LOGISTIC = range(5)
_NEWTON_STEPS = 60
_TINY = 1e-300


@numba.njit(cache=True, inline="always")
def _soft(x: float, threshold: float) -> float:
    return math.copysign(max(abs(x) - threshold, 0.0), x)


@numba.njit(cache=True, inline="always")
def _xlogx(x: float) -> float:
    return x * math.log(x) if x > 0.0 else 0.0


@numba.njit(cache=True, inline="always")
def _sigmoid(x: float) -> float:
    e = math.exp(-abs(x))
    return 1.0 / (1.0 + e) if x >= 0.0 else e / (1.0 + e)


@numba.njit(cache=True)
def _logistic_update(b: float, m: float, h: float, c: float) -> float:
    """Root of z + m + h (c sigmoid(z) - b) by Newton kept on the half line that holds it."""
    low = m + h * (0.5 * c - b) > 0.0
    z = math.log(max(b, _TINY)) - math.log(max(c - b, _TINY))
    z = min(z, 0.0) if low else max(z, 0.0)
    for _ in range(_NEWTON_STEPS):
        s = _sigmoid(z)
        step = z - (z + m + h * (c * s - b)) / (1.0 + h * c * s * (1.0 - s))
        step = min(step, 0.0) if low else max(step, 0.0)
        if abs(step - z) <= 1e-12 * max(1.0, abs(step)):
            z = step
            break
        z = step
    return c * _sigmoid(z)


@numba.njit(cache=True)
def update(kind: int, a: float, u: float, h: float, p: float, q: float) -> float:
    """Return the exact minimiser over one coordinate, given u = a_i . w and h = L ||a_i||^2.

    Where q is an example's weight it may be 0: nothing is divided by it.
    """
    if kind == PENALTY:
        if h <= 0.0:
            return 0.0 if p > 0.0 or q > 0.0 else a
        return _soft(a * h - u, p) / (h + q)
    if kind == SQUARED:
        return q * (p - u + a * h) / (1.0 + h * q)
    b = p * a
    m = p * u
    if kind == HINGE:
        if h <= 0.0:
            return p * (q if m < 1.0 else 0.0)
        return p * min(max(b + (1.0 - m) / h, 0.0), q)
    if kind == SQUARED_HINGE:
        return p * max(0.0, q * (1.0 - m + h * b) / (1.0 + h * q))
    return p * _logistic_update(min(max(b, 0.0), q), m, h, q)


@numba.njit(cache=True)
def gap(kind: int, a: float, u: float, p: float, q: float, bound: float) -> float:
    """Return the duality gap of one coordinate; ``bound`` is B of the Lasso's box."""
    if kind == PENALTY:
        if q > 0.0:
            r = max(abs(u) - p, 0.0)
            return max(a * u + p * abs(a) + 0.5 * q * a * a + 0.5 * r * r / q, 0.0)
        if p > 0.0:
            return max(a * u + p * abs(a) + bound * max(abs(u) - p, 0.0), 0.0)
        return 0.0
    if q == 0.0:
        return 0.0
    if kind == SQUARED:
        r = u - p + a / q
        return 0.5 * q * r * r
    b = min(max(p * a, 0.0), q) if kind != SQUARED_HINGE else max(p * a, 0.0)
    m = p * u
    if kind == HINGE:
        return max(b * m - b + q * max(0.0, 1.0 - m), 0.0)
    if kind == SQUARED_HINGE:
        r = max(0.0, 1.0 - m)
        return max(b * m - b + 0.5 * b * b / q + 0.5 * q * r * r, 0.0)
    share = b / q
    rest = 1.0 - share
    linear = share * m if m >= 0.0 else -rest * m
    entropy = _xlogx(share) + _xlogx(rest)
    return max(q * (linear + entropy + math.log1p(math.exp(-abs(m)))), 0.0)


@numba.njit(cache=True, nogil=True)
def shuffle(order, seed):
    """Permute ``order`` in place by a seeded Fisher-Yates (splitmix64)."""
    state = numba.uint64(seed)
    for i in range(order.size - 1, 0, -1):
        state += numba.uint64(0x9E3779B97F4A7C15)
        x = state
        x = (x ^ (x >> numba.uint64(30))) * numba.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> numba.uint64(27))) * numba.uint64(0x94D049BB133111EB)
        x = x ^ (x >> numba.uint64(31))
        j = numba.int64(x % numba.uint64(i + 1))
        order[i], order[j] = order[j], order[i]
