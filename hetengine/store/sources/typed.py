"""Rows in the type a store holds, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from hetengine.data.dataset import Matrix
from hetengine.data.validate import NOT_FINITE, first_nonfinite
from hetengine.errors import DataError


def typed(X: Matrix, dtype: np.dtype[Any], name: str, row: int, *, copy: bool = False) -> Matrix:
    """Return rows in another type.

    Parameters
    ----------
    X : ndarray or csr_array, shape (k, columns)
        Some rows.
    dtype : numpy.dtype
        Float32 or float64.
    name : str
        What to call them in a message.
    row : int
        Number of the first one, for messages.
    copy : bool
        Whether they shall be changed in place: never return X itself.

    Raises
    ------
    DataError
        With row and column, counted from 0, of the first entry that is NaN or Inf, or becomes so.
    """
    with np.errstate(over="ignore"):
        result = X.astype(dtype, copy=copy)
    bad = first_nonfinite(result)
    if bad is None:
        return result
    at, column, _ = bad
    value = X[at, column]
    if np.isfinite(value):
        why = f"too large for {dtype}; type --precision float64 or scale the data"
        raise DataError(f"{name}: X[{row + at}, {column}] is {value:g}, {why}")
    raise DataError(f"{name}: X[{row + at}, {column}] is {value}; {NOT_FINITE}")
