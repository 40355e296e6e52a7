"""CIFAR-10 and CIFAR-100 in the binary and in the python layout of their author.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. Binary: per record one
label byte (CIFAR-100: two, coarse before fine) and 3,072 pixels, the red plane first. Python: a
pickled dictionary with the same rows; it is read without running anything a pickle could ask for.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hetengine.data.images.files import data_folder, find, read_bytes
from hetengine.errors import DataError

SHAPE = (3, 32, 32)
PIXELS = 3072


@dataclass(frozen=True, slots=True)
class Cifar:
    """What tells the two sets apart.

    Attributes
    ----------
    name : str
        ``cifar10`` or ``cifar100``.
    folders : tuple of str
        Names of the folders their archives unpack to.
    train, test : tuple of str
        Files, without the ending ``.bin`` of the binary layout.
    label_bytes, label_at : int
        Label bytes of a binary record, and which of them counts.
    label_key : str
        Key of the labels in the python layout.
    classes : int
        Number of classes.
    """

    name: str
    folders: tuple[str, ...]
    train: tuple[str, ...]
    test: tuple[str, ...]
    label_bytes: int
    label_at: int
    label_key: str
    classes: int


def cifar(name: str, labels: str = "fine") -> Cifar:
    """Return the description of a set.

    Parameters
    ----------
    name : {'cifar10', 'cifar100'}
        Which.
    labels : {'fine', 'coarse'}
        CIFAR-100 only.
    """
    if name == "cifar10":
        folders = ("cifar-10-batches-bin", "cifar-10-batches-py")
        batches = tuple(f"data_batch_{k}" for k in range(1, 6))
        return Cifar(name, folders, batches, ("test_batch",), 1, 0, "labels", 10)
    folders = ("cifar-100-binary", "cifar-100-python")
    fine = labels == "fine"
    key, classes = ("fine_labels", 100) if fine else ("coarse_labels", 20)
    return Cifar(name, folders, ("train",), ("test",), 2, int(fine), key, classes)


def cifar_files(kind: Cifar, path: str | None) -> tuple[list[Path], list[Path]]:
    """Return the files of a set, training and test.

    Parameters
    ----------
    kind : Cifar
        Which set.
    path : str or None
        Folder, or one that holds the unpacked folder; see `data_folder`.

    Raises
    ------
    DataError
        If one is missing.
    """
    folder = data_folder(kind.name, path)
    places = [folder, *(folder / name for name in kind.folders)]

    def file(stem: str) -> Path:
        found = find(places, (f"{stem}.bin", stem))
        if found is None:
            raise DataError(
                f"data={kind.name}: neither {stem}.bin nor {stem} in {folder}; type "
                "data.path=FOLDER with the unpacked set (.gz, .bz2 and .xz files are read too)"
            )
        return found

    return [file(stem) for stem in kind.train], [file(stem) for stem in kind.test]


def read_cifar(path: Path, kind: Cifar) -> tuple[np.ndarray, np.ndarray]:
    """Read one file of either layout.

    Parameters
    ----------
    path : Path
        From `cifar_files`.
    kind : Cifar
        Which set.

    Returns
    -------
    images : ndarray, shape (N, 3, 32, 32), uint8
        Pixels.
    labels : ndarray, shape (N,), int32
        Classes.

    Raises
    ------
    DataError
        If it is damaged or short; the message says at which byte.
    """
    raw = read_bytes(path)
    binary = ".bin" in path.suffixes
    rows, labels = _binary(path, raw, kind) if binary else _python(path, raw, kind)
    wrong = np.flatnonzero((labels < 0) | (labels >= kind.classes))
    if wrong.size:
        record = int(wrong[0])
        at = record * (kind.label_bytes + PIXELS) + kind.label_at
        where = f"at byte {at:,}" if binary else f"of image {record:,}"
        raise DataError(
            f"{path}: label {labels[record]} {where}; {kind.name} has 0 to {kind.classes - 1}"
        )
    return np.ascontiguousarray(rows).reshape(-1, *SHAPE), labels.astype(np.int32)


def _binary(path: Path, raw: bytes, kind: Cifar) -> tuple[np.ndarray, np.ndarray]:
    record = kind.label_bytes + PIXELS
    count, rest = divmod(len(raw), record)
    if rest or not count:
        raise DataError(
            f"{path}: ends at byte {len(raw):,}, {rest:,} bytes into record {count:,}; every "
            f"record has {record:,} bytes; fetch it again"
        )
    table = np.frombuffer(raw, np.uint8).reshape(count, record)
    return table[:, kind.label_bytes :], table[:, kind.label_at].astype(np.int64)


class _ArraysOnly(pickle.Unpickler):
    """Unpickles arrays, text and numbers; whatever else a pickle names is refused."""

    _ALLOWED = frozenset(
        {
            ("_codecs", "encode"),
            ("numpy", "dtype"),
            ("numpy", "ndarray"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy.core.multiarray", "_reconstruct"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        """Return what a pickle of arrays needs."""
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}")
        # NumPy 2 has moved what the old pickles name, and warns of the old place.
        home = module.replace("numpy.core", "numpy._core")
        return super().find_class(home, name)


def _python(path: Path, raw: bytes, kind: Cifar) -> tuple[np.ndarray, np.ndarray]:
    stream = io.BytesIO(raw)
    try:
        values = _ArraysOnly(stream, encoding="bytes").load()
    except Exception as error:  # a damaged pickle may raise anything at all
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{path}: not a readable python batch ({reason}) at byte {stream.tell():,} of "
            f"{len(raw):,}; fetch it again"
        ) from error
    table = values if isinstance(values, dict) else {}
    rows, labels = (table.get(key.encode(), table.get(key)) for key in ("data", kind.label_key))
    if not isinstance(rows, np.ndarray) or labels is None:
        raise DataError(
            f"{path}: holds no data and {kind.label_key}; need the python layout of {kind.name}"
        )
    known = np.asarray(labels)
    if rows.dtype != np.uint8 or rows.shape != (len(known), PIXELS) or known.dtype.kind not in "iu":
        raise DataError(
            f"{path}: data of shape {rows.shape} and type {rows.dtype} with {known.shape} labels; "
            f"need (N, {PIXELS}) of uint8 and N whole numbers"
        )
    return rows, known.astype(np.int64)
