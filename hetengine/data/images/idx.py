"""The idx format of the MNIST files: a typed array after a header of big-endian sizes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from hetengine.data.images.files import data_folder, find, read_bytes
from hetengine.errors import DataError

_UNSIGNED_BYTE = 0x08
_PARTS = ("train", "t10k")


def read_idx(path: Path, axes: int) -> np.ndarray:
    """Read an array of unsigned bytes.

    Parameters
    ----------
    path : Path
        An idx file, plain or compressed.
    axes : int
        Number of axes it must have: 3 for images, 1 for labels.

    Returns
    -------
    ndarray, uint8
        Of the shape in its header.

    Raises
    ------
    DataError
        If it is no such file or its length does not match its header.
    """
    raw = read_bytes(path)
    start = 4 + 4 * axes
    if len(raw) < start:
        raise DataError(f"{path}: ends at byte {len(raw)}, within its header of {start} bytes")
    if raw[:2] != b"\0\0" or raw[3] != axes:
        raise DataError(
            f"{path}: begins with bytes {raw[:4].hex(' ')}; an idx file of {axes} axes begins "
            f"with 00 00 08 {axes:02x}"
        )
    if raw[2] != _UNSIGNED_BYTE:
        raise DataError(f"{path}: type {raw[2]:#04x} at byte 2; need 0x08, unsigned bytes")
    shape = tuple(np.frombuffer(raw, ">u4", axes, 4).tolist())
    need = start + math.prod(shape)
    if len(raw) != need:
        what = "ends" if len(raw) < need else "goes on to"
        raise DataError(
            f"{path}: {what} at byte {len(raw):,}, but its header says {shape}, which ends at "
            f"byte {need:,}; fetch it again"
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def mnist_files(path: str | None) -> list[tuple[Path, Path]]:
    """Return the files of images and labels, training first.

    Parameters
    ----------
    path : str or None
        Folder, see `hetengine.data.images.files.data_folder`.

    Raises
    ------
    DataError
        If one is missing.
    """
    folder = data_folder("mnist", path)
    found: list[tuple[Path, Path]] = []
    for part in _PARTS:
        pair = []
        for kind in ("images-idx3", "labels-idx1"):
            dotted = kind.replace("-idx", ".idx")
            names = (f"{part}-{kind}-ubyte", f"{part}-{dotted}-ubyte")
            file = find([folder], names)
            if file is None:
                raise DataError(f"data=mnist: no {names[0]}[.gz] in {folder}; data.path=FOLDER")
            pair.append(file)
        found.append((pair[0], pair[1]))
    return found


def read_mnist(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read one part of MNIST.

    Parameters
    ----------
    images, labels : Path
        From `mnist_files`.

    Returns
    -------
    images : ndarray, shape (N, 1, H, W), uint8
        Grey values.
    labels : ndarray, shape (N,), int32
        Digits.

    Raises
    ------
    DataError
        If a file is damaged or the two do not belong together.
    """
    pixels, digits = read_idx(images, 3), read_idx(labels, 1)
    if len(pixels) != len(digits):
        raise DataError(
            f"{images}: {len(pixels):,} images, but {labels} has {len(digits):,} labels; "
            "take both from one set"
        )
    if digits.size and digits.max() > 9:
        wrong = int(np.flatnonzero(digits > 9)[0])
        raise DataError(f"{labels}: label {digits[wrong]} at byte {8 + wrong:,}; need 0 to 9")
    return pixels[:, None], digits.astype(np.int32)
