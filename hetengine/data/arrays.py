"""Read ``.npy`` and ``.npz`` files; nothing in them is ever unpickled."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from hetengine.data.convert import labels_of, matrix_of, weights_of
from hetengine.data.dataset import Dataset, FloatType
from hetengine.data.files import set_name
from hetengine.data.table import target_index
from hetengine.errors import DataError

MAGIC = {"npy": b"\x93NUMPY", "npz": b"PK"}
# All that NumPy and zipfile have been seen to raise on damaged headers and members.
DAMAGE = (
    *(OSError, ValueError, EOFError, KeyError, RuntimeError, SyntaxError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)
PARTS = ("data", "indices", "indptr", "shape")


def read_array(path: Path) -> np.ndarray:
    """Read one array from a ``.npy`` file.

    Parameters
    ----------
    path : Path
        An existing file.

    Returns
    -------
    numpy.ndarray
        As stored.

    Raises
    ------
    DataError
        If the file is damaged, is no ``.npy`` file, or holds Python objects.
    """
    _check_magic(path, "npy")
    try:
        return np.load(path, allow_pickle=False)
    except DAMAGE as error:
        raise DataError(f"{path}: not a readable .npy file ({_one_line(error)})") from error


def read_npy(path: Path, target_path: Path | None, dtype: FloatType, target: int) -> Dataset:
    """Read a dense matrix and its labels.

    Parameters
    ----------
    path : Path
        ``.npy`` matrix, rows are examples.
    target_path : Path or None
        ``.npy`` vector of labels; None takes a column of the matrix.
    dtype : numpy.dtype
        Float32 or float64 for X.
    target : int
        That column, from 0; negative counts from the end.

    Returns
    -------
    Dataset
        Checked.

    Raises
    ------
    DataError
        If a file cannot be used.
    """
    table = read_array(path)
    name = set_name(path)
    if target_path is not None:
        X = matrix_of(table, dtype, str(path))
        return Dataset(name, X, labels_of(read_array(target_path), X.shape[0], str(target_path)))
    if table.ndim != 2:
        raise DataError(f"{path}: shape {table.shape}; need a matrix, rows are examples")
    column = target_index(target, table.shape[1], str(path))
    X = matrix_of(np.delete(table, column, axis=1), dtype, str(path))
    return Dataset(name, X, labels_of(table[:, column].copy(), X.shape[0], str(path)))


def read_npz(path: Path, target_path: Path | None, dtype: FloatType) -> Dataset:
    """Read a dense or sparse matrix and its labels from one archive.

    Parameters
    ----------
    path : Path
        ``.npz`` with members ``X`` (dense), or as ``scipy.sparse.save_npz`` writes it, or ``data``,
        ``indices``, ``indptr``, ``shape`` of a CSR matrix; and ``y``, ``weights`` beside them.
    target_path : Path or None
        ``.npy`` vector of labels, used instead of ``y``.
    dtype : numpy.dtype
        Float32 or float64 for X.

    Returns
    -------
    Dataset
        Checked.

    Raises
    ------
    DataError
        If a file cannot be used or a member is missing.
    """
    _check_magic(path, "npz")
    try:
        # NumPy leaves a damaged file open unless it was opened for it.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            stored = {key: archive[key] for key in archive.files if key in ("y", "weights")}
            raw = _stored_matrix(path, archive)
    except DAMAGE as error:
        raise DataError(f"{path}: not a readable .npz file ({_one_line(error)})") from error
    X = matrix_of(raw, dtype, str(path))
    source = path if target_path is None else target_path
    y = stored.get("y") if target_path is None else read_array(target_path)
    if y is None:
        raise DataError(f"{path}: no member 'y'; add it or set data.target_path=FILE.npy")
    labels = labels_of(y, X.shape[0], str(source))
    return Dataset(set_name(path), X, labels, weights_of(stored.get("weights"), X, str(path)))


def _check_magic(path: Path, kind: str) -> None:
    # NumPy takes a file it does not know for a pickle and says so; this is what the user needs.
    try:
        with path.open("rb") as stream:
            head = stream.read(6)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not head.startswith(MAGIC[kind]):
        other = next((name for name, magic in MAGIC.items() if head.startswith(magic)), None)
        hint = f"it is a .{other} file, use data={other}" if other else "write it with NumPy"
        raise DataError(f"{path}: not a .{kind} file; {hint}")


def _stored_matrix(path: Path, archive: Any) -> Any:
    from scipy.sparse import csr_array, load_npz

    if "X" in archive.files:
        return archive["X"]
    if "format" in archive.files:
        return load_npz(path)
    if all(part in archive.files for part in PARTS):
        data, indices, indptr, shape = (archive[part] for part in PARTS)
        sizes = np.atleast_1d(shape).astype(np.int64).tolist()
        return csr_array((data, indices, indptr), shape=tuple(sizes))
    raise DataError(
        f"{path}: members {', '.join(archive.files) or 'none'}; need X and y, or "
        f"{', '.join(PARTS)} and y"
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
