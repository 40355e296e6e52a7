"""The one way in for images: a configuration becomes a checked ``ImageData``."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np

from hetengine.data.files import existing_file, set_name
from hetengine.data.images.bundled import load_digits
from hetengine.data.images.cifar import cifar, cifar_files, read_cifar
from hetengine.data.images.config import ImageDataConfig, check_config
from hetengine.data.images.convert import assemble
from hetengine.data.images.dataset import ImageData
from hetengine.data.images.files import data_folder
from hetengine.data.images.idx import mnist_files, read_mnist
from hetengine.data.images.split import draw_evenly
from hetengine.errors import UsageError

Part = tuple[np.ndarray, np.ndarray]
"""Images and labels."""

_Stamp = tuple[str, int, int]
_TEST, _VALIDATION, _LIMIT, _TEST_LIMIT = range(4)


def load_images(config: ImageDataConfig) -> ImageData:
    """Load a set of images.

    Parameters
    ----------
    config : ImageDataConfig
        What to load and what to hold out.

    Returns
    -------
    ImageData
        Checked, with ``test``: the set's own, or what was held out of the training images.

    Raises
    ------
    UsageError
        If keys are wrong or do not go together.
    DataError
        If a file cannot be used; the message names the file and the byte.

    Examples
    --------
    >>> data = load_images(ImageDataConfig(limit=100))
    >>> data.images.shape
    (100, 1, 8, 8)
    """
    check_config(config)
    name, train, test, classes = _read(config)
    if test is None:
        train, test = _held_out(config, train, config.test_fraction, "test_fraction", _TEST)
    if config.validation:
        train, test = _held_out(config, train, config.validation, "validation", _VALIDATION)
        name = f"{name} (validation)"
    return assemble(
        name,
        _limited(config, train, "limit", _LIMIT),
        _limited(config, test, "test_limit", _TEST_LIMIT),
        pad=config.pad if config.augment else 0,
        flip=config.flip,
        mean=config.mean,
        std=config.std,
        augment=config.augment,
        classes=classes,
    )


def _read(config: ImageDataConfig) -> tuple[str, Part, Part | None, int | None]:
    """Return the name, the training and the test images as stored, and the number of classes."""
    name = config.name
    if name == "digits_images":
        return name, load_digits(), None, 10
    if name in ("cifar10", "cifar100"):
        kind = cifar(name, config.labels)
        train, test = cifar_files(kind, config.path)
        parts = (
            _cifar(name, config.labels, _stamps(train)),
            _cifar(name, config.labels, _stamps(test)),
        )
        return name, *parts, kind.classes
    if name == "mnist":
        train, test = mnist_files(config.path)
        return name, _mnist(_stamps(train)), _mnist(_stamps(test)), 10
    if name == "npz_images":
        return _read_archive(config)
    from hetengine.data.images.folder import read_folder

    folder = data_folder(name, config.path)
    test_folder = None if config.test_path is None else data_folder(name, config.test_path)
    train, test = read_folder(folder, test_folder, config.channels, config.size)
    return folder.name, train, test, None


def _read_archive(config: ImageDataConfig) -> tuple[str, Part, Part | None, None]:
    from hetengine.data.images.archive import read_npz_images

    path = existing_file(str(config.path), "data.path")
    train, test = read_npz_images(path, config.layout)
    if config.test_path is not None:
        test, _ = read_npz_images(existing_file(config.test_path, "data.test_path"), config.layout)
    return set_name(path), train, test, None


def _stamps(files: list[Path] | tuple[Path, ...]) -> tuple[_Stamp, ...]:
    """Name files together with what changes when they do."""
    return tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files)


@lru_cache(maxsize=4)
def _cifar(name: str, labels: str, files: tuple[_Stamp, ...]) -> Part:
    """Read files once per process: the jobs of a sweep train on the same images."""
    kind = cifar(name, labels)
    # Unpacking lets go of the interpreter lock.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(lambda stamp: read_cifar(Path(stamp[0]), kind), files))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


@lru_cache(maxsize=4)
def _mnist(files: tuple[_Stamp, ...]) -> Part:
    """Read files once per process."""
    images, labels = files
    return read_mnist(Path(images[0]), Path(labels[0]))


def _held_out(
    config: ImageDataConfig, part: Part, fraction: float, key: str, stream: int
) -> tuple[Part, Part]:
    """Split a part in two: what stays, and what is held out."""
    count = round(fraction * len(part[0]))
    if not 0 < count < len(part[0]):
        raise UsageError(
            f"data.{key}={fraction} holds out {count} of {len(part[0])} images; at least one has "
            "to be held out and one to stay"
        )
    drawn, rest = draw_evenly(part[1], count, _generator(config, stream))
    return _take(part, rest), _take(part, drawn)


def _limited(config: ImageDataConfig, part: Part, key: str, stream: int) -> Part:
    limit = getattr(config, key)
    if limit is None:
        return part
    if limit > len(part[0]):
        raise UsageError(
            f"data.{key}={limit} is more than the {len(part[0]):,} images there are; leave it out "
            "to use all"
        )
    return _take(part, draw_evenly(part[1], limit, _generator(config, stream))[0])


def _take(part: Part, positions: np.ndarray) -> Part:
    return part[0][positions], part[1][positions]


def _generator(config: ImageDataConfig, stream: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(stream,)))
