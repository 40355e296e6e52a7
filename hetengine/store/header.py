"""The header of a column store: what it holds, in which version, and marks of its small files.

A store is a directory. ``header.json`` says what it holds; ``values.bin`` (and ``indices.bin`` of a
sparse one) hold the columns of A one after another; small ``.npy`` files hold a number per block,
column, row or feature. Every file has its size and checksum in the header, the columns block by
block in ``blocks.npy``, and the header has its own.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hetengine.errors import DataError

FORMAT = "hetengine column store"
VERSION = 1
HEADER = "header.json"
VALUES, INDICES = "values.bin", "indices.bin"

_AGAIN = "write the store again with hetengine convert"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a file must be.

    Attributes
    ----------
    nbytes : int
        Its size.
    crc32 : int
        Checksum of the whole; 0 for the columns, whose blocks have their own.
    """

    nbytes: int
    crc32: int = 0


@dataclass(frozen=True, slots=True)
class Header:
    """What a store holds.

    Attributes
    ----------
    name : str
        Of the data set.
    side : {'primal', 'dual'}
        Whether a column of the store is a feature or an example.
    layout : {'dense', 'sparse'}
        Whether every entry is stored.
    dtype : {'float32', 'float64'}
        Type of a stored value.
    rows, features : int
        N and P of the data, without a constant.
    intercept : bool
        Whether a constant is stored: the last column (primal), the last entry of each (dual).
    weighted : bool
        Whether examples have weights; on the primal side rows are then scaled by their roots.
    count, length : int
        Columns of A, and the length of one.
    nnz : int
        Stored entries.
    files : dict of str to Mark
        Every other file.
    """

    name: str
    side: str
    layout: str
    dtype: str
    rows: int
    features: int
    intercept: bool
    weighted: bool
    count: int
    length: int
    nnz: int
    files: dict[str, Mark] = field(default_factory=dict)

    @property
    def streams(self) -> tuple[tuple[str, int], ...]:
        """Return the files that hold columns, with the bytes of one entry in each."""
        values = (VALUES, np.dtype(self.dtype).itemsize)
        return (values,) if self.layout == "dense" else (values, (INDICES, 4))

    @property
    def nbytes(self) -> int:
        """Return the bytes of all columns."""
        return self.nnz * sum(width for _, width in self.streams)


def write_header(directory: Path, header: Header) -> None:
    """Write ``header.json``, the last file of a store.

    Parameters
    ----------
    directory : pathlib.Path
        The store.
    header : Header
        What it holds.
    """
    body = {"format": FORMAT, "version": VERSION, **asdict(header)}
    body["crc32"] = _digest(body)
    (directory / HEADER).write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def read_header(directory: Path) -> Header:
    """Read and check ``header.json``.

    Parameters
    ----------
    directory : pathlib.Path
        The store.

    Returns
    -------
    Header

    Raises
    ------
    DataError
        If there is none, it is damaged, or another version wrote it.
    """
    path = directory / HEADER
    if not directory.is_dir():
        raise DataError(f"data.path={directory} is no folder; type data.path=DIR of a column store")
    if not path.is_file():
        raise DataError(f"{directory} holds no {HEADER}; {_AGAIN} --out {directory}")
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        kind, version, crc = body.pop("format"), body.pop("version"), body.pop("crc32")
    except (ValueError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: not the header of a column store ({error}); {_AGAIN}") from error
    if (kind, version) != (FORMAT, VERSION):
        raise DataError(f"{path}: {kind} version {version}; allowed: version {VERSION}; {_AGAIN}")
    if crc != _digest({"format": kind, "version": version, **body}):
        raise DataError(f"{path}: damaged, its checksum does not fit; {_AGAIN}")
    files = {name: Mark(**mark) for name, mark in body.pop("files").items()}
    return Header(**body, files=files)


def mark_of(path: Path) -> Mark:
    """Return size and checksum of a small file."""
    content = path.read_bytes()
    return Mark(len(content), zlib.crc32(content))


def checked_array(directory: Path, name: str, mark: Mark) -> np.ndarray:
    """Read a small array and check it.

    Parameters
    ----------
    directory : pathlib.Path
        The store.
    name : str
        Name of the ``.npy`` file.
    mark : Mark
        What the header says of it.

    Raises
    ------
    DataError
        If it is missing, short or damaged.
    """
    path = directory / name
    check_size(path, mark)
    if mark_of(path) != mark:
        raise DataError(f"{path}: damaged, its checksum does not fit; {_AGAIN}")
    return np.load(path, allow_pickle=False)


def check_size(path: Path, mark: Mark) -> None:
    """Refuse a file that is missing or has another size.

    Raises
    ------
    DataError
        With both sizes.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing from the store; {_AGAIN}")
    found = path.stat().st_size
    if found != mark.nbytes:
        raise DataError(f"{path}: {found:,} bytes where the header says {mark.nbytes:,}; {_AGAIN}")


def _digest(body: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(body, sort_keys=True).encode())
