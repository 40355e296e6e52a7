"""Seconds as a non-negative combination of what a launch has to do.

Coefficients are times per byte, flop and item, so a negative one would be nonsense and would
predict nonsense beyond the data (Lawson, Hanson, *Solving Least Squares Problems*, 1974, ch. 23).
A makespan is a sum, so the fit aims at means: residuals are taken relative to the model, as in a
gamma regression, a launch of a microsecond counting like one of a second. Measurements far off
(median/MAD of the residuals) are left out of the next round.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hetengine.calibrate.spec import BEYOND, FEATURES, SCATTERED
from hetengine.sim.cost.outliers import outlying
from hetengine.work import Work

_ROUNDS = 6
_STEPS = 12
_LEAST_SPREAD = 0.02  # of the residuals: a timer cannot do better
NEAR = 1.5
"""Factor by which a launch may lie outside the calibrated range."""


def features(work: Work, reuse_bytes: float = 0.0, caches: Sequence[int] = ()) -> dict[str, float]:
    """Return what the time of a launch is regressed on.

    Parameters
    ----------
    work : Work
        What the launch has to do.
    reuse_bytes : float
        Bytes that have gone through the caches since what it reads was used last.
    caches : sequence of int
        Sizes of the caches in bytes. A byte is no longer in a cache with a chance of
        ``1 - exp(-reuse_bytes / size)``, that of random replacement.

    Examples
    --------
    >>> features(Work(flops=2.0, bytes_read=3.0, bytes_written=4.0, items=5))["items"]
    5.0
    >>> features(Work(bytes_read=3.0), math.inf, [64])["beyond_64"]
    3.0
    """
    values = (1.0, work.bytes_read, work.bytes_written, work.flops, float(work.items))
    found: dict[str, float] = dict(zip(FEATURES, values, strict=True))
    found[SCATTERED] = work.bytes_read * share_left_out(work)
    for size in caches:
        found[f"{BEYOND}{size}"] = work.bytes_read * -math.expm1(-reuse_bytes / size)
    return found


def share_left_out(work: Work) -> float:
    """Return which part of what lies between its data a launch leaves out; 0 if not known.

    Examples
    --------
    >>> share_left_out(Work(bytes_read=3.0, footprint=4.0)), share_left_out(Work(bytes_read=3.0))
    (0.25, 0.0)
    """
    return max(0.0, 1.0 - work.bytes_read / work.extent) if work.extent > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted regression.

    Attributes
    ----------
    coefficients : dict of str to float
        Seconds per unit of each feature, those that are not zero.
    lower, upper : dict of str to float
        Range of each of `FEATURES` over the measurements that were kept.
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


def fit(
    works: Sequence[Work],
    seconds: Sequence[float],
    reuse_bytes: Sequence[float] | None = None,
    caches: Sequence[int] = (),
) -> Fit:
    """Fit measurements of one kernel on one device.

    Parameters
    ----------
    works : sequence of Work, length n
        What was launched, at least one.
    seconds : sequence of float, length n
        How long it took, each greater than 0.
    reuse_bytes : sequence of float, length n, optional
        Of each launch; 0 by default.
    caches : sequence of int
        Sizes of the caches in bytes.
    """
    reuse = [0.0] * len(works) if reuse_bytes is None else reuse_bytes
    named = _columns(works, reuse, caches)
    names, table = list(named), np.stack(list(named.values()), axis=1)
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
    kept = table[~out][:, : len(FEATURES)]
    return Fit(
        {name: value for name, value in zip(names, solution.tolist(), strict=True) if value > 0.0},
        dict(zip(FEATURES, kept.min(axis=0).tolist(), strict=True)),
        dict(zip(FEATURES, kept.max(axis=0).tolist(), strict=True)),
        out,
        measured / np.maximum(table @ solution, np.finfo(np.float64).tiny),
    )


def _columns(
    works: Sequence[Work], reuse_bytes: Sequence[float], caches: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Return the `features` of many launches, shape (n,) each."""
    sizes = np.array(
        [
            (1.0, w.bytes_read, w.bytes_written, w.flops, w.items, share_left_out(w) * w.bytes_read)
            for w in works
        ]
    )
    names = (*FEATURES, SCATTERED)
    columns = sizes.reshape(-1, len(names)).T
    found: dict[str, NDArray[np.float64]] = dict(zip(names, columns, strict=True))
    reuse = np.asarray(reuse_bytes, dtype=np.float64)
    for size in caches:
        found[f"{BEYOND}{size}"] = found["bytes_read"] * -np.expm1(-reuse / size)
    return found


def _solve(table: NDArray[np.float64], measured: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares of residuals relative to the model, by reweighting; none negative."""
    from scipy.optimize import nnls

    scale = np.maximum(table.max(axis=0), 1e-300)
    rows = table / scale
    modelled = measured
    solution = np.zeros(table.shape[1])
    for _ in range(_STEPS):
        # The triangle of a QR factorisation has the same solution and a row per column.
        scaled = np.column_stack((rows, measured)) / modelled[:, None]
        triangle = np.asarray(np.linalg.qr(scaled, mode="r"), np.float64)
        solution, _ = nnls(triangle[:, :-1], triangle[:, -1])
        # A model far below a measurement would give it all the weight.
        modelled = np.maximum(rows @ solution, 0.1 * measured)
    return solution / scale


def predict(coefficients: Mapping[str, float], work: Work, reuse_bytes: float = 0.0) -> float:
    """Return the seconds a regression gives a launch."""
    values = features(work, reuse_bytes, _caches(coefficients))
    return sum(rate * values[name] for name, rate in coefficients.items())


def predict_all(
    coefficients: Mapping[str, float], works: Sequence[Work], reuse_bytes: Sequence[float]
) -> NDArray[np.float64]:
    """Return the seconds a regression gives each of many launches, shape (n,)."""
    values = _columns(works, reuse_bytes, _caches(coefficients))
    seconds = np.zeros(len(works))
    for name, rate in coefficients.items():
        seconds += rate * values[name]
    return seconds


def _caches(coefficients: Mapping[str, float]) -> list[int]:
    return [int(name.removeprefix(BEYOND)) for name in coefficients if name.startswith(BEYOND)]


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
