"""Kernels of batch norm, biases, residual additions and ReLU: one affine map per channel.

Whatever a channel needs is gathered in ``coefficients``, shape (`COEFFICIENT_ROWS`, channels):
rows scale, shift, mean, inverse deviation; then a, b, c of the backward pass; the last is unused.
"""

from __future__ import annotations

from hetengine.device import Buffer
from hetengine.nets.planes import Planes
from hetengine.work import Work

#: Rows of a buffer of coefficients.
COEFFICIENT_ROWS = 8


def net_norm(
    y: Buffer,
    mask: Buffer,
    gamma: Buffer,
    beta: Buffer,
    running: Buffer,
    coefficients: Buffer,
    images: int,
    channels: int,
    height: int,
    width: int,
    epsilon: float,
    momentum: float,
) -> Work:
    """Statistics of a batch and the affine map of batch norm in training (Ioffe & Szegedy 2015).

    Over the pixels of each channel: ``mean``, biased variance ``var``, ``inverse = 1 / sqrt(var +
    epsilon)``, ``scale = gamma inverse``, ``shift = beta - mean scale``; and ``running`` moves by
    ``momentum`` towards the mean and the unbiased variance.

    Parameters
    ----------
    y : Buffer
        Unmasked planes.
    mask : Buffer, shape (length,)
        From `net_mask`.
    gamma, beta : Buffer, shape (channels,)
        REAL.
    running : Buffer, shape (2 * channels,)
        REAL: means, then variances; updated.
    coefficients : Buffer, shape (COEFFICIENT_ROWS, channels)
        REAL; the first four rows are written.
    images, channels, height, width : int
        Geometry.
    epsilon, momentum : float
        Of batch norm.
    """
    nbytes = channels * Planes(images, height, width).span * y.dtype.itemsize
    return Work(3.0 * channels * images * height * width, nbytes + mask.nbytes)


def net_norm_running(
    gamma: Buffer,
    beta: Buffer,
    running: Buffer,
    coefficients: Buffer,
    channels: int,
    epsilon: float,
) -> Work:
    """Affine map of batch norm in evaluation, from the running statistics.

    Parameters
    ----------
    gamma, beta, running, coefficients : Buffer
        See `net_norm`; running is only read, and scale and shift are written.
    channels : int
        Channels.
    epsilon : float
        Of batch norm.
    """
    return Work(4.0 * channels, gamma.nbytes + beta.nbytes + running.nbytes, 2.0 * gamma.nbytes)


def net_bias(bias: Buffer, coefficients: Buffer, channels: int) -> Work:
    """Affine map of a bias: scale 1, shift ``bias``.

    Parameters
    ----------
    bias : Buffer, shape (channels,)
        REAL.
    coefficients : Buffer, shape (COEFFICIENT_ROWS, channels)
        REAL; scale and shift are written.
    channels : int
        Channels.
    """
    return Work(0.0, bias.nbytes, 2.0 * bias.nbytes)


def net_apply(
    y: Buffer,
    coefficients: Buffer,
    r: Buffer,
    r_coefficients: Buffer,
    mask: Buffer,
    z: Buffer,
    images: int,
    channels: int,
    height: int,
    width: int,
    residual: int,
    relu: int,
) -> Work:
    """Affine map, residual and ReLU: ``z = relu(scale y + shift + residual) mask``.

    Parameters
    ----------
    y : Buffer
        Unmasked planes.
    coefficients : Buffer, shape (COEFFICIENT_ROWS, channels)
        Scale and shift of y.
    r : Buffer
        Unmasked planes; not read with residual 0 (any buffer may stand here).
    r_coefficients : Buffer, shape (COEFFICIENT_ROWS, channels)
        Scale and shift of r; read with residual 2 only.
    mask : Buffer, shape (length,)
        From `net_mask`.
    z : Buffer
        Masked planes.
    images, channels, height, width : int
        Geometry.
    residual : int
        0 for none, 1 for ``r``, 2 for ``r_scale r + r_shift``.
    relu : int
        1 to clip below 0, else 0.
    """
    nbytes = channels * Planes(images, height, width).span * y.dtype.itemsize
    flops = (3.0 + residual + relu) * channels * images * height * width
    return Work(flops, (2 if residual else 1) * nbytes + mask.nbytes, nbytes)


def net_norm_back(
    dz: Buffer,
    z: Buffer,
    y: Buffer,
    mask: Buffer,
    coefficients: Buffer,
    gamma: Buffer,
    dgamma: Buffer,
    dbeta: Buffer,
    images: int,
    channels: int,
    height: int,
    width: int,
    relu: int,
) -> Work:
    """Backward of batch norm in training, up to the map that gives the gradient of its input.

    ``g = dz where z > 0`` with relu, ``dz mask`` without, written over dz; ``dbeta = sum g``,
    ``dgamma = (sum g y - mean dbeta) inverse``; and with M pixels the coefficients ``a = gamma
    inverse``, ``b = -a inverse dgamma / M``, ``c = -a dbeta / M - b mean``, so that the gradient
    with respect to y is ``(a g + b y + c) mask``. The same g is the gradient of the residual.

    Parameters
    ----------
    dz : Buffer
        Unmasked planes: gradient with respect to z; masked, and g, afterwards.
    z : Buffer
        Masked planes from `net_apply`; read with relu only.
    y : Buffer
        Input of the norm.
    mask : Buffer, shape (length,)
        From `net_mask`.
    coefficients : Buffer, shape (COEFFICIENT_ROWS, channels)
        From the forward pass; a, b, c are written.
    gamma, dgamma, dbeta : Buffer, shape (channels,)
        REAL; the gradients are overwritten.
    images, channels, height, width : int
        Geometry.
    relu : int
        Whether z was clipped below 0.
    """
    nbytes = channels * Planes(images, height, width).span * y.dtype.itemsize
    flops = 4.0 * channels * images * height * width
    return Work(flops, (2 + relu) * nbytes + mask.nbytes, nbytes)


def net_bias_back(
    dz: Buffer,
    z: Buffer,
    mask: Buffer,
    dbias: Buffer,
    images: int,
    channels: int,
    height: int,
    width: int,
    relu: int,
) -> Work:
    """Backward of a bias: g as in `net_norm_back`, written over dz, and ``dbias = sum g``.

    Parameters
    ----------
    dz, z, mask : Buffer
        See `net_norm_back`.
    dbias : Buffer, shape (channels,)
        REAL; overwritten.
    images, channels, height, width : int
        Geometry.
    relu : int
        Whether z was clipped below 0.
    """
    nbytes = channels * Planes(images, height, width).span * dz.dtype.itemsize
    flops = 2.0 * channels * images * height * width
    return Work(flops, (1 + relu) * nbytes + mask.nbytes, nbytes)


def net_norm_input(
    g: Buffer,
    y: Buffer,
    coefficients: Buffer,
    mask: Buffer,
    dy: Buffer,
    images: int,
    channels: int,
    height: int,
    width: int,
    target: int,
) -> Work:
    """Gradient of the input of a batch norm that follows no convolution.

    ``dy = (a g + b y + c) mask``, or added to dy.

    Parameters
    ----------
    g, y, coefficients, mask : Buffer
        As `net_norm_back` leaves them.
    dy : Buffer
        Unmasked planes; may be g with target 1.
    images, channels, height, width : int
        Geometry.
    target : int
        1 or 2.
    """
    nbytes = channels * Planes(images, height, width).span * dy.dtype.itemsize
    flops = 4.0 * channels * images * height * width
    return Work(flops, (1 + target) * nbytes + mask.nbytes, nbytes)
