"""Mean and deviation of the pixels, per channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hetengine.errors import UsageError
from hetengine.nets.model import Normalise


def normalise_of(
    images: np.ndarray,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    pad: int,
    name: str,
) -> Normalise:
    """Return how pixels are brought to mean 0 and deviation 1.

    Parameters
    ----------
    images : ndarray, shape (N, C, H, W), uint8 or float32
        Training images; nothing else may be looked at.
    mean, std : sequence of float or None
        Given values, one per channel; None measures them.
    pad : int
        Most pixels a crop moves.
    name : str
        Of the data, for messages.

    Raises
    ------
    UsageError
        If there are not as many given values as channels, or crops move images out of sight.
    """
    channels, height, width = images.shape[1:]
    if pad and pad >= min(height, width):
        raise UsageError(
            f"data.pad={pad} moves images of {height} x {width} pixels ({name}) out of sight; "
            f"allowed: 0 to {min(height, width) - 1}"
        )
    for key, given in (("mean", mean), ("std", std)):
        if given is not None and len(given) != channels:
            raise UsageError(
                f"data.{key}={list(given)}: {name} has {channels} channels; give one value each"
            )
    if mean is not None and std is not None:
        return Normalise(tuple(mean), tuple(std), pad)
    measured = [_moments(images[:, channel]) for channel in range(channels)]
    # A channel without variation carries nothing; 1 leaves it at 0.
    deviations = tuple(deviation or 1.0 for _, deviation in measured)
    return Normalise(tuple(middle for middle, _ in measured), deviations, pad)


def _moments(pixels: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation, of whole numbers on the scale from 0 to 1."""
    if pixels.dtype == np.uint8:
        counts = np.bincount(pixels.reshape(-1), minlength=256).astype(np.float64)
        values = np.arange(256) / 255.0
        middle = float(counts @ values / counts.sum())
        return middle, float(np.sqrt(counts @ (values - middle) ** 2 / counts.sum()))
    return float(pixels.mean(dtype=np.float64)), float(pixels.std(dtype=np.float64))
