"""Read CSV files of numbers, one example per line, one column of which is the label.

NumPy's ``loadtxt`` parses blocks of lines. Where it fails, or a value is not finite, the file is
read again cell by cell to name file, line and column.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, TextIO

import numpy as np

from hetengine.data.dataset import FloatType
from hetengine.data.files import opened
from hetengine.data.numbers import as_number, number_fault, shown
from hetengine.errors import DataError

BLOCK_CELLS = 1 << 22
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": None}


def read_csv(
    path: Path,
    dtype: FloatType,
    *,
    target_column: int = -1,
    header: str = "auto",
    delimiter: str = "auto",
) -> tuple[np.ndarray, np.ndarray]:
    """Read a CSV file.

    Blank lines and lines that start with ``#`` are skipped.

    Parameters
    ----------
    path : Path
        Plain, .gz, .bz2 or .xz.
    dtype : numpy.dtype
        Float32 or float64 for the features.
    target_column : int
        Column of the label, from 0; negative counts from the end.
    header : {'auto', 'yes', 'no'}
        Whether the first line holds names; ``auto``: it does if none of its cells is a number.
    delimiter : {'auto', 'comma', 'semicolon', 'tab', 'space'}
        What separates cells; ``auto`` takes the first of these that occurs in the first line.

    Returns
    -------
    X : numpy.ndarray, shape (rows, columns)
        Features, C-ordered.
    y : numpy.ndarray of float64, shape (rows,)
        Labels.

    Raises
    ------
    DataError
        Naming file, line and column: unreadable, empty, ragged, not a number, NaN or Inf.
    """
    parts = list(
        csv_blocks(
            path,
            dtype,
            target_column=target_column,
            header=header,
            delimiter=delimiter,
            cells=BLOCK_CELLS,
        )
    )
    return np.concatenate([X for X, _ in parts]), np.concatenate([y for _, y in parts])


def csv_blocks(
    path: Path,
    dtype: FloatType,
    *,
    target_column: int,
    header: str,
    delimiter: str,
    cells: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read a CSV file some lines at a time; parameters and errors are those of `read_csv`.

    Parameters
    ----------
    path, dtype, target_column, header, delimiter
        As for `read_csv`.
    cells : int
        About how many cells a block shall have.

    Yields
    ------
    X, y : numpy.ndarray
        Features and labels of consecutive lines.
    """
    empty = True
    with opened(path) as stream, _as_text(stream) as text:
        lines = (line for _, line in _numbered(text))
        first = next(lines, None)
        if first is None:
            raise DataError(f"{path}: no lines of numbers in the file")
        separator = _separator(first, delimiter)
        words = _cells(first, separator)
        named = header == "yes" or (header == "auto" and all(as_number(c) is None for c in words))
        layout = _Layout(separator, len(words), named, header)
        target = target_index(target_column, len(words), str(path))
        body = lines if named else chain([first], lines)
        for block in _blocks(body, path, layout, cells):
            empty = False
            yield _split(block, target, dtype, path, layout)
    if empty:
        raise DataError(f"{path}: only a header line; need at least one line of numbers")


def target_index(target_column: int, width: int, name: str) -> int:
    """Return the column of the label, counted from 0.

    Parameters
    ----------
    target_column : int
        As configured; negative counts from the end.
    width : int
        Columns of the table, label included.
    name : str
        What to call the table in a message.

    Returns
    -------
    int
        In [0, width).

    Raises
    ------
    DataError
        If the table has no such column, or no other one.
    """
    if width < 2:
        raise DataError(f"{name}: {width} column; need at least one feature beside the label")
    if not -width <= target_column < width:
        raise DataError(
            f"{name}: data.target_column={target_column}, but there are {width} columns; "
            f"allowed: {-width} to {width - 1}"
        )
    return target_column % width


class _Layout:
    """How the lines of one file are to be read."""

    def __init__(self, separator: str | None, width: int, named: bool, header: str) -> None:
        self.separator, self.width, self.named, self.header = separator, width, named, header


def _as_text(stream: BinaryIO) -> TextIO:
    # Bytes that are not UTF-8 survive as escapes and are then named as a cell that is no number.
    return io.TextIOWrapper(stream, "utf-8-sig", "backslashreplace")


def _numbered(text: TextIO) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text, start=1):
        if not line.isspace() and not line.lstrip().startswith("#"):
            yield number, line


def _separator(line: str, delimiter: str) -> str | None:
    if delimiter != "auto":
        return DELIMITERS[delimiter]
    return next((mark for mark in (",", ";", "\t") if mark in line), None)


def _cells(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    try:
        return next(csv.reader([line.rstrip("\r\n")], delimiter=separator))
    except csv.Error:  # a cell longer than the reader's limit: no number, whatever it is
        return line.split(separator)


def _blocks(body: Iterator[str], path: Path, layout: _Layout, cells: int) -> Iterator[np.ndarray]:
    step = max(1, cells // layout.width)
    while lines := list(islice(body, step)):
        try:
            block = np.loadtxt(
                lines, delimiter=layout.separator, ndmin=2, comments=None, quotechar='"'
            )
        except ValueError as error:
            raise _fault(path, np.float64, layout, str(error)) from error
        if block.shape[1] != layout.width:
            raise _fault(path, np.float64, layout, "lines of different length")
        yield block


def _split(
    block: np.ndarray, target: int, dtype: FloatType, path: Path, layout: _Layout
) -> tuple[np.ndarray, np.ndarray]:
    y = block[:, target].copy()
    with np.errstate(over="ignore"):
        X = np.delete(block, target, axis=1).astype(dtype, copy=False)
    if not (np.isfinite(X).all() and np.isfinite(y).all()):
        raise _fault(path, dtype, layout, "a value is not finite")
    return X, y


def _fault(path: Path, dtype: FloatType, layout: _Layout, reason: str) -> DataError:
    """Find the first bad cell of a file and return the error that names it."""
    with opened(path) as stream, _as_text(stream) as text:
        lines = _numbered(text)
        names = _cells(next(lines)[1], layout.separator) if layout.named else []
        for index, (number, line) in enumerate(lines):
            fault = _line_fault(_cells(line, layout.separator), dtype, layout.width, names)
            if fault:
                first = index == 0 and not layout.named
                hint = "; if this line holds names, set data.header=yes" if first else ""
                return DataError(f"{path}:{number}{fault}{hint}")
    return DataError(f"{path}: cannot be read as a table of numbers ({reason})")


def _line_fault(cells: list[str], dtype: FloatType, width: int, names: list[str]) -> str | None:
    if len(cells) != width:
        return f": {len(cells)} cells where the first line has {width}; make the lines equally long"
    for column, cell in enumerate(cells):
        fault = number_fault(cell, dtype)
        if fault:
            called = f" (column {shown(names[column])})" if names else ""
            return f":{column + 1}: {shown(cell)}{called} {fault}"
    return None
