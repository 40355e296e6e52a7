"""What every loader of images returns and a net is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hetengine.errors import DataError
from hetengine.nets.model import Normalise


@dataclass(frozen=True, slots=True, eq=False)
class ImageData:
    """Labelled images, checked: consistent sizes, labels in range, something to learn from.

    Attributes
    ----------
    name : str
        Name for tables and ``summary.json``.
    images : ndarray, shape (N, C, H, W), uint8 or float32
        C-ordered pixels, before `normalise`.
    labels : ndarray, shape (N,), int32
        Classes, from 0 to ``classes - 1``.
    classes : int
        Number of classes.
    normalise : Normalise
        What turns pixels into the net's input; its ``pad`` is the reach of random crops.
    augment : bool
        Whether training draws random crops, and flips where ``flip`` says so.
    test : ImageData or None
        Held-out images with the same classes and normalisation.
    flip : bool
        Whether a mirrored image still is of its class; digits, for instance, are not.

    Raises
    ------
    DataError
        If the parts do not make a data set.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    classes: int
    normalise: Normalise
    augment: bool = False
    test: ImageData | None = None
    flip: bool = False

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.ndim != 4 or images.dtype not in (np.uint8, np.float32):
            raise DataError(
                f"{self.name}: images have shape {images.shape} and type {images.dtype}; need "
                "(N, channels, height, width) of uint8 or float32"
            )
        if not images.size or not images.flags.c_contiguous:
            raise DataError(f"{self.name}: images of shape {images.shape} are empty or strided")
        if labels.shape != (len(images),) or labels.dtype != np.int32:
            raise DataError(
                f"{self.name}: {len(images):,} images but labels of shape {labels.shape} and type "
                f"{labels.dtype}; need one int32 per image"
            )
        if labels.min() < 0 or labels.max() >= self.classes:
            wrong = int(np.flatnonzero((labels < 0) | (labels >= self.classes))[0])
            raise DataError(
                f"{self.name}: label {labels[wrong]} of image {wrong} is not one of "
                f"0 to {self.classes - 1}"
            )
        if self.test is not None and self.test.images.shape[1:] != images.shape[1:]:
            raise DataError(
                f"{self.name}: training images are {images.shape[1:]} and test images "
                f"{self.test.images.shape[1:]} (channels, height, width); bring them to one size"
            )

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels."""
        return int(self.images.nbytes)
