"""The ``data`` group of a net: where labelled images come from, and which keys go together."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hetengine.data.keys import check_applies, check_words
from hetengine.errors import UsageError

FOLDERS = ("cifar10", "cifar100", "mnist", "image_folder")
NAMES = ("digits_images", *FOLDERS, "npz_images")
WITHOUT_TEST = ("digits_images", "npz_images", "image_folder")
"""Sets that may come without test images, so that some of the training ones are held out."""

CHOICES = {
    "labels": ("fine", "coarse"),
    "layout": ("auto", "first", "last"),
}

APPLIES = {
    "path": (*FOLDERS, "npz_images"),
    "test_path": ("npz_images", "image_folder"),
    "labels": ("cifar100",),
    "layout": ("npz_images",),
    "channels": ("image_folder",),
    "size": ("image_folder",),
    "test_fraction": WITHOUT_TEST,
}


@dataclass
class ImageDataConfig:
    """Where images come from and what is done to them before and during training.

    Attributes
    ----------
    name : str
        One of ``NAMES``: ``digits_images`` (scikit-learn's 8 x 8 digits, nothing to fetch),
        ``cifar10`` and ``cifar100`` (python or binary layout), ``mnist`` (idx files),
        ``npz_images``, or ``image_folder`` (a folder per class).
    path : str or None
        Folder, or the file of ``npz_images``. None means the folder ``name`` in
        ``$HETENGINE_DATA``, or in ``data`` where that is not set.
    test_path : str or None
        Test images in a file or folder of their own (``npz_images``, ``image_folder``).
    labels : {'fine', 'coarse'}
        CIFAR-100: its 100 classes, or its 20 groups of them.
    layout : {'auto', 'first', 'last'}
        ``npz_images``: where the channels stand among the axes; ``auto`` takes the one of the two
        that has 1, 3 or 4 entries.
    channels : int
        ``image_folder``: 3 for colour, 1 for grey.
    size : int or None
        ``image_folder``: bring every image to this height and width; None asks for equal sizes.
    limit, test_limit : int or None
        Use this many of the training or test images, drawn evenly over the classes.
    test_fraction : float
        Held out where a set has no test images.
    validation : float
        Fraction of the training images that is held out and scored in place of the test images,
        for choosing settings.
    mean, std : list of float or None
        Per channel, for pixels from 0 to 1; None takes those of the training images.
    augment : bool
        Train on random crops of the padded image.
    pad : int
        Pixels of padding, and so the most a crop moves.
    flip : bool
        With ``augment``: mirror half of the images.
    seed : int
        Of what is held out and of what ``limit`` draws; apart from the seed of the run, so that
        runs with several seeds are scored on the same images.
    """

    name: str = "digits_images"
    path: str | None = None
    test_path: str | None = None
    labels: str = "fine"
    layout: str = "auto"
    channels: int = 3
    size: int | None = None
    limit: int | None = None
    test_limit: int | None = None
    test_fraction: float = 0.2
    validation: float = 0.0
    mean: list[float] | None = None
    std: list[float] | None = None
    augment: bool = False
    pad: int = 4
    flip: bool = False
    seed: int = 0


def check_config(config: ImageDataConfig) -> None:
    """Check names, ranges and combinations before any file is opened.

    Parameters
    ----------
    config : ImageDataConfig
        What the user asked for.

    Raises
    ------
    UsageError
        On an unknown word, a number out of range, a missing key, or a key that would be ignored.
    """
    check_words(config, NAMES, CHOICES)
    if config.name == "npz_images" and config.path is None:
        raise UsageError("data=npz_images needs data.path; add data.path=FILE.npz")
    check_applies(config, APPLIES)
    _check_ranges(config)


def _check_ranges(config: ImageDataConfig) -> None:
    rules: list[tuple[str, float, float, str]] = [
        ("limit", 1, math.inf, "at least 1"),
        ("test_limit", 1, math.inf, "at least 1"),
        ("size", 1, math.inf, "at least 1"),
        ("pad", 0, math.inf, "at least 0"),
        ("seed", 0, math.inf, "at least 0"),
        ("test_fraction", math.ulp(0.0), math.nextafter(1, 0), "above 0 and below 1"),
        ("validation", 0, math.nextafter(1, 0), "at least 0 and below 1"),
    ]
    for key, least, most, words in rules:
        value = getattr(config, key)
        if value is not None and not least <= value <= most:
            raise UsageError(f"data.{key}={value} must be {words}")
    if config.channels not in (1, 3):
        raise UsageError(f"data.channels={config.channels} must be 1 (grey) or 3 (colour)")
    if config.flip and not config.augment:
        raise UsageError("data.flip=true needs data.augment=true; add it or leave data.flip out")
    if (config.mean is None) != (config.std is None):
        raise UsageError("data.mean and data.std go together; give both, or neither")
    for value in config.std or []:
        if not (math.isfinite(value) and value > 0):
            raise UsageError(f"data.std={config.std} must be finite and greater than 0")
    for value in config.mean or []:
        if not math.isfinite(value):
            raise UsageError(f"data.mean={config.mean} must be finite")
