"""Images in an ``.npz`` archive; nothing in it is ever unpickled."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from hetengine.data.arrays import DAMAGE
from hetengine.data.images.convert import labels_of, pixels_of
from hetengine.errors import DataError

Part = tuple[np.ndarray, np.ndarray]
"""Images and labels."""

_TRAIN = (("images", "labels"), ("x_train", "y_train"), ("X", "y"))
_TEST = (("test_images", "test_labels"), ("x_test", "y_test"))


def read_npz_images(path: Path, layout: str) -> tuple[Part, Part | None]:
    """Read images with their labels, and test images where there are some.

    Parameters
    ----------
    path : Path
        An existing file with members ``images`` and ``labels`` (or ``x_train`` and ``y_train``, or
        ``X`` and ``y``) and, if there are test images, ``test_images`` and ``test_labels`` (or
        ``x_test`` and ``y_test``). Images are (N, H, W), or (N, C, H, W), or (N, H, W, C).
    layout : {'auto', 'first', 'last'}
        Where the channels stand.

    Returns
    -------
    train : tuple of ndarray
        Images (N, C, H, W) of uint8 or float32, labels (N,) of int32.
    test : tuple of ndarray, or None
        The same.

    Raises
    ------
    DataError
        If the file is damaged, a member is missing, or what is in it is no images.
    """
    if not zipfile.is_zipfile(path):
        size = path.stat().st_size
        raise DataError(
            f"{path}: not an .npz file, or cut short: no archive ends at byte {size:,}; "
            "write it with numpy.savez"
        )
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            members = {key: archive[key] for key in archive.files if _known(key)}
            names = archive.files
    except DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not a readable .npz file ({reason}); fetch it again") from error
    train = _part(path, members, _TRAIN, layout)
    if train is None:
        raise DataError(
            f"{path}: members {', '.join(names) or 'none'}; need images and labels, or x_train "
            "and y_train, or X and y"
        )
    return train, _part(path, members, _TEST, layout)


def _known(key: str) -> bool:
    return any(key in pair for pair in (*_TRAIN, *_TEST))


def _part(
    path: Path, members: dict[str, np.ndarray], pairs: tuple[tuple[str, str], ...], layout: str
) -> Part | None:
    for images, labels in pairs:
        if images in members and labels in members:
            pixels = pixels_of(members[images], layout, f"{path}: {images}")
            return pixels, labels_of(members[labels], len(pixels), f"{path}: {labels}")
    return None
