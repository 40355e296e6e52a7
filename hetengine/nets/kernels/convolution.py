"""Kernels of convolutions: 3x3 with padding 1 (9 taps) and 1x1 (1 tap), stride 1 and 2.

With stride 2 the input has been split into four phases (`net_split`) that have the geometry of the
output, and the gradient of the input is written as four phases, which `net_merge` puts together.
``height`` and ``width`` are therefore always those of the convolution's output, and ``x`` and
``dx`` are planes (stride 1) or phases (stride 2): shape (padded channels, 4, length).
"""

from __future__ import annotations

from hetengine.device import Buffer
from hetengine.nets.planes import Planes, round_up
from hetengine.work import Work


def packed_size(channels: int, outputs: int, taps: int) -> int:
    """Return how many elements `net_pack` may write, for either direction."""
    return round_up(channels, 16) * round_up(outputs, 16) * taps


def net_pack(
    weights: Buffer,
    packed: Buffer,
    channels: int,
    outputs: int,
    taps: int,
    stride: int,
    backward: int,
) -> Work:
    """Lay a convolution's weights out as its forward or backward kernels read them.

    The layout is the backend's own; nothing but its convolution kernels reads it.

    Parameters
    ----------
    weights : Buffer, shape (outputs, channels, taps)
        REAL.
    packed : Buffer, shape (`packed_size`,)
        REAL.
    channels, outputs, taps, stride : int
        The convolution.
    backward : int
        0 for `net_conv` and `net_conv_norm`, 1 for the gradient of the input in `net_conv_back`.
    """
    nbytes = outputs * channels * taps * weights.dtype.itemsize
    return Work(bytes_read=nbytes, bytes_written=nbytes)


def net_conv(
    x: Buffer,
    packed: Buffer,
    y: Buffer,
    images: int,
    channels: int,
    outputs: int,
    height: int,
    width: int,
    taps: int,
    stride: int,
) -> Work:
    """Convolve: ``y[k] = sum over c, t of w[k, c, t] x[c] moved by tap t``.

    Parameters
    ----------
    x : Buffer
        Masked planes or phases of ``channels``.
    packed : Buffer
        Weights from `net_pack`.
    y : Buffer
        Unmasked planes of ``outputs``.
    images, channels, outputs, height, width, taps, stride : int
        The convolution; height and width of the output.
    """
    planes = Planes(images, height, width)
    plane = planes.span * y.dtype.itemsize
    weights = channels * outputs * taps
    phases = 4 if stride == 2 and taps == 9 else 1
    return Work(
        flops=2.0 * weights * planes.pixels,
        bytes_read=channels * phases * plane + weights * y.dtype.itemsize,
        bytes_written=outputs * plane,
    )


def net_conv_norm(
    x: Buffer,
    packed: Buffer,
    y: Buffer,
    mask: Buffer,
    gamma: Buffer,
    beta: Buffer,
    running: Buffer,
    coefficients: Buffer,
    images: int,
    channels: int,
    outputs: int,
    height: int,
    width: int,
    taps: int,
    stride: int,
    epsilon: float,
    momentum: float,
) -> Work:
    """Convolve as `net_conv` does and take the batch's statistics as `net_norm` does.

    Parameters
    ----------
    x, packed, y
        See `net_conv`.
    mask, gamma, beta, running, coefficients
        See `net_norm`, for the ``outputs``.
    images, channels, outputs, height, width, taps, stride : int
        See `net_conv`.
    epsilon, momentum : float
        See `net_norm`.
    """
    conv = net_conv(x, packed, y, images, channels, outputs, height, width, taps, stride)
    pixels = images * height * width
    return Work(
        conv.flops + 3.0 * outputs * pixels, conv.bytes_read + mask.nbytes, conv.bytes_written
    )


def net_conv_back(
    x: Buffer,
    g: Buffer,
    y: Buffer,
    coefficients: Buffer,
    mask: Buffer,
    packed: Buffer,
    dy: Buffer,
    dweights: Buffer,
    dx: Buffer,
    images: int,
    channels: int,
    outputs: int,
    height: int,
    width: int,
    taps: int,
    stride: int,
    normed: int,
    target: int,
) -> Work:
    """Gradients of a convolution's weights and input.

    First, with ``normed``, ``dy = (a g + b y + c) mask`` with the coefficients of `net_norm_back`;
    otherwise ``g`` is the gradient of the output, and y, coefficients and dy are not used. For
    phases, target 1 overwrites all four, also those that no tap reaches.

    Parameters
    ----------
    x : Buffer
        Input of the convolution, see `net_conv`.
    g : Buffer
        Masked planes: gradient with respect to the normalised output, or to the output.
    y : Buffer
        Output of the convolution.
    coefficients : Buffer, shape (COEFFICIENT_ROWS, outputs)
        REAL; rows a, b, c.
    mask : Buffer, shape (length,)
        From `net_mask`.
    packed : Buffer
        Weights from `net_pack` with ``backward=1``; not read with target 0.
    dy : Buffer
        Planes for the gradient of the output, zero where they have no pixels before the first
        launch; scratch, what is left there is the backend's own.
    dweights : Buffer, shape (outputs, channels, taps)
        REAL; overwritten.
    dx : Buffer
        Unmasked planes or phases.
    images, channels, outputs, height, width, taps, stride, normed : int
        The convolution, with the output's height and width; whether batch norm followed it.
    target : int
        0, 1 or 2 for dx.
    """
    forward = net_conv(x, packed, dy, images, channels, outputs, height, width, taps, stride)
    plane = Planes(images, height, width).span * dy.dtype.itemsize
    inputs = forward.bytes_read
    read = inputs + (1 + normed) * outputs * plane + (inputs if target == 2 else 0)
    written = normed * outputs * plane + (inputs if target else 0)
    passes = 2 if target else 1
    norm_flops = 4.0 * normed * outputs * images * height * width
    return Work(passes * forward.flops + norm_flops, read, written)


def net_split(
    x: Buffer, phases: Buffer, images: int, channels: int, height: int, width: int
) -> Work:
    """Split planes into four phases: pixel (h, w) goes to (h // 2, w // 2) of its phase.

    Parameters
    ----------
    x : Buffer
        Masked planes.
    phases : Buffer, shape (padded channels, 4, length)
        Masked planes of geometry (images, ceil(height / 2), ceil(width / 2)), phase
        ``2 * (h % 2) + w % 2``; where an odd size leaves no pixel they stay 0.
    images, channels, height, width : int
        Geometry of x.
    """
    nbytes = images * channels * height * width * x.dtype.itemsize
    return Work(bytes_read=nbytes, bytes_written=nbytes)


def net_merge(
    dphases: Buffer, dx: Buffer, images: int, channels: int, height: int, width: int, target: int
) -> Work:
    """Put four phases together again: the gradient of `net_split`.

    Parameters
    ----------
    dphases : Buffer, shape (padded channels, 4, length)
        Unmasked phases.
    dx : Buffer
        Unmasked planes.
    images, channels, height, width : int
        Geometry of dx.
    target : int
        1 or 2.
    """
    nbytes = images * channels * height * width * dx.dtype.itemsize
    return Work(bytes_read=target * nbytes, bytes_written=nbytes)
