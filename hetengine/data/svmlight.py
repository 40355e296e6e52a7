"""Read svmlight / LIBSVM files: ``label [qid:n] column:value ... [# comment]``.

scikit-learn's reader does the work. Only where it fails, or where a value is not finite, the file
is read again in Python to find the line and the token at fault.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from hetengine.data.dataset import FloatType, Matrix
from hetengine.data.files import opened
from hetengine.data.numbers import number_fault, shown
from hetengine.errors import DataError

MAX_COLUMNS = 2**31 - 1


def read_svmlight(
    paths: list[Path],
    dtype: FloatType,
    *,
    columns: int | None = None,
    index_base: str = "auto",
) -> list[tuple[Matrix, np.ndarray]]:
    """Read files that share their columns: the training set and, if there is one, the test set.

    Parameters
    ----------
    paths : list of Path
        Training file first; plain, .gz, .bz2 or .xz.
    dtype : numpy.dtype
        Float32 or float64 for the values.
    columns : int or None
        Number of features; None takes the highest column of the first file.
    index_base : {'auto', 'zero', 'one'}
        Number of the first column; ``auto`` is one where no file uses column 0.

    Returns
    -------
    list of (csr_array of shape (rows, columns), numpy.ndarray of float64)
        Matrix and labels of each file. ``qid`` and comments are ignored.

    Raises
    ------
    DataError
        Naming file, line and token: unreadable, no rows, not a number, NaN, Inf, indices that
        do not increase, or a column beyond ``columns``.
    """
    parts = [_read_from_zero(path, dtype) for path in paths]
    lowest = min((int(X.indices.min()) for X, _ in parts if X.nnz), default=1)
    base = {"auto": int(lowest > 0), "zero": 0, "one": 1}[index_base]
    if lowest < base:
        places = [(path, _place_of(path, lambda column: column < 1)) for path in paths]
        place = next(f"{path}:{line}" for path, line in places if line)
        raise DataError(f"{place}: column 0, but data.index_base=one; set data.index_base=auto")
    width = columns or _width(parts[0][0], base)
    return [
        (_shifted(path, X, base, width, given=columns is not None), y)
        for path, (X, y) in zip(paths, parts, strict=True)
    ]


def _read_from_zero(path: Path, dtype: FloatType) -> tuple[Matrix, np.ndarray]:
    with opened(path) as stream:
        X, y = parse_svmlight(stream, path, dtype)
    if X.shape[0] == 0:
        raise DataError(f"{path}: no examples in the file; need lines 'label column:value ...'")
    return X, y


def parse_svmlight(stream: BinaryIO, path: Path, dtype: FloatType) -> tuple[Matrix, np.ndarray]:
    """Parse lines of a file, the first column counted as 0.

    Parameters
    ----------
    stream : binary file
        Whole lines, all of the file or some.
    path : Path
        The file, read again to find a fault.
    dtype : numpy.dtype
        Float32 or float64 for the values.

    Returns
    -------
    X : scipy.sparse.csr_matrix
        As wide as the highest column in these lines.
    y : numpy.ndarray of float64
        Labels.

    Raises
    ------
    DataError
        Naming file, line and token.
    """
    from sklearn.datasets import load_svmlight_file

    read: Any = load_svmlight_file  # its inferred parameter types are narrower than the real ones
    try:
        loaded = read(stream, dtype=dtype, zero_based=True)
    except (ValueError, OverflowError) as error:
        raise DataError(_fault(path, dtype) or f"{path}: not svmlight data ({error})") from error
    X, y = loaded[0], loaded[1]
    if not (np.isfinite(X.data).all() and np.isfinite(y).all()):
        raise DataError(_fault(path, dtype) or f"{path}: holds a value that is not finite")
    return X, y


def _width(X: Matrix, base: int) -> int:
    return int(X.indices.max()) + 1 - base if X.nnz else 1


def _shifted(path: Path, X: Matrix, base: int, width: int, *, given: bool) -> Matrix:
    from scipy.sparse import csr_array

    used = _width(X, base)
    if used > width:
        line = _place_of(path, lambda column: column >= width + base)
        limit = f"data.columns={width}" if given else f"the training file has {width}"
        raise DataError(
            f"{path}:{line}: column {width + base} or higher ({used} columns in this file), but "
            f"{limit}; set data.columns={used} or drop them"
        )
    wide = max(width, X.nnz) > MAX_COLUMNS
    index_type = np.int64 if wide else np.int32
    indices = X.indices.astype(index_type)
    indices -= base
    indptr = X.indptr.astype(index_type, copy=False)
    return csr_array((X.data, indices, indptr), shape=(X.shape[0], width))


def _place_of(path: Path, wanted: Callable[[int], bool]) -> int:
    """Return the first line with a column number for which ``wanted`` holds, else 0."""
    with opened(path) as stream:
        for number, tokens in _lines(stream):
            if any(wanted(int(token.partition(":")[0])) for token in _features(tokens)):
                return number
    return 0


def _lines(stream: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(stream, start=1):
        words = line.partition(b"#")[0].split()
        if words:
            yield number, [word.decode("utf-8", errors="backslashreplace") for word in words]


def _features(tokens: list[str]) -> list[str]:
    return tokens[2:] if len(tokens) > 1 and tokens[1].startswith("qid") else tokens[1:]


def _fault(path: Path, dtype: FloatType) -> str | None:
    """Return a message for the first line that cannot be used, or None."""
    with opened(path) as stream:
        for number, tokens in _lines(stream):
            fault = number_fault(tokens[0], np.float64)
            if fault:
                return f"{path}:{number}: label {shown(tokens[0])} {fault}"
            if tokens[1:2] and tokens[1].startswith("qid") and ":" not in tokens[1]:
                return f"{path}:{number}: {shown(tokens[1])} has no colon; write qid:number"
            previous: float = -math.inf
            for token in _features(tokens):
                fault = _token_fault(token, previous, dtype)
                if fault:
                    return f"{path}:{number}: {shown(token)} {fault}"
                previous = int(token.partition(":")[0])
    return None


def _token_fault(token: str, previous: float, dtype: FloatType) -> str | None:
    index, colon, value = token.partition(":")
    if not colon:
        return "has no colon; write column:value"
    if not (index.isascii() and index.isdecimal()):
        return f"has column {shown(index)}; write a whole number of at least 0"
    if int(index) > MAX_COLUMNS:
        return f"has column {index}; the highest allowed is {MAX_COLUMNS}"
    if int(index) <= previous:
        return f"comes after column {previous}; sort the columns of a line, each once"
    return number_fault(value, dtype)
