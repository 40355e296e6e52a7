"""Turn arrays a caller holds into a checked ``ImageData``, copying only where that is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hetengine.data.images.dataset import ImageData
from hetengine.data.images.statistics import normalise_of
from hetengine.errors import DataError

_CHANNELS = (1, 3, 4)


def image_data_of(
    images: Any,
    labels: Any,
    test: tuple[Any, Any] | None = None,
    *,
    name: str = "array",
    layout: str = "auto",
    pad: int = 0,
    flip: bool = False,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> ImageData:
    """Check arrays and bring them into the form nets are trained on.

    The caller's arrays are never written to; they are shared where they already have that form.

    Parameters
    ----------
    images : array_like, shape (N, H, W), (N, C, H, W), (N, H, W, C) or (N, features)
        Pixels from 0 to 255 as whole numbers, or any floating-point numbers.
    labels : array_like, shape (N,)
        Classes, whole numbers from 0.
    test : tuple of array_like, optional
        Held-out images and labels.
    name : str
        Name of the data set.
    layout : {'auto', 'first', 'last'}
        Where the channels stand among four axes.
    pad : int
        Train on random crops of the image padded by this many pixels; 0 for none.
    flip : bool
        Mirror half of the images in training.
    mean, std : sequence of float, optional
        Per channel, for pixels scaled to 0 to 1 where they are whole numbers; by default those of
        ``images``.

    Returns
    -------
    ImageData
        With uint8 or float32 images in (N, C, H, W) order.

    Raises
    ------
    DataError
        On wrong shapes, types or labels, NaN or Inf.

    Examples
    --------
    >>> data = image_data_of(np.zeros((4, 8, 8), np.uint8), [0, 1, 2, 1])
    >>> data.images.shape, data.classes
    ((4, 1, 8, 8), 3)
    """
    pixels = pixels_of(images, layout, name)
    classes = labels_of(labels, len(pixels), name)
    held = None
    if test is not None:
        held_pixels = pixels_of(test[0], layout, f"{name} test")
        held = held_pixels, labels_of(test[1], len(held_pixels), f"{name} test")
    return assemble(name, (pixels, classes), held, pad=pad, flip=flip, mean=mean, std=std)


def assemble(
    name: str,
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray] | None,
    *,
    pad: int,
    flip: bool,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    augment: bool | None = None,
    classes: int | None = None,
) -> ImageData:
    """Put checked parts together.

    Parameters
    ----------
    name : str
        Name of the data set.
    train, test : tuple of ndarray
        Images and labels.
    pad, flip, mean, std
        As for `image_data_of`.
    augment : bool, optional
        Whether training moves and mirrors images; by default where ``pad`` or ``flip`` asks for it.
    classes : int, optional
        Number of classes; by default one more than the largest label.
    """
    parts = [train] if test is None else [train, test]
    if len({images.dtype for images, _ in parts}) > 1:
        raise DataError(
            f"{name}: training images are {parts[0][0].dtype}, test images {parts[1][0].dtype}; "
            "give both as one type"
        )
    count = classes or 1 + max(int(labels.max()) for _, labels in parts)
    normalise = normalise_of(train[0], mean, std, pad, name)
    held = None if test is None else ImageData(f"{name} test", *test, count, normalise)
    moves = bool(pad or flip) if augment is None else augment
    return ImageData(name, *train, count, normalise, moves, held, flip)


def pixels_of(images: Any, layout: str, name: str) -> np.ndarray:
    """Return images as C-ordered (N, C, H, W) of uint8 or float32.

    Parameters
    ----------
    images : array_like
        Two, three or four axes, see `image_data_of`.
    layout : {'auto', 'first', 'last'}
        Where the channels stand among four axes.
    name : str
        What to call them in a message.

    Raises
    ------
    DataError
        If they are no images.
    """
    raw = np.asarray(images)
    if not raw.size:
        raise DataError(f"{name}: images of shape {raw.shape} are empty")
    if raw.ndim == 2:
        raw = raw[:, None, None, :]
    elif raw.ndim == 3:
        raw = raw[:, None]
    elif raw.ndim == 4:
        raw = _channels_first(raw, layout, name)
    else:
        raise DataError(f"{name}: shape {raw.shape}; need (N, H, W), (N, C, H, W) or (N, H, W, C)")
    return np.ascontiguousarray(_typed(raw, name))


def labels_of(labels: Any, count: int, name: str) -> np.ndarray:
    """Return labels as int32.

    Parameters
    ----------
    labels : array_like, shape (N,) or (N, 1)
        Whole numbers from 0.
    count : int
        Number of images.
    name : str
        What to call them in a message.

    Raises
    ------
    DataError
        On a wrong shape or length, or a value that is no class.
    """
    raw = np.asarray(labels)
    if raw.ndim == 2 and raw.shape[1] == 1:
        raw = raw[:, 0]
    if raw.shape != (count,):
        raise DataError(f"{name}: labels have shape {raw.shape}; need ({count},), one per image")
    if raw.dtype.kind not in "buif":
        raise DataError(f"{name}: labels hold {raw.dtype}; need whole numbers from 0")
    wrong = np.flatnonzero((raw < 0) | (raw != np.floor(raw)) | (raw >= 2**31))
    if wrong.size:
        raise DataError(
            f"{name}: label {raw[wrong[0]]} of image {wrong[0]}; need whole numbers from 0"
        )
    return raw.astype(np.int32)


def _channels_first(raw: np.ndarray, layout: str, name: str) -> np.ndarray:
    if layout == "auto":
        candidates = [axis for axis in (1, 3) if raw.shape[axis] in _CHANNELS]
        if len(candidates) != 1:
            raise DataError(
                f"{name}: shape {raw.shape} does not say where the channels are; type "
                "data.layout=first for (N, C, H, W) or data.layout=last for (N, H, W, C)"
            )
        layout = "first" if candidates == [1] else "last"
    return raw if layout == "first" else raw.transpose(0, 3, 1, 2)


def _typed(raw: np.ndarray, name: str) -> np.ndarray:
    if raw.dtype == np.uint8:
        return raw
    if raw.dtype.kind in "bui":
        if raw.min() < 0 or raw.max() > 255:
            raise DataError(
                f"{name}: whole numbers from {raw.min()} to {raw.max()}; pixels need 0 to 255, "
                "or give floating-point numbers"
            )
        return raw.astype(np.uint8)
    if raw.dtype.kind != "f":
        raise DataError(f"{name}: images hold {raw.dtype}; need numbers")
    pixels = raw.astype(np.float32, copy=False)
    bad = np.flatnonzero(~np.isfinite(pixels.reshape(len(pixels), -1)).all(axis=1))
    if bad.size:
        raise DataError(f"{name}: image {bad[0]} holds NaN or Inf; mend or drop it")
    return pixels
