"""Kernels of pooling, and of the way from planes to a matrix of features and back."""

from __future__ import annotations

from hetengine.device import Buffer
from hetengine.work import Work


def _nbytes(buffer: Buffer, *extents: int) -> float:
    size = buffer.dtype.itemsize
    for extent in extents:
        size *= extent
    return size


def net_average_pool(
    x: Buffer, p: Buffer, images: int, channels: int, height: int, width: int
) -> Work:
    """Mean of each image's pixels: ``p[b, c]``.

    Parameters
    ----------
    x : Buffer
        Masked planes.
    p : Buffer, shape (images, channels)
        REAL.
    images, channels, height, width : int
        Geometry of x.
    """
    read = _nbytes(x, images, channels, height, width)
    return Work(images * channels * height * width, read, p.nbytes)


def net_average_pool_back(
    dp: Buffer, dx: Buffer, images: int, channels: int, height: int, width: int, target: int
) -> Work:
    """Gradient of `net_average_pool`: every pixel gets ``dp[b, c] / (height width)``.

    Parameters
    ----------
    dp : Buffer, shape (images, channels)
        REAL.
    dx : Buffer
        Unmasked planes.
    images, channels, height, width : int
        Geometry of dx.
    target : int
        1 or 2.
    """
    nbytes = _nbytes(dx, images, channels, height, width)
    return Work(target * nbytes / dx.dtype.itemsize, dp.nbytes + (target - 1) * nbytes, nbytes)


def net_max_pool(
    x: Buffer, z: Buffer, images: int, channels: int, height: int, width: int, window: int
) -> Work:
    """Largest pixel of each window; windows do not overlap, what is left over is dropped.

    Parameters
    ----------
    x : Buffer
        Masked planes of (images, height, width).
    z : Buffer
        Masked planes of (images, height // window, width // window).
    images, channels, height, width : int
        Geometry of x.
    window : int
        Pixels each way.
    """
    read = _nbytes(x, images, channels, height, width)
    written = _nbytes(z, images, channels, height // window, width // window)
    return Work(images * channels * height * width, read, written)


def net_max_pool_back(
    x: Buffer,
    dz: Buffer,
    dx: Buffer,
    images: int,
    channels: int,
    height: int,
    width: int,
    window: int,
    target: int,
) -> Work:
    """Gradient of `net_max_pool`: it goes to the first of the largest pixels in row-major order.

    Parameters
    ----------
    x : Buffer
        Input of the pooling.
    dz : Buffer
        Unmasked planes of (images, height // window, width // window).
    dx : Buffer
        Unmasked planes of (images, height, width); every pixel is written with target 1.
    images, channels, height, width : int
        Geometry of x.
    window : int
        Pixels each way.
    target : int
        1 or 2.
    """
    whole = _nbytes(x, images, channels, height, width)
    small = _nbytes(dz, images, channels, height // window, width // window)
    return Work(whole / x.dtype.itemsize, target * whole + small, whole)


def net_flatten(x: Buffer, p: Buffer, images: int, channels: int, height: int, width: int) -> Work:
    """Copy planes into rows of features: ``p[b, (c height + h) width + w]``.

    Parameters
    ----------
    x : Buffer
        Masked planes.
    p : Buffer, shape (images, channels * height * width)
        REAL.
    images, channels, height, width : int
        Geometry of x.
    """
    return Work(bytes_read=p.nbytes, bytes_written=p.nbytes)


def net_flatten_back(
    dp: Buffer, dx: Buffer, images: int, channels: int, height: int, width: int, target: int
) -> Work:
    """Copy rows of features back into planes: the gradient of `net_flatten`.

    Parameters
    ----------
    dp : Buffer, shape (images, channels * height * width)
        REAL.
    dx : Buffer
        Unmasked planes; every pixel is written.
    images, channels, height, width : int
        Geometry of dx.
    target : int
        1 or 2.
    """
    return Work(bytes_read=target * dp.nbytes, bytes_written=dp.nbytes)
