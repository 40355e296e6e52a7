"""Seconds as a non-negative combination of what a launch has to do.

Coefficients are times per byte, flop and item, so a negative one would be nonsense and would
predict nonsense beyond the data (Lawson, Hanson, *Solving Least Squares Problems*, 1974, ch. 23).
Residuals are taken relative to the measurement: a launch of a microsecond counts like one of a
second. Measurements far off (median/MAD of the residuals) are left out of the next round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hetengine.calibrate.spec import FEATURES
from hetengine.device import Work
from hetengine.sim.cost.outliers import outlying

_ROUNDS = 6
_LEAST_SPREAD = 0.02  # of the residuals: a timer cannot do better
NEAR = 1.5
"""Factor by which a launch may lie outside the calibrated range."""


def features(work: Work) -> dict[str, float]:
    """Return what the time of a launch is regressed on.

    Examples
    --------
    >>> features(Work(flops=2.0, bytes_read=3.0, bytes_written=4.0, items=5))["items"]
    5.0
    """
    values = (1.0, work.bytes_read, work.bytes_written, work.flops, float(work.items))
    return dict(zip(FEATURES, values, strict=True))


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted regression.

    Attributes
    ----------
    coefficients : dict of str to float
        Seconds per unit of each feature, those that are not zero.
    lower, upper : dict of str to float
        Range of each feature over the measurements that were kept.
    outliers : ndarray of bool, shape (n,)
        Measurements left out.
    ratios : ndarray, shape (n,)
        Measured over modelled seconds.
    """

    coefficients: dict[str, float]
    lower: dict[str, float]
    upper: dict[str, float]
    outliers: NDArray[np.bool_]
    ratios: NDArray[np.float64]


def fit(works: Sequence[Work], seconds: Sequence[float]) -> Fit:
    """Fit measurements of one kernel on one device.

    Parameters
    ----------
    works : sequence of Work, length n
        What was launched, at least one.
    seconds : sequence of float, length n
        How long it took, each greater than 0.
    """
    table = np.array([list(features(work).values()) for work in works])
    measured = np.asarray(seconds, dtype=np.float64)
    out = np.zeros(measured.size, bool)
    solution = np.zeros(table.shape[1])
    for _ in range(_ROUNDS):
        solution = _solve(table[~out], measured[~out])
        ratios = measured / np.maximum(table @ solution, np.finfo(np.float64).tiny)
        marked = outlying(np.log(ratios), floor=_LEAST_SPREAD)
        if np.array_equal(marked, out):
            break
        out = marked
    kept = table[~out]
    named = dict(zip(FEATURES, solution.tolist(), strict=True))
    return Fit(
        {name: value for name, value in named.items() if value > 0.0},
        dict(zip(FEATURES, kept.min(axis=0).tolist(), strict=True)),
        dict(zip(FEATURES, kept.max(axis=0).tolist(), strict=True)),
        out,
        measured / np.maximum(table @ solution, np.finfo(np.float64).tiny),
    )


def _solve(table: NDArray[np.float64], measured: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least relative residuals, by reweighting towards least absolute ones; none negative."""
    from scipy.optimize import nnls

    scale = np.maximum(table.max(axis=0), 1e-300)
    rows = table / scale / measured[:, None]
    weights = np.ones(measured.size)
    solution = np.zeros(table.shape[1])
    for _ in range(_ROUNDS):
        solution, _ = nnls(rows * weights[:, None], weights)
        residual = np.abs(rows @ solution - 1.0)
        # Square root of 1/|r|: iteratively reweighted least squares for the L1 norm.
        weights = 1.0 / np.sqrt(np.maximum(residual, _LEAST_SPREAD))
    return solution / scale


def predict(coefficients: Mapping[str, float], work: Work) -> float:
    """Return the seconds a regression gives a launch."""
    values = features(work)
    return sum(rate * values[name] for name, rate in coefficients.items())


def in_range(lower: Mapping[str, float], upper: Mapping[str, float], work: Work) -> bool:
    """Whether a launch is within the calibrated range, or outside by a factor of `NEAR` at most.

    Examples
    --------
    >>> in_range({"items": 10.0}, {"items": 100.0}, Work(items=140))
    True
    >>> in_range({"items": 10.0}, {"items": 100.0}, Work(items=1000))
    False
    """
    values = features(work)
    return all(
        lower[name] / NEAR <= values[name] <= upper[name] * NEAR for name in lower if name in upper
    )
