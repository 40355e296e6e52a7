"""A trained net on new images, on this machine's CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from hetengine.clock import WallClock
from hetengine.data.images.convert import pixels_of
from hetengine.device import Device
from hetengine.errors import DataError
from hetengine.nets.model import Model, Normalise, Placed
from hetengine.registry import backend
from hetengine.topology import DeviceSpec

_BATCH = 64


def probabilities(
    model: Model,
    parameters: np.ndarray,
    statistics: np.ndarray,
    normalise: Normalise,
    images: Any,
) -> np.ndarray:
    """Return the softmax of a net's logits.

    A net's programs measure the loss of a given label, which is minus the logarithm of its
    probability: every image is measured once with each label.

    Parameters
    ----------
    model : Model
        The net.
    parameters, statistics : ndarray, shapes (P,) and (S,)
        Its flat vectors.
    normalise : Normalise
        As in training.
    images : array_like
        As for `hetengine.data.images.convert.image_data_of`.

    Returns
    -------
    ndarray, shape (N, classes), float64
        One row per image.

    Raises
    ------
    DataError
        If they are no images of the size the net takes.
    """
    pixels = pixels_of(images, "auto", "images")
    size = tuple(model.input_shape)
    if pixels[0].size != np.prod(size) or (len(size) == 3 and pixels.shape[1:] != size):
        raise DataError(f"images of {pixels.shape[1:]}, but {model.name} takes {size}")
    pixels = pixels.reshape(len(pixels), *size)
    losses = np.empty((len(pixels), model.classes))
    with _opened() as host:
        placed = model.place(host, _BATCH, parameters.dtype, pixels.dtype, normalise, slots=1)
        placed.parameters.array[:] = parameters
        placed.statistics.array[: statistics.size] = statistics
        for first in range(0, len(pixels), _BATCH):
            part = slice(first, min(first + _BATCH, len(pixels)))
            losses[part] = _measure(host, placed, pixels[part], model.classes)
        placed.free()
    chances = np.exp(losses.min(axis=1, keepdims=True) - losses)
    return chances / chances.sum(axis=1, keepdims=True)


@contextmanager
def _opened() -> Iterator[Device]:
    device = backend("numpy").open(DeviceSpec("host", "host"), WallClock(), lambda span: None)
    try:
        yield device
    finally:
        device.close()


def _measure(host: Device, placed: Placed, pixels: np.ndarray, classes: int) -> np.ndarray:
    """Return the loss of each image with each label, shape (count, classes)."""
    slot, program, count = placed.slots[0], placed.evaluate[0], len(pixels)
    slot.pixels.array[:count] = pixels
    slot.labels.array[:] = -1
    losses = np.empty((count, classes))
    for label in range(classes):
        slot.labels.array[:count] = label
        host.clock.run(host.launch(program, program.buffers, program.work))
        losses[:, label] = slot.losses.array[:count]
    return losses
