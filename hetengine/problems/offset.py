"""Features whose values are far above their spread, for instance a column of years.

In single precision the products of such a column with residuals are sums of large numbers that
cancel, and coordinate steps in any precision get in each other's way. With an unpenalised
intercept, taking a number off every value of a feature changes nothing but the intercept,
``x . beta + b = (x - m) . beta + (b + m . beta)``: dense data are moved near 0. Sparse data, whose
zeros are not stored, cannot be, nor can data without an intercept: for them double precision is
what is left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_FIRST_ROWS = 16  # read of all data; more only where they leave a doubt
_ROWS, _LEAST_ROWS, _ENTRIES = 512, 64, 1 << 22  # rows, but not so many entries
_FAR = 10.0  # spreads: from there on float32 products are off by more than tolerances allow
_FULL = 0.98  # of a feature's values: zeros among the others spread it more than that


def feature_offsets(X: Any) -> Vector | None:
    """Return what to take off every feature, or None if no feature is far from 0.

    Parameters
    ----------
    X : ndarray or SciPy sparse array, shape (N, P)
        At most 16 rows of it are read, 512 where they leave a doubt.

    Returns
    -------
    ndarray of float64, shape (P,), or None
        Means of the features that are further from 0 than they spread, which float32 can represent;
        0 for the others.
    """
    features = X.shape[1]
    with np.errstate(all="ignore"):  # data not finite: the pass that meets them says so
        if not _far(*_look(X, _FIRST_ROWS), 0.5 * _FAR).any():
            return None
        mean, spread = _look(X, max(_LEAST_ROWS, min(_ROWS, _ENTRIES // features)))
        if not _far(mean, spread, _FAR).any():
            return None
        offsets = np.where(np.abs(mean) > spread, mean, 0.0).astype(np.float32)
        return np.where(np.isfinite(offsets), offsets, 0.0).astype(np.float64)


def _far(mean: Vector, spread: Vector, times: float) -> NDArray[np.bool_]:
    return np.abs(mean) > times * spread


def _look(X: Any, rows: int) -> tuple[Vector, Vector]:
    """Return the mean and the spread of every feature over some rows.

    A feature that does not vary is measured by the others: a column of ones is harmless.
    """
    chosen = np.linspace(0, X.shape[0] - 1, min(rows, X.shape[0])).astype(np.int64)
    mean, spread = _moments(X, chosen)
    varying = spread > 0
    spread[~varying] = np.median(spread[varying]) if varying.any() else np.inf
    return mean, spread


def moved(X: NDArray[Any], offsets: Vector, dtype: np.dtype) -> NDArray[np.floating]:
    """Return a copy of dense data with ``offsets`` taken off the features.

    Parameters
    ----------
    X : ndarray, shape (N, P)
        In either order, which is kept.
    offsets : ndarray of float64, shape (P,)
        Of `feature_offsets`; the difference is rounded once.
    dtype : float32 or float64
    """
    out = np.empty_like(X, dtype=dtype)
    np.subtract(X, offsets.astype(dtype), out=out, casting="same_kind")
    return out


def _moments(X: Any, chosen: NDArray[np.int64]) -> tuple[Vector, Vector]:
    """Return the mean and the standard deviation of every feature over some rows."""
    if not hasattr(X, "tocsr"):
        sample = np.asarray(X[chosen], dtype=np.float64)
        return sample.mean(axis=0), sample.std(axis=0)
    if X.format == "csc" and not np.any(np.diff(X.indptr) > _FULL * X.shape[0]):
        return np.zeros(X.shape[1]), np.zeros(X.shape[1])
    sample = X.tocsr()[chosen]
    count, features, values = chosen.size, sample.indices, sample.data.astype(np.float64)
    mean = np.bincount(features, values, X.shape[1]) / count
    stored = np.bincount(features, minlength=X.shape[1])
    away = np.bincount(features, (values - mean[features]) ** 2, X.shape[1])
    return mean, np.sqrt((away + (count - stored) * mean**2) / count)
