# PyTorch is the user's choice and may be absent where types are checked.
# pyright: reportMissingImports=false
"""From staged pixels to a module's input: types, crops, flips, normalisation."""

from __future__ import annotations

import torch

from hetengine.nets.model import Normalise

_BYTE_SCALE = 1.0 / 255.0


class Preparation:
    """What a program does to a batch before the module sees it.

    Parameters
    ----------
    normalise : Normalise
        Mean and deviation per channel, for bytes on the scale from 0 to 1.
    pixel_dtype, dtype : torch.dtype
        Of what is staged, and of what the module takes.
    place : torch.device
        Where the module computes.
    """

    def __init__(
        self,
        normalise: Normalise,
        pixel_dtype: torch.dtype,
        dtype: torch.dtype,
        place: torch.device,
    ) -> None:
        scale = _BYTE_SCALE if pixel_dtype == torch.uint8 else 1.0
        mean = torch.tensor(normalise.mean, dtype=torch.float64)
        deviation = torch.tensor(normalise.std, dtype=torch.float64)
        self._factor = (scale / deviation).to(place, dtype)
        self._offset = (-mean / deviation).to(place, dtype)
        self._dtype = dtype

    def __call__(self, pixels: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
        """Return the input of a module.

        Parameters
        ----------
        pixels : tensor, shape (batch, channels, height, width) or (batch, features)
            As staged.
        shifts : tensor of int32, shape (batch, 3)
            Pixels down and right, then 1 to mirror left to right; features are not moved.
        """
        images = pixels.ndim == 4
        # On a GPU the question would cost more than the answer saves.
        if images and (pixels.is_cuda or bool(shifts.any())):
            pixels = moved(pixels, shifts)
        values = pixels.to(self._dtype)
        if not images:
            return torch.addcmul(self._offset, values, self._factor)
        shape = (-1, 1, 1)
        values = torch.addcmul(self._offset.view(shape), values, self._factor.view(shape))
        return values.contiguous(memory_format=torch.channels_last)


def moved(images: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Return images moved, then mirrored; what comes in at the border is 0.

    Parameters
    ----------
    images : tensor, shape (batch, channels, height, width)
        Any type.
    shifts : tensor of int32, shape (batch, 3)
        Pixels down and right, then 1 to mirror.
    """
    count, channels, height, width = images.shape
    place = images.device
    down, right, mirrored = shifts.long().unbind(1)
    columns = torch.arange(width, device=place)
    columns = torch.where(mirrored[:, None] != 0, width - 1 - columns, columns) - right[:, None]
    rows = torch.arange(height, device=place) - down[:, None]
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[
        :, None, :
    ]
    taken = images[
        torch.arange(count, device=place)[:, None, None, None],
        torch.arange(channels, device=place)[None, :, None, None],
        rows.clamp(0, height - 1)[:, None, :, None],
        columns.clamp(0, width - 1)[:, None, None, :],
    ]
    return taken * inside[:, None]
