"""Which measurements lie so far off that they would poison a fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONSISTENT = 1.4826
"""Standard deviation of a Gaussian over its median absolute deviation."""

_ACCIDENTS = 0.005


def median_and_mad(values: ArrayLike) -> tuple[float, float]:
    """Return the median and the median absolute deviation from it.

    Parameters
    ----------
    values : array_like, shape (n,)
        At least one number.
    """
    numbers = np.asarray(values, dtype=np.float64)
    middle = float(np.median(numbers))
    return middle, float(np.median(np.abs(numbers - middle)))


def outlying(values: ArrayLike, limit: float = 5.0, floor: float = 0.0) -> NDArray[np.bool_]:
    """Mark values further from the median than ``limit`` robust standard deviations.

    Parameters
    ----------
    values : array_like, shape (n,)
        Measurements, or residuals of a fit.
    limit : float
        Robust standard deviations (1.4826 MAD) that are still in.
    floor : float
        Least robust standard deviation; values that repeat exactly have none of their own.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where the value is out; the value itself is kept by the caller.

    Examples
    --------
    >>> outlying([1.0, 1.1, 0.9, 1.0, 40.0]).tolist()
    [False, False, False, False, True]
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.size == 0:
        return np.zeros(0, bool)
    middle, mad = median_and_mad(numbers)
    scale = max(CONSISTENT * mad, floor, np.finfo(np.float64).tiny)
    return np.abs(numbers - middle) > limit * scale


def pauses(measured: Sequence[float], modelled: Sequence[float], runs: Sequence[int] = ()) -> float:
    """Return by how much launches take longer in sum than a model has it.

    A makespan is a sum, so pauses that hit one launch in twenty count. The few longest, at least
    one of ten or more, are taken for accidents and left out, so that one spike cannot poison the
    factor. A shared machine is slower for seconds at a time, whole runs: of several runs the median
    counts.

    Parameters
    ----------
    measured, modelled : sequence of float
        Seconds of each launch, at least one.
    runs : sequence of int
        Which run each launch belongs to; all to one by default.

    Returns
    -------
    float
        Measured over modelled seconds in sum.

    Examples
    --------
    >>> pauses([1.0] * 8 + [2.0, 500.0], [1.0] * 10)
    1.1111111111111112
    >>> pauses([1.0, 1.0, 1.2, 1.2, 3.0, 3.0], [1.0] * 6, [0, 0, 1, 1, 2, 2])
    1.2
    """
    seen, expected = np.asarray(measured), np.asarray(modelled)
    accidents = round(_ACCIDENTS * seen.size) or int(seen.size >= 10)
    kept = np.argsort(seen - expected)[: seen.size - accidents]
    which = np.asarray(runs)[kept] if len(runs) else np.zeros(kept.size, np.int64)
    _, group = np.unique(which, return_inverse=True)
    took, should = (
        np.asarray(np.bincount(group, values[kept]), np.float64) for values in (seen, expected)
    )
    return weighted_median(took / should, should)


def weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the value with as much weight below as above, or the mean of two such.

    Parameters
    ----------
    values, weights : ndarray, shape (n,)
        At least one; weights greater than 0.
    """
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    low, high = (int(np.searchsorted(share, 0.5 + tiny)) for tiny in (-1e-9, 1e-9))
    return float(0.5 * (values[order[low]] + values[order[min(high, values.size - 1)]]))
