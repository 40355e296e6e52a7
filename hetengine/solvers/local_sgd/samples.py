"""The images on the host, and batches gathered from them."""

from __future__ import annotations

import math

import numpy as np

from hetengine.data.images.augment import draw_shifts
from hetengine.data.images.dataset import ImageData
from hetengine.errors import UsageError
from hetengine.nets.model import Model, Normalise


class Samples:
    """Images in the shape a net takes them.

    Parameters
    ----------
    data : ImageData
        Images and labels.
    model : Model
        What reads them.

    Attributes
    ----------
    pixels : ndarray, shape (N, *input_shape)
        A view of the images.
    labels : ndarray of int32, shape (N,)
        Classes.
    normalise : Normalise
        What the net does to pixels first.
    augment : bool
        Whether training moves and mirrors images.

    Raises
    ------
    UsageError
        If the net takes images of another size or has another number of classes.
    """

    def __init__(self, data: ImageData, model: Model) -> None:
        if math.prod(model.input_shape) != math.prod(data.shape) or (
            len(model.input_shape) == 3 and tuple(model.input_shape) != tuple(data.shape)
        ):
            raise UsageError(
                f"problem {model.name} takes inputs of {tuple(model.input_shape)} and {data.name} "
                f"has images of {data.shape}; choose a model for that size or other data"
            )
        if model.classes != data.classes:
            raise UsageError(
                f"problem {model.name} tells {model.classes} classes apart and {data.name} has "
                f"{data.classes}; choose a model with {data.classes} classes"
            )
        self.pixels = data.images.reshape(len(data.images), *model.input_shape)
        self.labels = data.labels
        self.normalise: Normalise = data.normalise
        self.augment = data.augment and (data.flip or data.normalise.pad > 0)
        self._pad = data.normalise.pad
        self._flip = data.flip

    @property
    def count(self) -> int:
        """Number of images, N."""
        return self.labels.size

    @property
    def nbytes(self) -> int:
        """Bytes of pixels and labels."""
        return self.pixels.nbytes + self.labels.nbytes

    @property
    def sample_bytes(self) -> int:
        """Bytes of one image."""
        return self.pixels.nbytes // self.count

    def gather(self, ids: np.ndarray, pixels: np.ndarray, labels: np.ndarray) -> None:
        """Copy the listed images and labels into a batch; what is left of it is padding.

        Parameters
        ----------
        ids : ndarray of int, shape (m,)
            At most as many as the batch has places.
        pixels : ndarray, shape (batch, *input_shape)
            Overwritten where there are samples.
        labels : ndarray of int32, shape (batch,)
            Overwritten; -1 for padding.
        """
        count = ids.size
        self.pixels.take(ids, 0, pixels[:count], "clip")
        self.labels.take(ids, 0, labels[:count], "clip")
        labels[count:] = -1

    def shifts(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw how the images of a training batch are moved and mirrored, shape (count, 3)."""
        return draw_shifts(rng, count, self._pad, self._flip)
