"""Checks on matrices, targets and weights, with the place of the first fault in the message."""

from __future__ import annotations

import numpy as np

from hetengine.data.dataset import Matrix, is_dense
from hetengine.errors import DataError

BLOCK_ENTRIES = 1 << 22
NOT_FINITE = "drop or fill it before training"


def row_blocks(X: np.ndarray) -> list[slice]:
    """Cut the rows of a dense matrix into blocks of about ``BLOCK_ENTRIES`` entries.

    Parameters
    ----------
    X : numpy.ndarray, shape (rows, columns)
        Any dense matrix.

    Returns
    -------
    list of slice
        Consecutive, covering all rows.
    """
    step = max(1, BLOCK_ENTRIES // max(1, X.shape[1]))
    return [slice(start, start + step) for start in range(0, X.shape[0], step)]


def first_nonfinite(X: Matrix) -> tuple[int, int, float] | None:
    """Return row, column (from 0) and value of the first NaN or Inf.

    Parameters
    ----------
    X : numpy.ndarray or csr_array, shape (rows, columns)
        Floating-point matrix.

    Returns
    -------
    tuple of (int, int, float), or None
        None where every entry is finite.
    """
    if not is_dense(X):
        bad = np.flatnonzero(~np.isfinite(X.data))
        if not bad.size:
            return None
        row = int(np.searchsorted(X.indptr, bad[0], side="right")) - 1
        return row, int(X.indices[bad[0]]), float(X.data[bad[0]])
    for block in row_blocks(X):
        finite = np.isfinite(X[block])
        if not finite.all():
            row, column = (int(place) for place in np.argwhere(~finite)[0])
            return block.start + row, column, float(X[block.start + row, column])
    return None


def check_matrix(X: Matrix, name: str) -> None:
    """Check that a matrix has rows, columns and finite entries whose squares are numbers, too.

    Parameters
    ----------
    X : numpy.ndarray or csr_array, shape (rows, columns)
        The examples.
    name : str
        What to call it in a message.

    Raises
    ------
    DataError
        With the row and column, counted from 0, of the first NaN or Inf; or with the largest entry,
        where sums of its squares are infinite or 0 in the type of X.
    """
    check_size(X, name)
    largest = _largest(X)
    if not np.isfinite(largest):
        bad = first_nonfinite(X)
        assert bad is not None
        row, column, value = bad
        raise DataError(f"{name}: X[{row}, {column}] is {value}; {NOT_FINITE}")
    limits = np.finfo(X.dtype)
    least = float(limits.tiny) ** 0.5
    most = (float(limits.max) / max(X.shape)) ** 0.5
    if not least <= largest <= most:
        hint = "use precision=float64 or " if X.dtype == np.float32 else ""
        raise DataError(
            f"{name}: the largest entry of X is {largest:.3g} in size; sums of squares need it "
            f"between {least:.1g} and {most:.1g} in {X.dtype}; {hint}scale the data"
        )


def _largest(X: Matrix) -> float:
    """Return the largest ``|x|``; NaN where an entry is NaN."""
    lying = X.T if is_dense(X) and X.flags.fnc else X
    parts = (lying[block] for block in row_blocks(lying)) if is_dense(X) else (X.data,)
    ends = [end for part in parts for end in (part.max(), part.min())]
    return float(np.max(np.abs(np.array(ends, dtype=np.float64))))


def check_size(X: Matrix, name: str) -> None:
    """Check that a matrix has rows, columns and something other than zeros.

    Parameters
    ----------
    X : numpy.ndarray or csr_array, shape (rows, columns)
        The examples.
    name : str
        What to call it in a message.

    Raises
    ------
    DataError
        Otherwise.
    """
    if X.shape[0] == 0 or X.shape[1] == 0:
        raise DataError(f"{name}: {X.shape[0]} rows x {X.shape[1]} columns; need at least 1 x 1")
    blocks = (X[block] for block in (slice(0, 1), *row_blocks(X)))
    parts = blocks if is_dense(X) else (X.data[:1000], X.data)
    if not any(part.any() for part in parts):
        raise DataError(f"{name}: every entry of X is zero; there is nothing to learn from")


def check_target(y: np.ndarray, rows: int, name: str) -> None:
    """Check that there is one finite label per row.

    Parameters
    ----------
    y : numpy.ndarray of float64, shape (rows,)
        Labels.
    rows : int
        Rows of X.
    name : str
        What to call it in a message.

    Raises
    ------
    DataError
        If the shape differs or a label is NaN or Inf.
    """
    _check_vector(y, rows, name, "y", "label")


def check_weights(weights: np.ndarray, rows: int, name: str) -> None:
    """Check that there is one finite, non-negative weight per row, and not only zeros.

    Parameters
    ----------
    weights : numpy.ndarray of float64, shape (rows,)
        Example weights.
    rows : int
        Rows of X.
    name : str
        What to call them in a message.

    Raises
    ------
    DataError
        Otherwise.
    """
    _check_vector(weights, rows, name, "weights", "weight")
    negative = np.flatnonzero(weights < 0)
    if negative.size:
        row = negative[0]
        raise DataError(f"{name}: weights[{row}] is {weights[row]}; weights must be at least 0")
    if not weights.any():
        raise DataError(f"{name}: every weight is 0; at least one example must count")


def _check_vector(values: np.ndarray, rows: int, name: str, symbol: str, word: str) -> None:
    if values.ndim != 1:
        raise DataError(
            f"{name}: {symbol} has shape {values.shape}; need one {word} per row, shape ({rows},)"
        )
    if len(values) != rows:
        raise DataError(f"{name}: {len(values)} {word}s for {rows} rows; need one per row")
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise DataError(f"{name}: {symbol}[{bad[0]}] is {values[bad[0]]}; {NOT_FINITE}")


def empty_columns(X: Matrix) -> np.ndarray:
    """Return the columns that hold nothing but zeros.

    They are allowed (their coefficient is zero) but worth a line in the log.

    Parameters
    ----------
    X : numpy.ndarray or csr_array, shape (rows, columns)
        The examples.

    Returns
    -------
    numpy.ndarray of int64
        Column numbers from 0, ascending.

    Examples
    --------
    >>> empty_columns(np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]]))
    array([1])
    """
    used = np.zeros(X.shape[1], bool)
    if is_dense(X):
        for block in row_blocks(X):
            used |= X[block].any(axis=0)
    else:
        used[X.indices[X.data != 0]] = True
    return np.flatnonzero(~used)
