"""Image files in a folder per class, read with Pillow."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np

from hetengine.errors import DataError, UsageError

Part = tuple[np.ndarray, np.ndarray]
"""Images and labels."""

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
_TRAIN, _TEST = ("train",), ("test", "val", "valid", "validation")


def read_folder(
    folder: Path, test_folder: Path | None, channels: int, size: int | None
) -> tuple[Part, Part | None]:
    """Read a folder with one folder per class.

    Parameters
    ----------
    folder : Path
        ``CLASS/FILE.png``, or ``train/CLASS/FILE.png`` with ``test/CLASS/FILE.png`` beside it.
        Classes are numbered in alphabetical order.
    test_folder : Path or None
        Test images elsewhere.
    channels : {1, 3}
        Grey or colour.
    size : int or None
        Height and width to bring images to: the shorter side is scaled, the longer one cut.

    Returns
    -------
    train : tuple of ndarray
        Images (N, channels, H, W) of uint8, labels (N,) of int32.
    test : tuple of ndarray, or None
        The same.

    Raises
    ------
    UsageError
        If Pillow is not installed.
    DataError
        If there are no images, a file is damaged, sizes differ, or the classes of the two differ.
    """
    pillow = _pillow()
    train = _first(folder, _TRAIN) or folder
    test = test_folder or _first(folder, _TEST)
    names = _classes(train)
    if test is not None and (strange := sorted(set(_classes(test)) - set(names))):
        raise DataError(
            f"{test}: class {strange[0]!r} has no training images; {train} has {', '.join(names)}"
        )
    read = partial(_read_part, pillow, names, channels=channels, size=size)
    return read(train), None if test is None else read(test)


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise UsageError(
            'data=image_folder needs Pillow; type pip install "hetengine[images]"'
        ) from error
    return Image


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def _classes(folder: Path) -> list[str]:
    names = sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.is_dir() and not entry.name.startswith(".")
    )
    if not names:
        raise DataError(
            f"{folder}: has no folders; need one per class, such as {folder / 'cat' / '1.png'}"
        )
    return names


def _read_part(
    pillow: ModuleType, names: list[str], folder: Path, *, channels: int, size: int | None
) -> Part:
    files = [
        (file, label)
        for label, name in enumerate(names)
        for file in sorted((folder / name).glob("**/*"))
        if file.suffix.lower() in ENDINGS
    ]
    if not files:
        raise DataError(f"{folder}: no images below it; known endings: {', '.join(ENDINGS)}")
    read = partial(_read_image, pillow, channels=channels, size=size)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        images = list(pool.map(read, [file for file, _ in files]))
    for (file, _), image in zip(files, images, strict=True):
        if image.shape != images[0].shape:
            raise DataError(
                f"{file}: {image.shape[2]} x {image.shape[1]} pixels, but {files[0][0]} has "
                f"{images[0].shape[2]} x {images[0].shape[1]}; set data.size=PIXELS"
            )
    return np.stack(images), np.array([label for _, label in files], np.int32)


def _read_image(pillow: ModuleType, file: Path, *, channels: int, size: int | None) -> np.ndarray:
    try:
        with pillow.open(file) as opened:
            image = opened.convert("RGB" if channels == 3 else "L")
    except Exception as error:  # decoders raise what they like on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{file}: not a readable image of {file.stat().st_size:,} bytes ({reason}); "
            "replace or remove it"
        ) from error
    if size is not None:
        image = _resized(pillow, image, size)
    pixels = np.asarray(image, np.uint8)
    return np.ascontiguousarray(pixels[None] if channels == 1 else pixels.transpose(2, 0, 1))


def _resized(pillow: ModuleType, image: object, size: int) -> object:
    """Cut the middle square, and scale it."""
    from PIL import ImageOps

    return ImageOps.fit(image, (size, size), pillow.Resampling.BILINEAR)  # pyright: ignore[reportArgumentType]
