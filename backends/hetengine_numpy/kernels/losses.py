"""Losses of a run of examples at given scores: values summed, slopes one by one.

The float64 formulas are those of `hetengine.problems.terms`: the value is ``g*(-u)`` and the slope
its derivative by the score, so that ``-slope`` is the dual coordinate that closes the gap.
"""

from __future__ import annotations

import math

import numba

SQUARED_HINGE, LOGISTIC = 3, 4

_MOST_FACTORS = 512  # each between 1 and 2: their product stays finite


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _logistic(scores, first, count, target, weight, slope):
    """Sum with one logarithm per run of equal weights: ``log a + log b = log(a b)``."""
    total, held, product, factors = 0.0, 0.0, 1.0, 0
    for k in range(count):
        i = first + k
        y, c = target[i], weight[i]
        m = y * scores[i]
        e = math.exp(-abs(m))
        s = 1.0 / (1.0 + e)
        slope[i] = -c * y * (e * s if m >= 0.0 else s)
        total += c * max(-m, 0.0)
        if c != held or factors == _MOST_FACTORS:
            total += held * math.log(product)
            held, product, factors = c, 1.0, 0
        product *= 1.0 + e
        factors += 1
    return total + held * math.log(product)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def losses(kind, scores, first, count, target, weight, slope):
    """Return the summed loss of examples ``first`` to ``first + count``, and write their slopes.

    Parameters
    ----------
    kind : int
        Of the coordinate problem; PENALTY and SQUARED are ``c/2 (z - y)^2``, HINGE has no slope.
    scores : ndarray of float64, shape (n,)
        z of all examples.
    first, count : int
        Which they are.
    target, weight : ndarray of float64, shape (n,)
        y and c of all examples.
    slope : ndarray of float64, shape (n,)
        Gets the derivative of each loss by its score.

    Returns
    -------
    float
    """
    if kind == LOGISTIC:
        return _logistic(scores, first, count, target, weight, slope)
    total = 0.0
    for k in range(count):
        i = first + k
        y, c = target[i], weight[i]
        if kind == SQUARED_HINGE:
            short = max(0.0, 1.0 - y * scores[i])
            slope[i] = -c * y * short
        else:
            short = scores[i] - y
            slope[i] = c * short
        total += 0.5 * c * short * short
    return total
