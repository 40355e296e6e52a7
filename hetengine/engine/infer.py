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


def logits(
    model: Model,
    parameters: np.ndarray,
    statistics: np.ndarray,
    normalise: Normalise,
    images: Any,
) -> np.ndarray:
    """Return what a net makes of images, each of which it sees once.

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
    ndarray, shape (N, classes)
        One row per image, of the parameters' type.

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
    found = np.empty((len(pixels), model.classes), parameters.dtype)
    with _opened() as host:
        placed = model.place(host, _BATCH, parameters.dtype, pixels.dtype, normalise, slots=1)
        placed.parameters.array[:] = parameters
        placed.statistics.array[: statistics.size] = statistics
        placed.slots[0].labels.array[:] = -1
        for first in range(0, len(pixels), _BATCH):
            part = pixels[first : first + _BATCH]
            found[first : first + len(part)] = _evaluate(host, placed, part)
        placed.free()
    return found


@contextmanager
def _opened() -> Iterator[Device]:
    device = backend("numpy").open(DeviceSpec("host", "host"), WallClock(), lambda span: None)
    try:
        yield device
    finally:
        device.close()


def _evaluate(host: Device, placed: Placed, pixels: np.ndarray) -> np.ndarray:
    """Return the logits of at most a batch, shape (count, classes)."""
    program, count = placed.evaluate[0], len(pixels)
    placed.slots[0].pixels.array[:count] = pixels
    host.clock.run(host.launch(program, program.buffers, program.work))
    return placed.logits.array.reshape(placed.batch, -1)[:count]
