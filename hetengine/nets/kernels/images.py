"""Kernels that fill planes: constants, masks, and a batch of images or features."""

from __future__ import annotations

from hetengine.device import Buffer
from hetengine.work import Work


def net_fill(buffer: Buffer, offset: int, count: int, value: float) -> Work:
    """Set ``count`` elements from element ``offset`` on to a value.

    Parameters
    ----------
    buffer : Buffer
        Any shape, REAL.
    offset, count : int
        Elements.
    value : float
        What they become.
    """
    return Work(bytes_written=count * buffer.dtype.itemsize)


def net_mask(mask: Buffer, images: int, height: int, width: int) -> Work:
    """Write 1 where a plane has a pixel and 0 elsewhere.

    Parameters
    ----------
    mask : Buffer, shape (length,)
        REAL, one plane.
    images, height, width : int
        Geometry.
    """
    return Work(bytes_written=mask.nbytes)


def net_images(
    pixels: Buffer,
    shifts: Buffer,
    norm: Buffer,
    out: Buffer,
    images: int,
    channels: int,
    height: int,
    width: int,
) -> Work:
    """Crop, mirror and standardise raw images into masked planes.

    With ``(down, right, flip) = shifts[b]`` and ``column = width - 1 - w if flip else w``, pixel
    (b, h, w) of channel c becomes ``norm[c] * raw(h - down, column - right) + norm[channels + c]``,
    where a raw pixel outside of the image is 0.

    Parameters
    ----------
    pixels : Buffer, shape (images, channels, height, width)
        Uint8, float32 or float64.
    shifts : Buffer, shape (images, 3), int32
        Down, right, mirror.
    norm : Buffer, shape (2 * channels,)
        REAL: factors, then offsets.
    out : Buffer
        Masked planes.
    images, channels, height, width : int
        Geometry.
    """
    count = images * channels * height * width
    itemsize = out.dtype.itemsize
    return Work(2.0 * count, pixels.nbytes + shifts.nbytes + norm.nbytes, count * itemsize)


def net_features(
    pixels: Buffer, norm: Buffer, out: Buffer, rows: int, features: int, groups: int
) -> Work:
    """Standardise raw features: ``out[r, f] = norm[k] * pixels[r, f] + norm[groups + k]``.

    Parameters
    ----------
    pixels : Buffer, shape (rows, features)
        Uint8, float32 or float64.
    norm : Buffer, shape (2 * groups,)
        REAL: factors, then offsets.
    out : Buffer, shape (rows, features)
        REAL.
    rows, features : int
        Extents.
    groups : int
        1 or ``features``; ``k = f * groups // features``.
    """
    return Work(2.0 * rows * features, pixels.nbytes + norm.nbytes, out.nbytes)
