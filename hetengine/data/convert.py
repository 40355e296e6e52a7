"""Turn arrays a caller holds into a checked ``Dataset``, copying only where that is needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from hetengine.data.dataset import Dataset, FloatType, Matrix
from hetengine.data.validate import (
    check_matrix,
    check_size,
    check_target,
    check_weights,
    first_nonfinite,
)
from hetengine.errors import DataError


def dataset_of(
    X: Any,
    y: Any,
    weights: Any = None,
    name: str = "array",
    dtype: FloatType = np.float32,
    defer: bool = False,
) -> Dataset:
    """Check arrays and bring them into the form problems are built from.

    The caller's arrays are never written to; they are shared where they already have that form.

    Parameters
    ----------
    X : array_like or scipy.sparse matrix or array, shape (rows, columns)
        Examples; any real number type, any sparse format.
    y : array_like, shape (rows,)
        Labels or targets.
    weights : array_like, shape (rows,), optional
        Example weights, at least 0.
    name : str
        Name of the data set.
    dtype : numpy.dtype
        Float32 or float64 for X.
    defer : bool
        Leave it to whoever reads every entry next to notice NaN and Inf.

    Returns
    -------
    Dataset
        With dense X in C order, or sparse X as ``csr_array`` with sorted, summed indices.

    Raises
    ------
    DataError
        On wrong shapes, types that are not real numbers, NaN, Inf, an all-zero X, bad weights.

    Examples
    --------
    >>> dataset_of([[1, 0], [0, 2]], [1, -1]).X.dtype
    dtype('float32')
    """
    matrix = matrix_of(X, dtype, name, defer)
    labels = labels_of(y, matrix.shape[0], name)
    return Dataset(name, matrix, labels, weights_of(weights, matrix, name))


def matrix_of(X: Any, dtype: FloatType, name: str, defer: bool = False) -> Matrix:
    """Return X as a contiguous array or a canonical ``csr_array`` of a floating type.

    Parameters
    ----------
    X : array_like or scipy.sparse matrix or array, shape (rows, columns)
        Examples.
    dtype : numpy.dtype
        Float32 or float64.
    name : str
        What to call it in a message.
    defer : bool
        Leave it to whoever reads every entry next to notice NaN and Inf.

    Returns
    -------
    numpy.ndarray or csr_array
        Sharing memory with X where nothing had to change.

    Raises
    ------
    DataError
        If it is not a finite, non-zero, two-dimensional matrix of real numbers.
    """
    from scipy.sparse import issparse

    raw: Matrix = X if issparse(X) else real_array(X, name, "X")
    if raw.ndim != 2:
        hint = "; reshape it with X.reshape(-1, 1)" if raw.ndim == 1 else ""
        raise DataError(f"{name}: X has shape {raw.shape}; need (rows, columns){hint}")
    if issparse(raw):
        check_kind(raw.dtype, name, "X")
        matrix = _canonical(raw, dtype, name)
    else:
        order = "F" if raw.flags.fnc else "C"
        with np.errstate(over="ignore"):
            matrix = np.asarray(raw, dtype=dtype, order=order)
    if raw.dtype != matrix.dtype:
        _check_overflow(raw, matrix, name)
    (check_size if defer else check_matrix)(matrix, name)
    return matrix


def labels_of(y: Any, rows: int, name: str) -> np.ndarray:
    """Return labels as a checked float64 vector.

    Parameters
    ----------
    y : array_like, shape (rows,)
        Labels.
    rows : int
        Rows of X.
    name : str
        What to call them in a message.

    Returns
    -------
    numpy.ndarray of float64, shape (rows,)
        Labels.

    Raises
    ------
    DataError
        On a wrong shape, length or type, NaN or Inf.
    """
    labels = np.ascontiguousarray(real_array(y, name, "y"), dtype=np.float64)
    check_target(labels, rows, name)
    return labels


def weights_of(weights: Any, X: Matrix, name: str) -> np.ndarray | None:
    """Return example weights as a checked float64 vector, or None where there are none.

    Parameters
    ----------
    weights : array_like, shape (rows,), or None
        Example weights.
    X : numpy.ndarray or csr_array, shape (rows, columns)
        The examples they belong to.
    name : str
        What to call them in a message.

    Returns
    -------
    numpy.ndarray of float64, shape (rows,), or None
        Weights, not normalised.

    Raises
    ------
    DataError
        On a wrong shape, length or type, NaN, Inf, a negative weight, or all zero.
    """
    if weights is None:
        return None
    values = np.ascontiguousarray(real_array(weights, name, "weights"), dtype=np.float64)
    check_weights(values, X.shape[0], name)
    return values


def real_array(values: Any, name: str, symbol: str) -> np.ndarray:
    """Return values as an array of real numbers.

    Parameters
    ----------
    values : array_like
        What a caller holds.
    name, symbol : str
        What to call them in a message.

    Raises
    ------
    DataError
        If rows differ in length, or something is no real number.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{name}: {symbol} is ragged; its rows need equal lengths") from error
    check_kind(array.dtype, name, symbol)
    return array


def check_kind(dtype: np.dtype, name: str, symbol: str) -> None:
    """Refuse a type that is none of real numbers.

    Parameters
    ----------
    dtype : numpy.dtype
        Of an array.
    name, symbol : str
        What to call it in a message.

    Raises
    ------
    DataError
        If it is text, complex, dates or objects.
    """
    if dtype.kind not in "buif":
        raise DataError(f"{name}: {symbol} holds {dtype}; need real numbers (float, int or bool)")


def _canonical(raw: Any, dtype: FloatType, name: str) -> Matrix:
    from scipy.sparse import csr_array

    rows = raw.tocsr()
    with np.errstate(over="ignore"):
        data = rows.data.astype(dtype, copy=False)
    try:
        matrix = csr_array((data, rows.indices, rows.indptr), shape=rows.shape)
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise DataError(f"{name}: X is not a valid sparse matrix ({error})") from error
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        with np.errstate(over="ignore"):
            matrix.sum_duplicates()
    return matrix


def _check_overflow(raw: Any, matrix: Matrix, name: str) -> None:
    bad = first_nonfinite(matrix)
    if bad is None:
        return
    row, column, _ = bad
    original = raw[row, column] if isinstance(raw, np.ndarray) else raw.tocsr()[row, column]
    if np.isfinite(original):
        raise DataError(
            f"{name}: X[{row}, {column}] is {original:g}, too large for {matrix.dtype}; "
            "use precision=float64 or scale the data"
        )
