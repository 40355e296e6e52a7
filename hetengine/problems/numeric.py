"""Small float64 helpers that the terms share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]

#: How far outside its bounds, relative to c, a dual coordinate may lie and still count as inside:
#: a few roundings of float32.
BOUND_SLACK = 1e-6

_STRIPE = 1 << 14  # elements at once: what is made of them stays in a core's cache


def stripes(size: int) -> Iterator[slice]:
    """Yield the stretches of a long vector one after another.

    What is made of a stretch takes no memory to speak of, however many expressions it takes; where
    data are sparse, one whole vector may take as much as the data.

    Parameters
    ----------
    size : int
        Elements of the vector.
    """
    for first in range(0, size, _STRIPE):
        yield slice(first, min(first + _STRIPE, size))


def arrays(*values: ArrayLike) -> list[Vector]:
    """Return every argument as a float64 array, all of one shape.

    Parameters
    ----------
    *values : array_like
        Shapes that broadcast.

    Returns
    -------
    list of ndarray of float64
    """
    return list(np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in values)))


def ratio(above: ArrayLike, below: ArrayLike) -> Vector:
    """Return ``above / below`` with 0/0 = 0 and x/0 = inf for x > 0.

    Parameters
    ----------
    above, below : array_like
        Not negative.

    Returns
    -------
    ndarray of float64
    """
    top, bottom = arrays(above, below)
    result = np.where(top > 0, np.inf, 0.0)
    return np.divide(top, bottom, out=result, where=bottom > 0)


def soft_threshold(x: ArrayLike, threshold: ArrayLike) -> Vector:
    """Return ``sign(x) max(|x| - threshold, 0)``.

    Parameters
    ----------
    x, threshold : array_like

    Returns
    -------
    ndarray of float64
    """
    return np.sign(x) * np.maximum(np.abs(x) - threshold, 0.0)


def xlogx(x: ArrayLike) -> Vector:
    """Return ``x log x``, 0 at 0.

    Parameters
    ----------
    x : array_like
        Not negative.

    Returns
    -------
    ndarray of float64
    """
    (values,) = arrays(x)
    return values * np.log(np.where(values > 0, values, 1.0))


def sigmoid(z: ArrayLike) -> Vector:
    """Return ``1 / (1 + exp(-z))`` without overflow, accurate in both tails.

    Parameters
    ----------
    z : array_like

    Returns
    -------
    ndarray of float64
    """
    (values,) = arrays(z)
    small = np.exp(-np.abs(values))
    return np.where(values >= 0, 1.0, small) / (1.0 + small)


def clip_to_box(b: ArrayLike, c: ArrayLike) -> tuple[Vector, NDArray[np.bool_]]:
    """Return b clipped to [0, c], and whether it lay inside up to rounding.

    Parameters
    ----------
    b : array_like
    c : array_like
        Upper bounds, not negative; may be inf.

    Returns
    -------
    clipped : ndarray of float64
    inside : ndarray of bool
    """
    values, upper = arrays(b, c)
    clipped = np.clip(values, 0.0, upper)
    slack = BOUND_SLACK * np.where(np.isfinite(upper), upper, np.abs(values))
    return clipped, np.abs(values - clipped) <= slack
